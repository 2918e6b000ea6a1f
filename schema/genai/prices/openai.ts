import type { Price, Rates } from "./types.js";

const SOURCE = "https://platform.openai.com/docs/pricing";
const BATCH = { batch: 0.5 };
/** Flex processing is charged by the prices of a batch. */
const BATCH_OR_FLEX = { batch: 0.5, flex: 0.5 };

function price(models: readonly string[], rates: Rates, more: Partial<Price> = {}): Price {
  return {
    id: `openai/${models[0] ?? ""}${more.from === undefined ? "" : `/${more.from}`}`,
    provider: "openai",
    models,
    tiers: [{ aboveInputTokens: 0, ...rates }],
    source: SOURCE,
    asOf: "2025-09-01",
    ...more,
  };
}

/** OpenAI's standard list prices. */
export const OPENAI_PRICES: readonly Price[] = [
  price(["gpt-4o-2024-05-13"], { input: 5, output: 15 }, { serviceTiers: BATCH }),
  price(
    ["gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"],
    { input: 2.5, cacheRead: 1.25, output: 10 },
    { from: "2024-10-02", serviceTiers: BATCH },
  ),
  price(["gpt-4o-mini"], { input: 0.15, cacheRead: 0.075, output: 0.6 }, { serviceTiers: BATCH }),
  price(["gpt-4.1"], { input: 2, cacheRead: 0.5, output: 8 }, { serviceTiers: BATCH }),
  price(["gpt-4.1-mini"], { input: 0.4, cacheRead: 0.1, output: 1.6 }, { serviceTiers: BATCH }),
  price(["gpt-4.1-nano"], { input: 0.1, cacheRead: 0.025, output: 0.4 }, { serviceTiers: BATCH }),
  price(["gpt-5"], { input: 1.25, cacheRead: 0.125, output: 10 }, { serviceTiers: BATCH_OR_FLEX }),
  price(["gpt-5-mini"], { input: 0.25, cacheRead: 0.025, output: 2 }, { serviceTiers: BATCH_OR_FLEX }),
  price(["gpt-5-nano"], { input: 0.05, cacheRead: 0.005, output: 0.4 }, { serviceTiers: BATCH_OR_FLEX }),
  price(["o1"], { input: 15, cacheRead: 7.5, output: 60 }, { serviceTiers: BATCH }),
  price(["o3-mini"], { input: 1.1, cacheRead: 0.55, output: 4.4 }, { serviceTiers: BATCH }),
  price(["o3"], { input: 10, cacheRead: 2.5, output: 40 }, { from: "2025-04-16", until: "2025-06-10" }),
  price(["o3"], { input: 2, cacheRead: 0.5, output: 8 }, { from: "2025-06-10", serviceTiers: BATCH_OR_FLEX }),
  price(["o4-mini"], { input: 1.1, cacheRead: 0.275, output: 4.4 }, { serviceTiers: BATCH_OR_FLEX }),
  price(["gpt-4-turbo"], { input: 10, output: 30 }, { serviceTiers: BATCH }),
  price(["gpt-4", "gpt-4-0613"], { input: 30, output: 60 }, { serviceTiers: BATCH }),
  price(["gpt-3.5-turbo-0125"], { input: 0.5, output: 1.5 }, { serviceTiers: BATCH }),
  price(["text-embedding-3-small"], { input: 0.02, output: 0 }, { serviceTiers: BATCH }),
  price(["text-embedding-3-large"], { input: 0.13, output: 0 }, { serviceTiers: BATCH }),
];
