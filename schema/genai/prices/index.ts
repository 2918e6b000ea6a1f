import { ANTHROPIC_PRICES } from "./anthropic.js";
import { GOOGLE_PRICES } from "./google.js";
import { OPENAI_PRICES } from "./openai.js";
import { priceTable } from "./price-table.js";
import type { PriceTable } from "./types.js";

/**
 * The prices that ship with the product: public list prices in US dollars, each with its source and the day it states.
 * Deliberately few: a price that nobody is sure of is not here, and then a call has no cost.
 */
export const SHIPPED_PRICES: PriceTable = priceTable({
  shipped: [...OPENAI_PRICES, ...ANTHROPIC_PRICES, ...GOOGLE_PRICES],
});
