import type { JsonObject, JsonValue } from "../../records/types.js";
import type { Price, PriceTier, Rates } from "./types.js";

/** Names of rates in files, records and tables, and in {@link Rates}. */
const RATE_NAMES: readonly (readonly [name: string, rate: keyof Rates])[] = [
  ["input", "input"],
  ["output", "output"],
  ["cache_read", "cacheRead"],
  ["cache_write", "cacheWrite"],
  ["cache_write_1h", "cacheWrite1h"],
  ["audio_input", "audioInput"],
  ["audio_output", "audioOutput"],
  ["image_input", "imageInput"],
  ["image_output", "imageOutput"],
];

/**
 * A price as people write it, with what they may leave out filled in: rates beside the other fields are those of one tier.
 * What is wrong stays wrong, for the check that follows.
 */
export function withTiers(data: JsonObject): JsonObject {
  if (data["tiers"] !== undefined) return data;
  const names = RATE_NAMES.map(([name]) => name);
  const entries = Object.entries(data);
  const rates = entries.filter(([name]) => names.includes(name));
  if (rates.length === 0) return data;
  return {
    ...Object.fromEntries(entries.filter(([name]) => !names.includes(name))),
    tiers: [{ above_input_tokens: 0, ...Object.fromEntries(rates) }],
  };
}

/** The id of a price that has none of its own: its provider, its first model, and the day it begins. Of checked data. */
export function priceIdOf(data: JsonObject): string {
  const { provider, models, from } = data as { provider: string; models: readonly string[]; from?: unknown };
  return `${provider}/${models[0] ?? ""}${typeof from === "string" ? `/${from}` : ""}`;
}

/** What no single field of a price says; undefined when all is well. The fields were checked already. */
export function priceProblem(data: JsonObject): string | undefined {
  const models = data["models"] as readonly JsonValue[];
  if (models.length === 0) return "names no model";
  const odd = models.find((name) => typeof name !== "string" || name.trim() === "" || name === "*");
  if (odd !== undefined) return `has a model that is no name: ${JSON.stringify(odd)}`;
  const { from, until } = data;
  if (typeof from === "string" && typeof until === "string" && from >= until) {
    return `ends (until ${until}) before it begins (from ${from})`;
  }
  return tiersProblem(data["tiers"] as readonly JsonObject[]) ?? serviceTiersProblem(data["service_tiers"]);
}

function tiersProblem(tiers: readonly JsonObject[]): string | undefined {
  if (tiers.length === 0) return "has no tier";
  let above = -1;
  for (const [index, tier] of tiers.entries()) {
    const next = Number(tier["above_input_tokens"]);
    if (index === 0 && next !== 0) return "has a first tier that does not begin at above_input_tokens: 0";
    if (next <= above) return `has tiers that do not rise: tiers[${index}].above_input_tokens is ${next}`;
    above = next;
    const negative = RATE_NAMES.find(([name]) => Number(tier[name] ?? 0) < 0);
    if (negative !== undefined) return `has a rate below 0: tiers[${index}].${negative[0]}`;
  }
  return undefined;
}

function serviceTiersProblem(value: JsonValue | undefined): string | undefined {
  for (const [name, factor] of Object.entries(value ?? {})) {
    if (typeof factor !== "number" || !(factor >= 0)) {
      return `has a service tier whose factor is no number from 0: service_tiers.${name}`;
    }
  }
  return undefined;
}

/** The price that checked data describes. */
export function priceOfData(id: string, data: JsonObject): Price {
  const text = (name: string): string | undefined =>
    typeof data[name] === "string" ? data[name] : undefined;
  const from = text("from");
  const until = text("until");
  const factors = data["service_tiers"] as Readonly<Record<string, number>> | null | undefined;
  return {
    id,
    provider: text("provider") ?? "",
    models: data["models"] as readonly string[],
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
    tiers: (data["tiers"] as readonly JsonObject[]).map(tierOfData),
    ...(factors === undefined || factors === null ? {} : { serviceTiers: lowerCaseNames(factors) }),
    source: text("published") ?? "",
    asOf: text("as_of") ?? "",
  };
}

function lowerCaseNames(factors: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(factors).map(([name, factor]) => [name.toLowerCase(), factor]));
}

function tierOfData(tier: JsonObject): PriceTier {
  const rates = RATE_NAMES.flatMap(([name, rate]) =>
    typeof tier[name] === "number" ? [[rate, tier[name]] as const] : [],
  );
  const aboveInputTokens = Number(tier["above_input_tokens"]);
  return { aboveInputTokens, ...(Object.fromEntries(rates) as unknown as Rates) };
}

/** A price in the words of files, records and tables: {@link priceOfData} reads it back. */
export function dataOfPrice(price: Price): JsonObject {
  return {
    provider: price.provider,
    models: price.models,
    ...(price.from === undefined ? {} : { from: price.from }),
    ...(price.until === undefined ? {} : { until: price.until }),
    tiers: price.tiers.map((tier) => ({
      above_input_tokens: tier.aboveInputTokens,
      ...Object.fromEntries(
        RATE_NAMES.flatMap(([name, rate]) => (tier[rate] === undefined ? [] : [[name, tier[rate]] as const])),
      ),
    })),
    ...(price.serviceTiers === undefined ? {} : { service_tiers: { ...price.serviceTiers } }),
    ...(price.source === "" ? {} : { published: price.source }),
    ...(price.asOf === "" ? {} : { as_of: price.asOf }),
  };
}
