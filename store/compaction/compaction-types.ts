import type { ColumnChanges, CostChange, SpanRewrite } from "../rewrite/rewrite-types.js";
import type { FileEntry } from "../types.js";

/**
 * One job of the compactor, one table: rewrites files into the folders of their rows' event days without the rows that
 * lost against another of the same span.
 */
export interface CompactionJob {
  /** One of MIRROR_TABLES. */
  readonly table: string;
  readonly inputs: readonly FileEntry[];
  /** For `spans`: compacted files. Those that hold losing rows are pulled in. */
  readonly settled: readonly FileEntry[];
  /**
   * For `spans`: files that may hold losing rows, or spans of log records, but are not part of this job; entries that name
   * them stay.
   */
  readonly untouched: readonly FileEntry[];
  /** For `spans`: all files of `superseded`. */
  readonly superseded: readonly FileEntry[];
  /** For `spans`: all files of `log_content`. What they say of this job's spans is written into them. */
  readonly content: readonly FileEntry[];
  /** Keep every entry of `superseded`: there are files that can't be read. */
  readonly keepSuperseded: boolean;
  /** For `spans`: how every row is changed on its way. Without it rows stay as they are. */
  readonly rewrite?: SpanRewrite;
  /** With a rewrite: files of `span_logs` that may tell of its spans, to be read by the rules of this build. */
  readonly logs?: readonly FileEntry[];
}

/** What the compactor child gets. */
export interface CompactionRequest {
  readonly mirrorDir: string;
  readonly workDir: string;
  /** Folder of the price tables, for a rewrite. */
  readonly pricesDir: string;
  readonly memoryMb: number;
  /** Bytes of rows, before compression, that are sorted in memory at once and go into one file. */
  readonly rawBytesMax: number;
  /** Bytes of rows, before compression, in one row group. */
  readonly rowGroupBytes: number;
  readonly job: CompactionJob;
  /** Only tell what the job's rewrite would change; no file of the mirror is written. */
  readonly dryRun?: true;
}

/** What it did: files on disk, synced, ready for one commit. `damaged` files were left alone. */
export type CompactionAnswer =
  | {
      readonly ok: true;
      readonly add: readonly FileEntry[];
      readonly remove: readonly string[];
      readonly rowsIn: number;
      readonly rowsOut: number;
      /** What the rewrite changed, when the job has one. */
      readonly changes?: ColumnChanges;
      readonly cost?: CostChange;
    }
  | { readonly ok: false; readonly message: string; readonly damaged: readonly string[] };
