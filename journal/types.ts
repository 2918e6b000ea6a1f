import type { JournalSignal } from "../schema/index.js";

/** How a record's payload is compressed: the request's own Content-Encoding, kept. */
export type PayloadEncoding = "identity" | "gzip" | "deflate" | "zstd";

/** What is handed to the journal. The payload is OTLP protobuf, or JSON Lines for `records`, compressed as `encoding` says. */
export interface JournalEntry {
  readonly signal: JournalSignal;
  readonly encoding: PayloadEncoding;
  /** Bytes as received. The journal does not copy: the caller must not change them until `append` settles. */
  readonly payload: Uint8Array;
  /** Spans, log records, data points or records in it, at least 1. */
  readonly itemCount: number;
  readonly receivedUnixNano: bigint;
}

/** A stored entry. `seq` counts from 1 without gaps. */
export interface JournalRecord extends JournalEntry {
  readonly seq: number;
}

/** Items by signal, cumulative from the journal's first record ever. */
export type ItemCounts = Record<JournalSignal, number>;

/** The durable end of the journal: everything up to `seq` (0 when empty) is on disk. Safe to post to a worker. */
export interface JournalTail {
  readonly seq: number;
  readonly counts: ItemCounts;
}

/** Sizes for `/metrics` and `status`. */
export interface JournalStats {
  readonly firstSeq: number;
  readonly durableSeq: number;
  readonly bytes: number;
  readonly bytesMax: number;
  readonly segments: number;
  readonly pendingBytes: number;
  readonly failedSyncs: number;
  readonly cursors: Readonly<Record<string, number>>;
}

/**
 * The one durable log (invariants I1, I3). One writer process owns it; readers in any thread use a
 * {@link JournalReader} over the same folder. Every driver must pass `test/conformance/journal.ts`.
 */
export interface Journal {
  /**
   * Stores an entry and resolves with its seq after it is on disk (group fdatasync), in order of calls.
   * Rejects with CF_JOURNAL_FULL (retryable: the cap is reached and the policy is back-pressure, or more waits to be
   * written than the cap holds), CF_JOURNAL_IO (retryable: write or sync failed; nothing was acknowledged),
   * CF_BODY_TOO_LARGE (the payload can't be stored, or not under this cap) or CF_JOURNAL_CLOSED.
   */
  append(entry: JournalEntry): Promise<number>;
  /** The durable end. */
  tail(): JournalTail;
  /** Calls the listener after each group commit; returns the function that stops it. */
  onDurable(listener: (tail: JournalTail) => void): () => void;
  /** Says that the destination `name` needs nothing up to and including `seq`. Unknown names are added. */
  setCursor(name: string, seq: number): void;
  /** Forgets a destination, so that its backlog no longer holds segments. */
  dropCursor(name: string): void;
  /** Removes whole segments that every cursor has passed; without any cursor nothing is removed. */
  trim(): Promise<void>;
  stats(): JournalStats;
  /** Writes and syncs what is pending, then closes. Safe to call twice. */
  close(): Promise<void>;
}

/** Records that a reader found missing or damaged between the seq it asked for and the one it got. */
export interface JournalGap {
  readonly fromSeq: number;
  readonly toSeq: number;
  /** Items lost to this reader, by signal. */
  readonly counts: ItemCounts;
  readonly reason: "trimmed" | "corrupt";
}

/** What one read returned, in seq order. Payloads are views; how long they stay valid is up to the reader's chunks. */
export interface JournalBatch {
  readonly records: readonly JournalRecord[];
  readonly gaps: readonly JournalGap[];
  /** Cumulative counts up to and including the last record or gap. */
  readonly counts: ItemCounts;
  /** Last seq that was read or skipped; the next read goes on after it. */
  readonly lastSeq: number;
}

/**
 * Where a reader stands, for another one that is to go on from there without looking for the place. A hint: when it is
 * not right any more, that reader finds its place by itself.
 */
export interface JournalPlace {
  /** First seq of the segment. */
  readonly segmentFirstSeq: number;
  /** Bytes from the start of the segment's file. */
  readonly position: number;
}

/** Sequential reader, synchronous because it runs in worker threads. */
export interface JournalReader {
  /**
   * Reads whole records after the last one read, none beyond `upToSeq`, at most `maxBytes` of payload (at least one
   * record whatever its size). An empty batch means that nothing more is there yet.
   */
  read(limits: { maxBytes: number; upToSeq: number }): JournalBatch;
  /** Where the next record starts; undefined when that is not known. */
  place(): JournalPlace | undefined;
  close(): void;
}
