import { type JsonObject, priceOf, type PriceTable } from "../../schema/index.js";
import { textIn } from "../records/text-in.js";
import type { Evaluator } from "./evaluator-book.js";
import type { EvaluatorUsage } from "./judgement.js";

/** Providers of the addresses that everyone knows, as the conventions name them. */
const PROVIDERS: readonly (readonly [host: RegExp, provider: string])[] = [
  [/^api\.openai\.com$/, "openai"],
  [/\.openai\.azure\.com$/, "azure.ai.openai"],
  [/^api\.anthropic\.com$/, "anthropic"],
  [/^generativelanguage\.googleapis\.com$/, "gcp.gemini"],
  [/(?:^|-)aiplatform\.googleapis\.com$/, "gcp.vertex_ai"],
  [/^api\.mistral\.ai$/, "mistral_ai"],
  [/^api\.deepseek\.com$/, "deepseek"],
  [/^api\.groq\.com$/, "groq"],
  [/^api\.x\.ai$/, "x_ai"],
  [/^api\.perplexity\.ai$/, "perplexity"],
  [/^api\.moonshot\.(?:ai|cn)$/, "moonshot_ai"],
  [/^api\.cohere\.(?:com|ai)$/, "cohere"],
];

/**
 * The usage of an answer with what it cost: the API's own figure where it gives one, else the price of the model at that time, as
 * calls in spans are priced. Without a known provider or price there is no cost.
 */
export function pricedUsage(
  { data }: Evaluator,
  usage: EvaluatorUsage,
  at: { readonly url: string; readonly timeMs: number; readonly prices: PriceTable },
): EvaluatorUsage {
  const provider = textIn(data, "provider") || providerOf(at.url);
  const named = provider === undefined ? usage : { ...usage, provider };
  if (usage.costUsd !== undefined) return { ...named, costSource: "emitter" };
  const model = usage.model ?? textIn(data, "model");
  if (provider === undefined || model === "") return named;
  const tokens = { ...usage, inputIncludesCache: true };
  const price = priceOf(tokens, model, provider, BigInt(at.timeMs) * 1_000_000n, at.prices);
  if (price === null) return named;
  return { ...named, costUsd: price.usd, costSource: "price", priceVersion: price.priceVersion };
}

function providerOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { hostname } = new URL(url);
  return PROVIDERS.find(([host]) => host.test(hostname))?.[1];
}

/** What the answer of an API as OpenAI's says that it used. Cached tokens are among those that it read. */
export function usageIn(reply: JsonObject): EvaluatorUsage {
  const { model, service_tier: serviceTier } = reply;
  const usage = objectIn(reply, "usage");
  const read = objectIn(usage, "prompt_tokens_details");
  const wrote = objectIn(usage, "completion_tokens_details");
  const { cost } = usage;
  return withoutAbsent({
    model: typeof model === "string" ? model : undefined,
    serviceTier: typeof serviceTier === "string" ? serviceTier : undefined,
    inputTokens: countIn(usage, "prompt_tokens"),
    outputTokens: countIn(usage, "completion_tokens"),
    cacheReadTokens: countIn(read, "cached_tokens"),
    audioInputTokens: countIn(read, "audio_tokens"),
    audioOutputTokens: countIn(wrote, "audio_tokens"),
    costUsd: typeof cost === "number" && Number.isFinite(cost) && cost >= 0 ? cost : undefined,
  });
}

function objectIn(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function countIn(object: JsonObject, name: string): number | undefined {
  const value = object[name];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function withoutAbsent<T extends object>(fields: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: NonNullable<T[Name]>;
  };
}
