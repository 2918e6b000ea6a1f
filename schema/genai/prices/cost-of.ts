import type { PricedUsage, PriceTier, Price, Rates } from "./types.js";

const MILLION = 1_000_000;
/** Names of the tier that list prices are for. `auto` leaves the choice to the provider's account settings. */
const STANDARD_TIERS: ReadonlySet<string> = new Set(["", "standard", "default", "auto", "on_demand"]);

/** What usage costs by one price, US dollars; null when the price does not say, or the counts contradict each other. */
export function costOf(usage: PricedUsage, price: Price): number | null {
  if (usage.inputTokens === undefined && usage.outputTokens === undefined) return null;
  const factor = tierFactor(usage.serviceTier, price);
  if (factor === undefined) return null;
  const read = usage.cacheReadTokens ?? 0;
  const write = usage.cacheWriteTokens ?? 0;
  const cached = read + write;
  if (cached > 0 && usage.inputIncludesCache === undefined) return null;
  const input = usage.inputTokens ?? 0;
  const uncached = cached > 0 && usage.inputIncludesCache === true ? input - cached : input;
  const rates = ratesFor(price.tiers, uncached + cached);
  if (rates === undefined) return null;
  const write1h = Math.min(usage.cacheWrite1hTokens ?? 0, write);
  const audioIn = usage.audioInputTokens ?? 0;
  const audioOut = usage.audioOutputTokens ?? 0;
  const imageIn = usage.imageInputTokens ?? 0;
  const imageOut = usage.imageOutputTokens ?? 0;
  // Which of the audio and image tokens were cached nobody reports: they can't be priced together.
  const isMixed = cached > 0 && audioIn + imageIn > 0;
  if (isMixed && audioIn > 0 && rates.audioInput !== rates.input) return null;
  if (isMixed && imageIn > 0 && rates.imageInput !== rates.input) return null;
  const sum =
    part(isMixed ? uncached : uncached - audioIn - imageIn, rates.input) +
    part((usage.outputTokens ?? 0) - audioOut - imageOut, rates.output) +
    part(read, rates.cacheRead) +
    part(write - write1h, rates.cacheWrite) +
    part(write1h, rates.cacheWrite1h) +
    part(isMixed ? 0 : audioIn, rates.audioInput) +
    part(isMixed ? 0 : imageIn, rates.imageInput) +
    part(audioOut, rates.audioOutput) +
    part(imageOut, rates.imageOutput);
  return Number.isNaN(sum) ? null : (sum * factor) / MILLION;
}

/** Dollars for a million times the tokens; NaN when there are tokens without a rate, or fewer than none. */
function part(tokens: number, rate: number | undefined): number {
  if (tokens === 0) return 0;
  return rate === undefined || tokens < 0 ? Number.NaN : tokens * rate;
}

function tierFactor(tier: string | undefined, price: Price): number | undefined {
  if (tier === undefined) return 1;
  const name = tier.toLowerCase();
  const { serviceTiers } = price;
  if (serviceTiers !== undefined && Object.hasOwn(serviceTiers, name)) return serviceTiers[name];
  return STANDARD_TIERS.has(name) ? 1 : undefined;
}

function ratesFor(tiers: readonly PriceTier[], inputTokens: number): Rates | undefined {
  for (let i = tiers.length - 1; i >= 0; i--) {
    const tier = tiers[i] as PriceTier;
    if (tier.aboveInputTokens === 0 || inputTokens > tier.aboveInputTokens) return tier;
  }
  return undefined;
}
