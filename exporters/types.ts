import type { ItemCounts, JournalTail } from "../journal/index.js";

/** Where a destination stands. Cumulative; `accepted = delivered + filtered + waiting + deadLetter` for each signal (I2). */
export interface DestinationStats {
  readonly name: string;
  /** `running`; `retrying` after a retryable failure; `paused` after 401/403 or a configuration the peer refuses. */
  readonly state: "running" | "retrying" | "paused" | "stopped";
  /** Everything up to this seq is settled. */
  readonly cursorSeq: number;
  readonly accepted: ItemCounts;
  readonly delivered: ItemCounts;
  readonly waiting: ItemCounts;
  /** By the rule that filtered it: a processor's id, or `signal` when the destination takes no such signal. */
  readonly filtered: Readonly<Record<string, ItemCounts>>;
  /** By reason, e.g. `rejected_400`, `journal_trimmed`, `journal_corrupt`, `too_large`. */
  readonly deadLetter: Readonly<Record<string, ItemCounts>>;
  readonly requests: { readonly sent: number; readonly failed: number };
  /** Last failure, without secrets. */
  readonly lastError?: string;
  /** When the next attempt is due, epoch milliseconds; only while retrying or paused. */
  readonly nextAttemptAt?: number;
}

/**
 * One reader of the journal: mirror, langsmith, otlp_http, file. Independent of all others (I2).
 * Life: `start`, then `notify` whenever the journal grew, `flush`, `shutdown`.
 */
export interface Destination {
  readonly name: string;
  /** Opens its cursor and begins to read after it. Resolves when it is ready to be notified. */
  start(tail: JournalTail): Promise<void>;
  /** The journal grew. Never throws, never blocks. */
  notify(tail: JournalTail): void;
  /** Resolves when everything up to the last notified tail is settled, or rejects after `deadlineMs`. */
  flush(deadlineMs: number): Promise<void>;
  /** Calls the listener when the cursor moved; used to trim the journal. */
  onCursor(listener: (seq: number) => void): void;
  stats(): DestinationStats;
  /** Tries one last flush within the deadline, stores the cursor, stops. Safe without `start`, and twice. */
  shutdown(deadlineMs: number): Promise<void>;
}
