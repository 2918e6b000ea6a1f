import { join } from "node:path";
import {
  CursorFile,
  nodeFileSystem,
  openJournalReader,
  type JournalTail,
  zeroCounts,
} from "../journal/index.js";
import { ATTR_IMPORT, CounterfoilError, isTelemetry, type JournalSignal } from "../schema/index.js";
import { dataDirPaths } from "../store/data-dir.js";
import { SYSTEM_CLOCK } from "./core/clock.js";
import { zeroTotals } from "./core/counts.js";
import type { CursorState, CursorStore } from "./core/cursor.js";
import { DeadLetterStore } from "./core/dead-letters.js";
import { DeliveryEngine, type EngineOptions } from "./core/engine.js";
import { replayDeadLetters } from "./core/replay-dead-letters.js";
import { DEFAULT_RETRY } from "./core/retry.js";
import { createExporter, DEFAULT_CONCURRENCY, type CreatedExporter } from "./create-exporter.js";
import type {
  DeadLetterReplayReport,
  DestinationLogEntry,
  DestinationOptions,
  ExporterConfig,
  ReplayRange,
  ReplayReport,
} from "./destination-types.js";
import { recordRule } from "./langsmith/push/record-rule.js";
import { createProcessors, type ProcessorConfig } from "./processors/index.js";
import type { DestinationStats } from "./types.js";

/** What a destination tells its surroundings. */
export interface RuntimeEvents {
  readonly onCursor: (seq: number) => void;
  readonly onChange: () => void;
  readonly onLog: (entry: DestinationLogEntry) => void;
  /** Live delivery ended: only a new runtime, which starts at the stored cursor, delivers what is lost. */
  readonly onLost: (message: string) => void;
}

/** A replay has until the process ends: it waits for its peer like any delivery. Milliseconds. */
const REPLAY_DEADLINE_MS = 2 ** 31 - 1;

/** What an import read out of LangSmith does not go back there. */
const IMPORTED: ProcessorConfig = {
  type: "filter",
  id: "imported",
  keepAncestors: false,
  rules: [{ name: "langsmith", attributes: { [ATTR_IMPORT]: { equals: "langsmith" } } }],
};

/** One destination in the thread it is called in: live delivery, and replays beside it. */
export class DestinationRuntime {
  readonly #options: Omit<DestinationOptions, "onLog">;
  readonly #events: RuntimeEvents;
  readonly #deadLetters: DeadLetterStore;
  readonly #engine: DeliveryEngine;
  readonly #abort = new AbortController();
  readonly #replays = new Set<DeliveryEngine>();

  /** Starts delivering. Throws CF_CONFIG_INVALID, or what the disk answered to reading the cursor. */
  static async start(
    options: Omit<DestinationOptions, "onLog">,
    tail: JournalTail,
    events: RuntimeEvents,
  ): Promise<DestinationRuntime> {
    // Durably: a cursor that a power cut takes away with its folder would begin the destination anew.
    await nodeFileSystem.mkdir(dataDirPaths(options.dataDir).cursors);
    return new DestinationRuntime(options, tail, events);
  }

