import { SHIPPED_PRICES } from "./index.js";
import type { Price, PricedCost, PricedUsage, PriceTable, Rates } from "./types.js";

const MILLION = 1_000_000;
/** What may follow a model's name and still be that model: a date, `latest`, a revision. */
const VERSION = /^(?:-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|@.+|-\d{3})$/;

/**
 * What a call cost in US dollars by a list price, or null when that is not known for certain: no such model, provider or
 * day, a kind of token without a rate, cache tokens without knowing whether the input includes them, or no usage at all.
 * Pure; `timeUnixNano` is when the call began.
 */
export function priceOf(
  usage: PricedUsage,
  model: string,
  provider: string,
  timeUnixNano: bigint,
  table: PriceTable = SHIPPED_PRICES,
): PricedCost | null {
  const price = findPrice(table, model, provider, dayOf(timeUnixNano));
  if (price === undefined) return null;
  const usd = costOf(usage, price);
  return usd === null ? null : { usd, priceId: price.id, priceVersion: table.version };
}

function dayOf(timeUnixNano: bigint): string {
  return new Date(Number(timeUnixNano / 1_000_000n)).toISOString().slice(0, 10);
}

/** The record of the longest matching name: `gpt-4o-mini` is not `gpt-4o`. Of equal ones the last counts (overrides). */
function findPrice(table: PriceTable, model: string, provider: string, day: string): Price | undefined {
  let best: Price | undefined;
  let bestLength = -1;
  for (const price of table.prices) {
    if (price.provider !== provider) continue;
    if ((price.from !== undefined && day < price.from) || (price.until !== undefined && day >= price.until))
      continue;
    for (const name of price.models) {
      if (name.length < bestLength || !isModel(model, name)) continue;
      best = price;
      bestLength = name.length;
    }
  }
  return best;
}

function isModel(model: string, name: string): boolean {
  return model.startsWith(name) && (model.length === name.length || VERSION.test(model.slice(name.length)));
}

/** The counts of a usage that a rate applies to; null when they contradict each other. */
function split(
  usage: PricedUsage,
): { uncached: number; read: number; write: number; write1h: number; all: number } | null {
  const input = usage.inputTokens ?? 0;
  const read = usage.cacheReadTokens ?? 0;
  const write = usage.cacheWriteTokens ?? 0;
  const write1h = Math.min(usage.cacheWrite1hTokens ?? 0, write);
  const cached = read + write;
  if (cached > 0 && usage.inputIncludesCache === undefined) return null;
  const uncached = cached > 0 && usage.inputIncludesCache === true ? input - cached : input;
  if (uncached < 0 || read < 0 || write < 0 || write1h < 0) return null;
  return { uncached, read, write, write1h, all: uncached + cached };
}

function costOf(usage: PricedUsage, price: Price): number | null {
  if (usage.inputTokens === undefined && usage.outputTokens === undefined) return null;
  const counts = split(usage);
  const output = usage.outputTokens ?? 0;
  if (counts === null || output < 0) return null;
  const factor = usage.batch === true ? price.batchFactor : 1;
  if (factor === undefined) return null;
  const rates = ratesFor(price, counts.all);
  const parts = [
    [counts.uncached, rates?.input],
    [output, rates?.output],
    [counts.read, rates?.cacheRead],
    [counts.write - counts.write1h, rates?.cacheWrite],
    [counts.write1h, rates?.cacheWrite1h],
  ] as const;
  let sum = 0;
  for (const [tokens, rate] of parts) {
    if (tokens === 0) continue;
    if (rate === undefined) return null;
    sum += tokens * rate;
  }
  return (sum * factor) / MILLION;
}

function ratesFor(price: Price, inputTokens: number): Rates | undefined {
  return price.tiers
    .filter(({ aboveInputTokens }) => aboveInputTokens === 0 || inputTokens > aboveInputTokens)
    .at(-1);
}
