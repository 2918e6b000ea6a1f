import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { priceOf, priceTable, SHIPPED_PRICES, type Price } from "../../../schema/index.js";
import { PROVIDERS } from "../../../schema/genai/providers.js";

const day = (text: string): bigint => BigInt(Date.parse(`${text}T12:00:00Z`)) * 1_000_000n;
const NOW = day("2026-11-01");

describe("prices", () => {
  it.each([
    [
      "a dated version is its model",
      "gpt-4o-mini-2024-07-18",
      "openai",
      { inputTokens: 1_000_000, outputTokens: 1_000_000 },
      0.75,
    ],
    ["a longer name is another model", "gpt-4o-2024-05-13", "openai", { inputTokens: 1_000_000 }, 5],
    [
      "cached input inside the input",
      "gpt-4o-mini",
      "openai",
      { inputTokens: 90, cacheReadTokens: 64, outputTokens: 9, inputIncludesCache: true },
      (26 * 0.15 + 64 * 0.075 + 9 * 0.6) / 1e6,
    ],
    [
      "cache beside the input, hour and five minutes",
      "claude-haiku-4-5-20251001",
      "anthropic",
      {
        inputTokens: 7,
        outputTokens: 445,
        cacheReadTokens: 16_399,
        cacheWriteTokens: 2_089,
        cacheWrite1hTokens: 89,
        inputIncludesCache: false,
      },
      (7 + 445 * 5 + 16_399 * 0.1 + 2_000 * 1.25 + 89 * 2) / 1e6,
    ],
    [
      "a long input costs more",
      "claude-sonnet-4-5",
      "anthropic",
      { inputTokens: 300_000, outputTokens: 0 },
      1.8,
    ],
    ["a provider's prefix is no part of the name", "openai/gpt-4.1", "openai", { inputTokens: 1_000_000 }, 2],
    ["nor is the Gemini API's", "models/gemini-2.5-flash", "gcp.gemini", { inputTokens: 1_000_000 }, 0.3],
    ["a batch costs half", "gpt-4.1", "openai", { inputTokens: 1_000_000, serviceTier: "batch" }, 1],
  ] as const)("%s", (_what, model, provider, usage, usd) => {
    expect(priceOf(usage, model, provider, NOW)?.usd).toBeCloseTo(usd, 12);
  });

  it.each([
    ["an unknown model", "gpt-99", "openai", { inputTokens: 1 }],
    ["a model whose name only begins alike", "gpt-4o-mini-tts", "openai", { inputTokens: 1 }],
    ["a model with another provider's prefix", "openai/gpt-4.1", "openrouter", { inputTokens: 1 }],
    ["the model at another provider", "gpt-4o", "azure.ai.openai", { inputTokens: 1 }],
    [
      "cache tokens that may or may not be inside the input",
      "gpt-4o",
      "openai",
      { inputTokens: 10, cacheReadTokens: 1 },
    ],
    [
      "cache tokens without a rate",
      "gemini-2.5-pro",
      "gcp.gemini",
      { inputTokens: 10, cacheReadTokens: 1, inputIncludesCache: true },
    ],
    [
      "more cache tokens than the input that includes them",
      "gpt-4o",
      "openai",
      { inputTokens: 1, cacheReadTokens: 2, inputIncludesCache: true },
    ],
    ["no usage", "gpt-4o", "openai", {}],
  ] as const)("%s has no price, and none is guessed", (_what, model, provider, usage) => {
    expect(priceOf(usage, model, provider, NOW)).toBeNull();
  });

  it("the price of the day counts, with its id and version", () => {
    const usage = { inputTokens: 1_000_000 };
    expect(priceOf(usage, "o3", "openai", day("2025-06-09"))).toEqual({
      usd: 10,
      priceId: "openai/o3/2025-04-16",
      priceVersion: SHIPPED_PRICES.version,
    });
    expect(priceOf(usage, "o3", "openai", day("2025-06-10"))?.usd).toBe(2);
    expect(priceOf(usage, "o3", "openai", day("2025-01-01"))).toBeNull();
  });

  it("a record that comes later overrides one of the same name", () => {
    const own: Price = {
      id: "own",
      provider: "openai",
      models: ["gpt-4o"],
      tiers: [{ aboveInputTokens: 0, input: 1, output: 1 }],
      source: "contract",
      asOf: "2026-01-01",
    };
    const table = priceTable({ shipped: [...SHIPPED_PRICES.prices, own] });
    expect(priceOf({ inputTokens: 1_000_000 }, "gpt-4o", "openai", NOW, table)).toEqual({
      usd: 1,
      priceId: "own",
      priceVersion: table.version,
    });
  });

  const contract = (more: Partial<Price>): Price => ({
    id: "contract",
    provider: "openai",
    models: ["gpt-4o"],
    tiers: [{ aboveInputTokens: 0, input: 1, output: 1 }],
    source: "contract",
    asOf: "2026-01-01",
    ...more,
  });
  const million = { inputTokens: 1_000_000 };

  it("a price of one's own holds for dated versions that the shipped list names apart, and only while it is valid", () => {
    const table = priceTable({
      shipped: SHIPPED_PRICES.prices,
      file: [contract({ from: "2026-07-01" })],
      record: [
        contract({ id: "later", from: "2026-10-01", tiers: [{ aboveInputTokens: 0, input: 2, output: 2 }] }),
      ],
    });
    const usd = (date: string): number | undefined =>
      priceOf(million, "gpt-4o-2024-11-20", "openai", day(date), table)?.usd;
    expect([usd("2026-06-30"), usd("2026-07-01"), usd("2026-09-30"), usd("2026-10-01")]).toEqual([
      2.5, 1, 1, 2,
    ]);
  });

  it("a pattern stands for all names that begin like it, and yields to a name", () => {
    const table = priceTable({
      file: [
        contract({ id: "any", models: ["ft:gpt-4o*"] }),
        contract({ id: "mini", models: ["ft:gpt-4o-mini:acme*"] }),
        contract({ id: "one", models: ["ft:gpt-4o-mini:acme:support"] }),
      ],
    });
    const id = (model: string): string | undefined => priceOf(million, model, "openai", NOW, table)?.priceId;
    expect(id("ft:gpt-4o:acme")).toBe("any");
    expect(id("ft:gpt-4o-mini:acme:x")).toBe("mini");
    expect(id("ft:gpt-4o-mini:acme:support")).toBe("one");
    expect(id("gpt-4o")).toBeUndefined();
  });

  it("a service tier without a factor has no price; the standard one by any of its names has", () => {
    const usd = (serviceTier: string): number | undefined =>
      priceOf({ ...million, serviceTier }, "gpt-5", "openai", NOW)?.usd;
    expect(["default", "auto", "DEFAULT", "flex", "batch"].map(usd)).toEqual([
      1.25, 1.25, 1.25, 0.625, 0.625,
    ]);
    expect(["priority", "scale", "__proto__", "constructor"].map(usd)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("audio and images have a price of their own, or the call has none", () => {
    const spoken = { inputTokens: 100, audioInputTokens: 60, outputTokens: 10 };
    const tier = { aboveInputTokens: 0, input: 1, output: 2 };
    const table = priceTable({ file: [contract({ tiers: [{ ...tier, audioInput: 10 }] })] });
    expect(
      priceOf(spoken, "gpt-4o", "openai", NOW, priceTable({ file: [contract({ tiers: [tier] })] })),
    ).toBeNull();
    expect(priceOf(spoken, "gpt-4o", "openai", NOW, table)?.usd).toBeCloseTo(
      (40 + 60 * 10 + 10 * 2) / 1e6,
      12,
    );
    const cached = { ...spoken, cacheReadTokens: 50, inputIncludesCache: true };
    expect(priceOf(cached, "gpt-4o", "openai", NOW, table)).toBeNull();
  });

  it("tables that say the same have the same version, any difference makes another", () => {
    const table = (more: Partial<Price>): string => priceTable({ file: [contract(more)] }).version;
    expect(table({})).toBe(table({}));
    expect(table({})).toMatch(/^[0-9a-f]{12}$/);
    expect(table({ until: "2027-01-01" })).not.toBe(table({}));
    expect(priceTable({ record: [contract({})] }).version).not.toBe(table({}));
  });

  it("more tokens never cost less within a tier, and two calls cost what they cost apart", () => {
    const count = fc.nat(90_000);
    fc.assert(
      fc.property(count, count, count, count, (a, b, c, d) => {
        const cost = (inputTokens: number, outputTokens: number): number =>
          priceOf({ inputTokens, outputTokens }, "claude-sonnet-4-5", "anthropic", NOW)?.usd ?? Number.NaN;
        expect(cost(a + c, b + d)).toBeCloseTo(cost(a, b) + cost(c, d), 9);
        expect(cost(a + c, b + d)).toBeGreaterThanOrEqual(cost(a, b));
      }),
    );
  });

  it("every record is well formed: a known provider, a unique id, a source, rising tiers", () => {
    const { prices } = SHIPPED_PRICES;
    expect(new Set(prices.map(({ id }) => id)).size).toBe(prices.length);
    for (const { provider, tiers, source, asOf, models } of prices) {
      expect(PROVIDERS).toContain(provider);
      expect(source).toMatch(/^https:/);
      expect(asOf).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      expect(models.length).toBeGreaterThan(0);
      expect(tiers.map(({ aboveInputTokens }) => aboveInputTokens)).toEqual(
        [...tiers].map(({ aboveInputTokens }) => aboveInputTokens).sort((a, b) => a - b),
      );
      expect(tiers[0]?.aboveInputTokens).toBe(0);
    }
  });
});
