/**
 * How a job changes the rows of `spans` that it rewrites. Plain data: it goes to the process that does the work, which
 * finds the function in row-writers.ts.
 */
export interface SpanRewrite {
  /**
   * `renormalise`: derive every column from what was sent, by the rules of this build; priced calls keep their prices.
   * `reprice`: the same, and every call without a cost of the emitter's is priced by the table in effect.
   */
  readonly kind: "renormalise" | "reprice";
}

/** Sums of cost_usd over calls (usage_scope own), before and after a rewrite, US dollars. */
export interface CostChange {
  readonly beforeUsd: number;
  readonly afterUsd: number;
}

/** Rows of each column whose value a rewrite changes; columns without a change are left out. */
export type ColumnChanges = Readonly<Record<string, number>>;

/** What a rewrite did, or would do. */
export interface RewriteReport {
  /** Files that were asked for and rewritten; more may have been pulled in with them. */
  readonly files: number;
  readonly rows: number;
  readonly changes: ColumnChanges;
  readonly cost: CostChange;
  /** Files whose bytes are not those listed: they were left alone. */
  readonly damaged: readonly string[];
}

/** Two cost changes as one. */
export function sumOfCosts(a: CostChange, b: CostChange): CostChange {
  return { beforeUsd: a.beforeUsd + b.beforeUsd, afterUsd: a.afterUsd + b.afterUsd };
}
