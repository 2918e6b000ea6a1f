import type { Price, Rates } from "./types.js";

const SOURCE = "https://docs.anthropic.com/en/docs/about-claude/pricing";

/** Anthropic prices the cache by factors of the input price: read 0.1, write for 5 minutes 1.25, for an hour 2. */
function rates(input: number, output: number): Rates {
  const cent = (value: number): number => Math.round(value * 10_000) / 10_000;
  return {
    input,
    output,
    cacheRead: cent(input * 0.1),
    cacheWrite: cent(input * 1.25),
    cacheWrite1h: cent(input * 2),
  };
}

function price(models: readonly string[], standard: Rates, long?: Rates): Price {
  return {
    id: `anthropic/${models[0] ?? ""}`,
    provider: "anthropic",
    models,
    tiers: [
      { aboveInputTokens: 0, ...standard },
      ...(long === undefined ? [] : [{ aboveInputTokens: 200_000, ...long }]),
    ],
    serviceTiers: { batch: 0.5 },
    source: SOURCE,
    asOf: "2025-12-01",
  };
}

/** Anthropic's list prices on its own API. */
export const ANTHROPIC_PRICES: readonly Price[] = [
  price(["claude-opus-4-5"], rates(5, 25)),
  price(["claude-opus-4-1", "claude-opus-4", "claude-opus-4-0"], rates(15, 75)),
  price(["claude-sonnet-4-5", "claude-sonnet-4", "claude-sonnet-4-0"], rates(3, 15), rates(6, 22.5)),
  price(["claude-3-7-sonnet", "claude-3-5-sonnet"], rates(3, 15)),
  price(["claude-haiku-4-5"], rates(1, 5)),
  price(["claude-3-5-haiku"], rates(0.8, 4)),
  price(["claude-3-opus"], rates(15, 75)),
  // Older than the factors: written out as published.
  price(["claude-3-haiku"], { input: 0.25, output: 1.25, cacheRead: 0.03, cacheWrite: 0.3 }),
];
