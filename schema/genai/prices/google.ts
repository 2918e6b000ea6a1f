import type { Price, Rates } from "./types.js";

const SOURCE = "https://ai.google.dev/gemini-api/docs/pricing";

function price(model: string, standard: Rates, long?: Rates & { above: number }): Price {
  const { above, ...rates } = long ?? { above: 0, input: 0, output: 0 };
  // Images in the input cost what text costs; audio does not.
  const withImages = (rates: Rates): Rates => ({ ...rates, imageInput: rates.input });
  return {
    id: `gcp.gemini/${model}`,
    provider: "gcp.gemini",
    models: [model],
    tiers: [
      { aboveInputTokens: 0, ...withImages(standard) },
      ...(long === undefined ? [] : [{ aboveInputTokens: above, ...withImages(rates) }]),
    ],
    serviceTiers: { batch: 0.5 },
    source: SOURCE,
    asOf: "2025-09-01",
  };
}

/** The Gemini API's paid tier, for text. What a cached token costs changed too often to be stated here. */
export const GOOGLE_PRICES: readonly Price[] = [
  price("gemini-2.5-pro", { input: 1.25, output: 10 }, { above: 200_000, input: 2.5, output: 15 }),
  price("gemini-2.5-flash", { input: 0.3, output: 2.5 }),
  price("gemini-2.5-flash-lite", { input: 0.1, output: 0.4 }),
  price("gemini-2.0-flash", { input: 0.1, output: 0.4, cacheRead: 0.025 }),
  price("gemini-2.0-flash-lite", { input: 0.075, output: 0.3 }),
];
