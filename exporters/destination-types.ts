import type { JournalSignal } from "../schema/index.js";
import type { BatchOptions } from "./core/batcher.js";
import type { RetryOptions } from "./core/retry.js";
import type { FileExporterConfig } from "./file/types.js";
import type { LangSmithRecordsConfig } from "./langsmith/push/types.js";
import type { LangSmithExporterConfig } from "./langsmith/types.js";
import type { OtlpHttpExporterConfig } from "./otlp/types.js";
import type { ProcessorConfig } from "./processors/index.js";
import type { Destination } from "./types.js";

/** A destination type with its settings; serialisable, because it goes to a worker thread. */
export type ExporterConfig =
  | OtlpHttpExporterConfig
  | FileExporterConfig
  | LangSmithExporterConfig
  | LangSmithRecordsConfig;

/** How a destination batches, retries and paces. Everything has a default. */
export interface DeliveryConfig {
  readonly retry?: Partial<RetryOptions>;
  readonly batch?: Partial<Pick<BatchOptions, "itemsMax" | "bytesMax" | "flushIntervalMs">>;
  /** Requests in flight at once. Default 4. */
  readonly concurrency?: number;
  /** Payload bytes read ahead of the cursor into memory. */
  readonly pendingBytesMax?: number;
  /**
   * Where a destination without a stored cursor begins: `beginning` (default) with the oldest record that the journal
   * still has, `end` with what comes after its first start.
   */
  readonly startAt?: "beginning" | "end";
}

/** One line of a destination's log: no secrets, no contents. */
export interface DestinationLogEntry {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
}

/** What a destination is made of. */
export interface DestinationOptions {
  /** Names its cursor file and dead letters: letters, digits, `.`, `_`, `-` and `/`. */
  readonly name: string;
  readonly dataDir: string;
  readonly exporter: ExporterConfig;
  /** Signals of the pipelines that end here; records of others are counted as filtered by `signal`. */
  readonly signals: readonly JournalSignal[];
  readonly processors?: readonly ProcessorConfig[];
  readonly delivery?: DeliveryConfig;
  readonly onLog?: (entry: DestinationLogEntry) => void;
}

/** Inclusive range of journal positions. */
export interface ReplayRange {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** What a replay did. Items, all signals together; not part of the destination's identity. */
export interface ReplayReport {
  readonly read: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly deadLetter: number;
}

/** What a replay of dead letters did. */
export interface DeadLetterReplayReport {
  readonly files: number;
  readonly delivered: number;
  /** Lines that were refused again, or could not be read: they stay. */
  readonly kept: number;
}

/** A destination that runs the exporter core in a thread of its own. */
export interface ExportDestination extends Destination {
  /** Sends a range of the journal again, beside the live delivery. Rejects when the range is gone or it is stopped. */
  replay(range: ReplayRange): Promise<ReplayReport>;
  /** Sends the dead letters again; what the peer takes now is removed from them. */
  replayDeadLetters(): Promise<DeadLetterReplayReport>;
  /** Ends a pause or a back-off now: for a reloaded configuration, or an operator who has fixed the peer. */
  retryNow(): void;
}
