import { Batcher } from "../../exporters/core/batcher.js";
import type { CursorState } from "../../exporters/core/cursor.js";
import { DeadLetterStore } from "../../exporters/core/dead-letters.js";
import { DeliveryEngine, type EngineOptions } from "../../exporters/core/engine.js";
import type { ExportBatch, Exporter, Outcome } from "../../exporters/core/exporter.js";
import { partData } from "../../exporters/core/payload.js";
import { SIGNALS, type TracesData } from "../../schema/index.js";
import { MemoryJournal, spansOf } from "./memory-journal.js";
import { VirtualClock } from "./virtual-clock.js";

/** Decides what the peer answers to a batch, given its span names. */
export type Answer = (names: string[], batch: ExportBatch) => Outcome | Promise<Outcome>;

/** An engine over a journal in memory, a virtual clock and a peer made of a function. */
export class EngineHarness {
  readonly clock: VirtualClock;
  readonly journal = new MemoryJournal();
  readonly received: string[][] = [];
  readonly attempts: { at: number; names: string[] }[] = [];
  readonly cursors: number[] = [];
  answer: Answer = () => ({ kind: "delivered" });
  stored: CursorState | undefined;
  engine: DeliveryEngine | undefined;
  readonly #dir: string;

  constructor(dir: string, seed = 1) {
    this.#dir = dir;
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

  /** Appends records of the given span names and tells the engine. */
  feed(...records: string[][]): void {
    for (const names of records) this.journal.appendSpans(names);
    this.engine?.notify(this.journal.tail());
  }

  /** All names that arrived, in order of arrival. */
  get delivered(): string[] {
    return this.received.flat();
  }

  get deadLetterDir(): string {
    return this.#dir;
  }

  #options(over: Partial<EngineOptions>): EngineOptions {
    return {
      name: "test",
      exporter: this.#exporter(),
      gatherer: new Batcher({ itemsMax: 8, bytesMax: 1_000_000, flushIntervalMs: 50 }),
      processors: [],
      signals: new Set(SIGNALS),
      openReader: this.journal.openReader,
      cursor: {
        load: () => this.stored,
        save: (state) => {
          this.stored = structuredClone(state);
        },
      },
      deadLetters: new DeadLetterStore({ dir: this.#dir }),
      retry: { initialMs: 1_000, multiplier: 2, maxMs: 60_000, maxElapsedMs: 0 },
      concurrency: 3,
      clock: this.clock,
      log: () => undefined,
      onCursor: (seq) => this.cursors.push(seq),
      ...over,
    };
  }

  #exporter(): Exporter {
    return {
      wants: "bytes",
      send: async (batch) => {
        const names = batch.parts.flatMap((part) =>
          spansOf(partData(batch.signal, part) as TracesData).map((span) => span.name),
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
