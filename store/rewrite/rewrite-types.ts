/**
 * How a job changes the rows of `spans` that it rewrites. Plain data: it goes to the process that does the work, which
 * finds the function in row-writers.ts.
 */
export interface SpanRewrite {
  /** `renormalise`: derive every column from what was sent, by the rules of this build. */
  readonly kind: "renormalise";
}

/** Rows of each column whose value a rewrite changes; columns without a change are left out. */
export type ColumnChanges = Readonly<Record<string, number>>;

/** What a rewrite did, or would do. */
export interface RewriteReport {
  /** Files that were asked for and rewritten; more may have been pulled in with them. */
  readonly files: number;
  readonly rows: number;
  readonly changes: ColumnChanges;
  /** Files whose bytes are not those listed: they were left alone. */
  readonly damaged: readonly string[];
}
