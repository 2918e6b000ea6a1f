import { costOf } from "./cost-of.js";
import { SHIPPED_PRICES } from "./index.js";
import { PriceIndex } from "./price-index.js";
import type { PricedCost, PricedUsage, PriceTable } from "./types.js";

const indexes = new WeakMap<PriceTable, PriceIndex>();

/**
 * What a call cost in US dollars by a list price, or null when that is not known for certain: no such model, provider,
 * service tier or day, a kind of token without a rate, cache tokens without knowing whether the input includes them, or
 * no usage at all. `timeUnixNano` is when the call began.
 */
export function priceOf(
  usage: PricedUsage,
  model: string,
  provider: string,
  timeUnixNano: bigint,
  table: PriceTable = SHIPPED_PRICES,
): PricedCost | null {
  let index = indexes.get(table);
  if (index === undefined) {
    index = new PriceIndex(table);
    indexes.set(table, index);
  }
  const price = index.find(provider, model, timeUnixNano);
  const usd = price === undefined ? null : costOf(usage, price);
  return price === undefined || usd === null ? null : { usd, priceId: price.id, priceVersion: table.version };
}
