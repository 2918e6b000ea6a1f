import type { StartWindow } from "../types.js";
import type { SqlParameter, SqlValue } from "../query/query-types.js";

/** A row of a result by column name. */
export type ReaderRow = Record<string, SqlValue>;

/** Bounds of one query of a reader. */
export interface ReaderQueryOptions {
  /**
   * Gives the query a view `near_spans`: `spans` from those files alone that may have spans of this window, and from none
   * that can't. It may have others, too, so the query says the window itself. A query of all columns costs for each file.
   */
  readonly near?: StartWindow;
  /** Wall time, waiting for a place included, milliseconds. */
  readonly timeoutMs?: number;
  /** More result rows than this are an error (CF_QUERY_LIMIT). */
  readonly rowsMax?: number;
  /** Stops the query, for instance when the client has gone. */
  readonly signal?: AbortSignal;
  /** Is told of each damaged file that was left out. */
  readonly onWarning?: (warning: string) => void;
}

/**
 * Answers Counterfoil's own queries over the mirror's views, from a process that stays open: no start, and what it read
 * of the files' footers stays known. Each query sees the newest snapshot at its start.
 */
export interface MirrorReader {
  /**
   * Rows of one SELECT without a final semicolon, with `params` bound to `$1`, `$2`, ... Written by Counterfoil, never by a
   * user: user SQL has `runQuery`. Values are those of {@link SqlValue}, also inside lists and objects; a MAP is an object.
   * Throws what `queryRows` throws: CF_QUERY_LIMIT (time, rows or memory; retryable when too many wait), CF_QUERY_FAILED
   * (DuckDB's message; retryable when the process died twice over it), CF_NOT_FOUND (no mirror) or a CF_CATALOG_ error, and
   * the signal's reason when it was aborted.
   */
  query(sql: string, params?: readonly SqlParameter[], options?: ReaderQueryOptions): Promise<ReaderRow[]>;
  /** Ends the process; queries that run are rejected. */
  close(): Promise<void>;
}

/** How a reader is made. */
export interface ReaderOptions {
  /** Root of the data directory. A running server is not needed, and not disturbed. */
  readonly dataDir: string;
  /** Queries at once; more wait. */
  readonly concurrency?: number;
  /** Memory of the engine that all its queries share, megabytes (2^20). */
  readonly memoryMb?: number;
  readonly threads?: number;
  /** The process ends after this long without a query, milliseconds, and is started again for the next one. */
  readonly idleMs?: number;
}

/** What the child gets first. */
export interface ReaderSetup {
  readonly mirrorDir: string;
  /** A private folder: data is spilled below it. */
  readonly workDir: string;
  readonly memoryMb: number;
  readonly threads: number;
  readonly connections: number;
}

/** One query, as the child gets it. */
export interface ReaderQuery {
  readonly id: number;
  readonly sql: string;
  readonly params: readonly SqlParameter[];
  readonly rowsMax: number;
  readonly near?: StartWindow;
}

/** What the parent sends. */
export type ToReader =
  | { readonly setup: ReaderSetup }
  | { readonly query: ReaderQuery }
  | { readonly cancel: number };

/** What the child answers to a query. */
export type ReaderAnswer =
  | { readonly ok: true; readonly rows: ReaderRow[]; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** What the child sends. */
export interface FromReader {
  readonly id: number;
  readonly answer: ReaderAnswer;
}
