/** US dollars for a million tokens of each kind. What is left out is not known: then such tokens have no price. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  /** Input tokens read from the provider's cache. */
  readonly cacheRead?: number;
  /** Input tokens written to the cache; for an hour where that costs more. */
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
}

/** One list price: a record like any other, so it can be overridden by a file. */
export interface Price {
  /** Stable name, recorded beside every cost that it made. */
  readonly id: string;
  /** Provider as the conventions name it. */
  readonly provider: string;
  /** Names of the model; each also stands for its dated versions (`-2024-07-18`, `-20251001`, `@...`, `-latest`). */
  readonly models: readonly string[];
  /** Valid from this day, inclusive, and until this day, exclusive (YYYY-MM-DD, UTC). Left out: open. */
  readonly from?: string;
  readonly until?: string;
  /** Rates by the size of the whole input, smallest first: each counts above `aboveInputTokens`. */
  readonly tiers: readonly (Rates & { readonly aboveInputTokens: number })[];
  /** What a batch costs, as a factor. Left out: no batch price is known. */
  readonly batchFactor?: number;
  /** Where the price was published. */
  readonly source: string;
  /** The day for which this record states it, YYYY-MM-DD. */
  readonly asOf: string;
}

/** Prices and the version that is recorded with every cost. */
export interface PriceTable {
  readonly version: string;
  readonly prices: readonly Price[];
}

/** What was used by one call. Counts that were not reported are undefined. */
export interface PricedUsage {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cacheReadTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  /** Part of cacheWriteTokens that was written for an hour. */
  readonly cacheWrite1hTokens?: number | undefined;
  /** Whether inputTokens includes the cache tokens; needed when there are any. */
  readonly inputIncludesCache?: boolean | undefined;
  readonly batch?: boolean | undefined;
}

/** What a call cost, and by which record. */
export interface PricedCost {
  readonly usd: number;
  readonly priceId: string;
  readonly priceVersion: string;
}
