import type { ItemCounts } from "../journal/index.js";

/** One immutable Parquet file of the mirror. A file is visible exactly while the catalog lists it (invariant I3). */
export interface FileEntry {
  /** Table name: `spans`, `span_logs`, `metric_points`, `superseded`. */
  readonly table: string;
  /** Path below `mirror/`, forward slashes: `spans/date=2026-11-23/0-1-40.parquet`. */
  readonly path: string;
  /** 0 as sealed, 1 after compaction. */
  readonly level: number;
  readonly rows: number;
  readonly bytes: number;
  /** SHA-256 of the whole file, hex: DuckDB's Parquet has no page checksums. */
  readonly sha256: string;
  /** Smallest and largest event time in the file (start_time or time), decimal nanoseconds; null when no row has one. */
  readonly minTimeUnixNano: string | null;
  readonly maxTimeUnixNano: string | null;
  /** Journal range that the file's rows came from. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** {@link FORMAT_VERSION} of the writer. */
  readonly formatVersion: number;
  /** {@link COLUMNS_VERSION} of the writer: which columns the file has. Absent in entries older than that number: 1. */
  readonly columnsVersion?: number;
  /** For `spans`: the lowest RULE_SET_VERSION that filled a row. Absent in entries older than that number. */
  readonly ruleSetVersion?: number;
  /** For compacted `spans`: some row has content that only log records told. */
  readonly logContent?: true;
}

/** Spans that began from `fromNs` to `toNs`, both included: decimal nanoseconds since 1970. */
export interface StartWindow {
  readonly fromNs: string;
  readonly toNs: string;
}

/** A file whose bytes are not those listed. It is off the list and below `quarantine/`, until its rows are back. */
export interface QuarantinedFile {
  readonly entry: FileEntry;
  readonly damage: FileDamage;
  /** When it was found, ISO 8601. */
  readonly foundAt: string;
  /** Set when it was rebuilt as far as the journal reached: what can't be had back. */
  readonly lost?: LostRows;
}

/** Rows that no longer exist, and the parts of the journal (inclusive) that they came from. */
export interface LostRows {
  readonly rows: number;
  readonly seqs: readonly (readonly [from: number, to: number])[];
}

/** What is wrong with a file: it is gone, has another size, or another SHA-256. */
export type FileDamage = "missing" | "size" | "content";

/** What readers see: a consistent set of files, and how far the journal is sealed. */
export interface CatalogSnapshot {
  /** Grows by one with each commit. */
  readonly version: number;
  readonly files: readonly FileEntry[];
  /** Every record up to this seq is in `files`. The mirror's cursor lives here, so that it moves with its files. */
  readonly sealedSeq: number;
  readonly sealedCounts: ItemCounts;
  /** Damaged files whose rows are not in `files`. */
  readonly quarantined: readonly QuarantinedFile[];
}

/** One atomic change. */
export interface CatalogChange {
  readonly add: readonly FileEntry[];
  /** Paths of files that are no longer part of the mirror. Unknown paths are an error. */
  readonly remove: readonly string[];
  readonly sealedSeq?: number;
  readonly sealedCounts?: ItemCounts;
  /** Damaged files: a listed one is taken off the list, for one in quarantine already this is its new state. */
  readonly quarantine?: readonly QuarantinedFile[];
  /** Paths of quarantined files that are settled: their rows are in `add`, or given up. */
  readonly settled?: readonly string[];
}

/**
 * The list of files that make up the mirror. One writer; readers may open the same folder read-only in any process.
 * Every driver must pass `test/conformance/catalog.ts`.
 */
export interface Catalog {
  /** The newest committed state. */
  snapshot(): CatalogSnapshot;
  /**
   * Applies a change atomically and durably, in call order. A path that is already listed with the same sha256 is
   * kept (redo after a crash); with another one it is an error. Resolves with the new snapshot.
   */
  commit(change: CatalogChange): Promise<CatalogSnapshot>;
  /** Calls the listener after each commit; returns the function that stops it. */
  onCommit(listener: (snapshot: CatalogSnapshot) => void): () => void;
  close(): Promise<void>;
}
