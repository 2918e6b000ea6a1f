import { Batcher } from "../../exporters/core/batcher.js";
import type { CursorState } from "../../exporters/core/cursor.js";
import { DeadLetterStore } from "../../exporters/core/dead-letters.js";
import { DeliveryEngine, type EngineOptions } from "../../exporters/core/engine.js";
import type { ExportBatch, Exporter, Outcome } from "../../exporters/core/exporter.js";
import { partData } from "../../exporters/core/payload.js";
import { SIGNALS } from "../../schema/index.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { MemoryJournal, spansOf } from "./memory-journal.js";
import { VirtualClock } from "./virtual-clock.js";

/** Decides what the peer answers to a batch, given its span names. */
export type Answer = (names: string[], batch: ExportBatch) => Outcome | Promise<Outcome>;

/** Folder of the dead letters on {@link EngineHarness.disk}. */
export const DEAD_LETTER_DIR = "/dead-letters";

/** An engine over a journal and a disk in memory, a virtual clock and a peer made of a function. */
export class EngineHarness {
  readonly clock: VirtualClock;
  readonly journal = new MemoryJournal();
  readonly received: string[][] = [];
  readonly attempts: { at: number; names: string[] }[] = [];
  readonly cursors: number[] = [];
  answer: Answer = () => ({ kind: "delivered" });
  stored: CursorState | undefined;
  /** How long storing a cursor takes: a kill may come in between. */
  saveMs = 0;
  engine: DeliveryEngine | undefined;
  /** Where the dead letters are. */
  disk = new MemoryFileSystem();
  #life = 0;

  constructor(seed = 1) {
    this.clock = new VirtualClock(seed);
  }

  /** Starts (or restarts) from the stored cursor. */
  start(over: Partial<EngineOptions> = {}): DeliveryEngine {
    this.engine = new DeliveryEngine(this.#options(over), this.journal.tail());
    return this.engine;
  }

  get running(): DeliveryEngine {
    if (this.engine === undefined) throw new Error("start the engine first");
    return this.engine;
  }

  /** As if the process were killed: what runs on of the old engine reaches neither disk nor peer. */
  abandon(): void {
    this.#life += 1;
    this.disk = this.disk.afterKill();
    this.engine = undefined;
  }

  /** Appends records of the given span names and tells the engine. */
  feed(...records: string[][]): void {
    for (const names of records) this.journal.appendSpans(names);
    this.engine?.notify(this.journal.tail());
  }

  /** All names that arrived, in order of arrival. */
  get delivered(): string[] {
    return this.received.flat();
  }

  /** The stored dead letters, as JSON. */
  deadLetters(): Record<string, unknown>[] {
    return this.disk.paths().flatMap((path) =>
      this.disk
        .contentOf(path)
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    );
  }

  #options(over: Partial<EngineOptions>): EngineOptions {
    const life = this.#life;
    const alive = (): boolean => life === this.#life;
    return {
      name: "test",
      exporter: this.#exporter(alive),
      gatherer: new Batcher({ itemsMax: 8, bytesMax: 1_000_000, flushIntervalMs: 50 }),
      processors: [],
      signals: new Set(SIGNALS),
      openReader: this.journal.openReader,
      cursor: {
        load: () => this.stored,
        save: async (state) => {
          if (this.saveMs > 0) {
            await new Promise<void>((resolve) => {
              this.clock.schedule(resolve, this.saveMs);
            });
          }
          if (!alive()) return never();
          this.stored = structuredClone(state);
        },
      },
      deadLetters: new DeadLetterStore({ dir: DEAD_LETTER_DIR, fileSystem: this.disk }),
      retry: { initialMs: 1_000, multiplier: 2, maxMs: 60_000, maxElapsedMs: 0 },
      concurrency: 3,
      clock: this.clock,
      log: () => undefined,
      onCursor: (seq) => this.cursors.push(seq),
      ...over,
    };
  }

  /** The harness's exporter with a `sync`. */
  exporterWith(sync: () => Promise<void>): Exporter {
    return { ...this.#exporter(() => true), sync };
  }

  #exporter(alive: () => boolean): Exporter {
    return {
      wants: "bytes",
      send: async (batch) => {
        if (!alive()) return never();
        const names = batch.parts.flatMap((part) =>
          spansOf(partData("traces", part)).map((span) => span.name),
        );
        this.attempts.push({ at: this.clock.now(), names });
        const outcome = await this.answer(names, batch);
        if (outcome.kind === "delivered") this.received.push(names);
        return outcome;
      },
      close: () => Promise.resolve(),
    };
  }
}

/** What a dead process answers. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}