  private constructor(options: Omit<DestinationOptions, "onLog">, tail: JournalTail, events: RuntimeEvents) {
    this.#options = options;
    this.#events = events;
    this.#deadLetters = this.#openDeadLetters("");
    const { startAt } = options.delivery ?? {};
    this.#engine = new DeliveryEngine(
      {
        ...this.#engineOptions(this.#create()),
        cursor: this.#cursorStore(),
        deadLetters: this.#deadLetters,
        ...(startAt === undefined ? {} : { startAt }),
        onCursor: events.onCursor,
        onLost: events.onLost,
        onChange: events.onChange,
      },
      tail,
    );
  }

  notify(tail: JournalTail): void {
    this.#engine.notify(tail);
  }

  retryNow(): void {
    this.#engine.retryNow();
  }

  flush(deadlineMs: number): Promise<void> {
    return this.#engine.flush(deadlineMs);
  }

  stats(): DestinationStats {
    return this.#engine.stats();
  }

  /** Sends what is ready within the deadline; then everything is closed, delivered or not. */
  async shutdown(deadlineMs: number): Promise<void> {
    await this.#engine.drain(deadlineMs);
    this.#abort.abort();
    for (const replay of this.#replays) await replay.stop();
    await this.#engine.stop();
  }

  /** Sends a range again with a cursor file and dead letters of its own (`<name>.replay`). */
  async replay(range: ReplayRange): Promise<ReplayReport> {
    this.#checkRange(range);
    const store = new CursorFile<CursorState>(this.#cursorPath(".replay"));
    const start: CursorState = { seq: range.fromSeq - 1, counts: zeroCounts(), totals: zeroTotals() };
    const engine = new DeliveryEngine(
      {
        ...this.#engineOptions(this.#create()),
        cursor: { load: () => start, save: (state) => store.save(state) },
        deadLetters: this.#openDeadLetters(".replay"),
      },
      { seq: range.toSeq, counts: zeroCounts() },
    );
    this.#replays.add(engine);
    try {
      await engine.flush(REPLAY_DEADLINE_MS);
      return report(engine.stats());
    } finally {
      this.#replays.delete(engine);
      await engine.stop();
    }
  }

  async replayDeadLetters(): Promise<DeadLetterReplayReport> {
    await this.#deadLetters.rotate();
    const { exporter } = this.#create();
    try {
      const processors = createProcessors(this.#options.processors ?? []);
      const dir = this.#deadLetterDir();
      return await replayDeadLetters({ dir, exporter, processors, abort: this.#abort.signal });
    } finally {
      await exporter.close();
    }
  }

  #engineOptions(created: CreatedExporter): Omit<EngineOptions, "cursor" | "deadLetters"> {
    const { name, dataDir, delivery = {}, signals, processors, exporter } = this.#options;
    const dir = dataDirPaths(dataDir).journal;
    const isRecords = exporter.type === "langsmith_records";
    return {
      name,
      exporter: created.exporter,
      gatherer: created.gatherer,
      processors: createProcessors(
        exporter.type === "langsmith" ? [IMPORTED, ...(processors ?? [])] : (processors ?? []),
      ),
      signals: new Set(signals.filter((signal) => takes(exporter, signal))),
      openReader: (afterSeq, counts) => openJournalReader({ dir, afterSeq, counts }),
      retry: { ...DEFAULT_RETRY, ...delivery.retry },
      // Records go in order.
      concurrency: isRecords ? 1 : (delivery.concurrency ?? DEFAULT_CONCURRENCY),
      recordRule: isRecords ? recordRule(exporter.push) : undefined,
      clock: SYSTEM_CLOCK,
      ...(delivery.pendingBytesMax === undefined ? {} : { pendingBytesMax: delivery.pendingBytesMax }),
      log: (level, message) => this.#events.onLog({ level, message: created.scrub(message) }),
    };
  }

  #openDeadLetters(suffix: string): DeadLetterStore {
    const onRemoved = (path: string): void => {
      const message = `Dead letters are at their bound: removed the oldest file, ${path}. The mirror still has its items.`;
      this.#events.onLog({ level: "warn", message });
    };
    return new DeadLetterStore({ dir: `${this.#deadLetterDir()}${suffix}`, onRemoved });
  }

  #create(): CreatedExporter {
    const { name, exporter, delivery = {} } = this.#options;
    const warn = (message: string): void => this.#events.onLog({ level: "warn", message });
    return createExporter(exporter, { name, delivery, warn });
  }

  #cursorStore(): CursorStore {
    const file = new CursorFile<CursorState>(this.#cursorPath(""));
    return { load: () => file.loadSync(), save: (state) => file.save(state) };
  }

  #cursorPath(suffix: string): string {
    const { cursors } = dataDirPaths(this.#options.dataDir);
    return join(cursors, `${fileNameOf(this.#options.name)}${suffix}.json`);
  }

  #deadLetterDir(): string {
    return join(dataDirPaths(this.#options.dataDir).deadLetters, fileNameOf(this.#options.name));
  }

  #checkRange({ fromSeq, toSeq }: ReplayRange): void {
    if (!Number.isSafeInteger(fromSeq) || !Number.isSafeInteger(toSeq) || fromSeq < 1 || toSeq < fromSeq) {
      throw new CounterfoilError("CF_USAGE", `A replay needs 1 <= from <= to; got ${fromSeq} to ${toSeq}.`);
    }
    const dir = dataDirPaths(this.#options.dataDir).journal;
    const reader = openJournalReader({ dir, afterSeq: fromSeq - 1 });
    try {
      const { records, gaps } = reader.read({ maxBytes: 1, upToSeq: toSeq });
      const first = records[0]?.seq;
      if (first === undefined || gaps.some((gap) => gap.reason === "trimmed")) {
        throw new CounterfoilError(
          "CF_NOT_FOUND",
          `Journal records from ${fromSeq} on are gone; the first one still there is ${first ?? "beyond the range"}. ` +
            "What was trimmed can still be had from the mirror.",
        );
      }
    } finally {
      reader.close();
    }
  }
}

/** A destination's name as a file name; `/` and the like are percent-encoded. */
export function fileNameOf(name: string): string {
  return encodeURIComponent(name).replace(/^\.+/, (dots) => "%2E".repeat(dots.length));
}

/** LangSmith has runs only: other signals that reach it are counted as filtered. Records have a destination of their own. */
function takes({ type }: ExporterConfig, signal: JournalSignal): boolean {
  if (type === "langsmith_records") return signal === "records";
  return type === "langsmith" ? signal === "traces" : isTelemetry(signal);
}

function report(stats: DestinationStats): ReplayReport {
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const sumAll = (buckets: Readonly<Record<string, Record<string, number>>>): number =>
    Object.values(buckets).reduce((total, counts) => total + sum(counts), 0);
  const delivered = sum(stats.delivered);
  const filtered = sumAll(stats.filtered);
  const deadLetter = sumAll(stats.deadLetter);
  return { read: delivered + filtered + deadLetter, delivered, filtered, deadLetter };
}
