import type { CostOf } from "@counterfoil/instrumentation";

/** The stand-in's chat model. */
export const CHAT_MODEL = "desk-large";

/** The stand-in's embedding model. */
export const EMBEDDING_MODEL = "desk-embed";

interface Price {
  /** US dollars for a million input tokens that were not cached. */
  readonly input: number;
  /** US dollars for a million input tokens read from the cache. */
  readonly cachedInput: number;
  /** US dollars for a million output tokens. */
  readonly output: number;
}

/** Price list of the stand-in models. Invented, like the models: a real app has its provider's list here. */
const PRICES: Readonly<Record<string, Price>> = {
  [CHAT_MODEL]: { input: 2.5, cachedInput: 1.25, output: 10 },
  [EMBEDDING_MODEL]: { input: 0.02, cachedInput: 0.02, output: 0 },
};

const TOKENS_PER_PRICE = 1_000_000;

/** Cost of one call in US dollars; `undefined` for a model that is not on the list. */
export const costOf: CostOf = ({ model, usage }) => {
  const price = model === undefined ? undefined : PRICES[model];
  if (price === undefined) return undefined;
  const cached = usage.cacheReadTokens ?? 0;
  const fresh = (usage.inputTokens ?? 0) - cached;
  const dollars = fresh * price.input + cached * price.cachedInput + (usage.outputTokens ?? 0) * price.output;
  return dollars / TOKENS_PER_PRICE;
};
