import type { Writable } from "node:stream";

/** What a query's result can be written as. `table` gives every value as DuckDB's text, in memory; `arrow` is an IPC stream. */
export const QUERY_FORMATS = ["table", "json", "jsonl", "csv", "parquet", "arrow"] as const;

/** One of {@link QUERY_FORMATS}. */
export type QueryFormat = (typeof QUERY_FORMATS)[number];

/** A result column: `type` is DuckDB's type name. */
export interface QueryColumn {
  readonly name: string;
  readonly type: string;
}

/** Bounds of one query. */
export interface QueryLimits {
  /** Result rows; more are cut off, and `truncated` says so. */
  readonly rowsMax?: number;
  /** Wall time after which the child process is killed, milliseconds. */
  readonly timeoutMs?: number;
  /** Memory of the engine, megabytes (2^20). The process may use QUERY_PROCESS_OVERHEAD_MB more. */
  readonly memoryMb?: number;
  readonly threads?: number;
}

/** A user's query. */
export interface QueryOptions extends QueryLimits {
  /** Root of the data directory. A running server is not needed, and not disturbed. */
  readonly dataDir: string;
  /** One read-only statement: SELECT, EXPLAIN, DESCRIBE, SUMMARIZE or SHOW. */
  readonly sql: string;
  readonly format: QueryFormat;
  /** Where the result goes: a path (replaced as a whole) or a stream (left open). Without it, into memory. */
  readonly output?: string | Writable;
}

/** What a query gave. */
export interface QueryResult {
  readonly columns: readonly QueryColumn[];
  readonly rowCount: number;
  /** More rows existed than `rowsMax`. */
  readonly truncated: boolean;
  /** Files of the mirror that were missing or damaged, and so left out. */
  readonly warnings: readonly string[];
  /** Values as text, for format `table`. */
  readonly rows?: readonly (readonly (string | null)[])[];
  /** The encoded result, for the other formats without `output`. */
  readonly data?: Buffer;
}

/** A value of {@link queryRows}: integers beyond 2^53 are bigint, times ISO text with nanoseconds, blobs base64. */
export type SqlValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | readonly SqlValue[]
  | { readonly [key: string]: SqlValue };

/** A value to bind to `$1`, `$2`, ... */
export type SqlParameter = string | number | bigint | boolean | null;

/** A trusted query with bound parameters. */
export interface RowsOptions extends QueryLimits {
  readonly dataDir: string;
  /** One SELECT without a final semicolon. Written by Counterfoil, never by a user. */
  readonly sql: string;
  readonly params?: readonly SqlParameter[];
  /** Is told of each damaged file that was left out. */
  readonly onWarning?: (warning: string) => void;
}

/** What the parent asks of the child, one JSON line on its standard input. */
export interface ChildRequest {
  readonly mirrorDir: string;
  readonly sql: string;
  readonly trusted: boolean;
  readonly params: readonly (string | number | boolean | null | { readonly bigint: string })[];
  readonly format: QueryFormat | "rows";
  readonly rowsMax: number;
  readonly memoryMb: number;
  readonly threads: number;
  /** A private folder: the result goes to `result` in it, spilled data below it. */
  readonly workDir: string;
}

/** What the child answers, one JSON line on its standard output. */
export type ChildAnswer =
  | {
      readonly ok: true;
      readonly columns: readonly QueryColumn[];
      readonly rowCount: number;
      readonly truncated: boolean;
      readonly warnings: readonly string[];
    }
  | {
      readonly ok: false;
      readonly code:
        | "CF_QUERY_REFUSED"
        | "CF_QUERY_FAILED"
        | "CF_QUERY_LIMIT"
        | "CF_NOT_FOUND"
        | "CF_CATALOG_CORRUPT"
        | "CF_CATALOG_VERSION"
        | "CF_DATA_DIR_IO";
      readonly message: string;
    };
