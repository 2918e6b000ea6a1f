/** US dollars for a million tokens of each kind. What is left out is not known: then such tokens have no price. */
export interface Rates {
  readonly input: number;
  readonly output: number;
  /** Input tokens read from the provider's cache. */
  readonly cacheRead?: number;
  /** Input tokens written to the cache; for an hour where that costs more. */
  readonly cacheWrite?: number;
  readonly cacheWrite1h?: number;
  /** Audio and images where they are counted apart within input and output. */
  readonly audioInput?: number;
  readonly audioOutput?: number;
  readonly imageInput?: number;
  readonly imageOutput?: number;
}

/** Rates that count above a size of the whole input, in tokens. */
export interface PriceTier extends Rates {
  readonly aboveInputTokens: number;
}

/** One list price: a record like any other, so it can be overridden by a file. */
export interface Price {
  /** Stable name, recorded beside every cost that it made. */
  readonly id: string;
  /** Provider as the conventions name it. */
  readonly provider: string;
  /**
   * Names of the model. Each also stands for its dated versions (`-2024-07-18`, `-20251001`, `@...`, `-latest`); one that
   * ends with `*` for every name that begins like it.
   */
  readonly models: readonly string[];
  /** Valid from this day, inclusive, and until this day, exclusive (YYYY-MM-DD, UTC). Left out: open. */
  readonly from?: string;
  readonly until?: string;
  /** Rates by the size of the whole input, smallest first: each counts above `aboveInputTokens`. */
  readonly tiers: readonly PriceTier[];
  /**
   * What another service tier than the standard one costs, as a factor by its name (`batch`, `flex`, `priority`). A call
   * of a tier that is not here has no price.
   */
  readonly serviceTiers?: Readonly<Record<string, number>>;
  /** Where the price was published. */
  readonly source: string;
  /** The day for which this record states it, YYYY-MM-DD. */
  readonly asOf: string;
}

/** Where a price comes from, in the order of precedence: of two that fit a call, the later origin's counts. */
export const PRICE_ORIGINS = ["shipped", "file", "record"] as const;

/** One of {@link PRICE_ORIGINS}. */
export type PriceOrigin = (typeof PRICE_ORIGINS)[number];

/** A price with its origin. */
export interface OriginatedPrice extends Price {
  readonly origin: PriceOrigin;
}

/** Prices and the version that is recorded with every cost: a hash of what they say. */
export interface PriceTable {
  readonly version: string;
  readonly prices: readonly OriginatedPrice[];
}

/** What was used by one call. Counts that were not reported are undefined. */
export interface PricedUsage {
  readonly inputTokens?: number | undefined;
  readonly outputTokens?: number | undefined;
  readonly cacheReadTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  /** Part of cacheWriteTokens that was written for an hour. */
  readonly cacheWrite1hTokens?: number | undefined;
  /** Parts of input and output that are audio or images. */
  readonly audioInputTokens?: number | undefined;
  readonly audioOutputTokens?: number | undefined;
  readonly imageInputTokens?: number | undefined;
  readonly imageOutputTokens?: number | undefined;
  /** Whether inputTokens includes the cache tokens; needed when there are any. */
  readonly inputIncludesCache?: boolean | undefined;
  /** Undefined is the provider's standard tier. */
  readonly serviceTier?: string | undefined;
}

/** What a call cost, and by which record. */
export interface PricedCost {
  readonly usd: number;
  readonly priceId: string;
  readonly priceVersion: string;
}
