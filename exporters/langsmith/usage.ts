import { jsonOf, numberColumn, type AttributeMap, type GenAiReading, type Json } from "./read-genai.js";
import { isObject } from "./messages.js";

/** LangSmith's usage: `input_tokens` includes what was read from and written to a cache. */
export interface UsageMetadata {
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly total_tokens: number;
  readonly input_token_details?: Readonly<Record<string, number>>;
  readonly output_token_details?: Readonly<Record<string, number>>;
}

/**
 * Usage of a run. A `langsmith.usage_metadata` on the span wins. A span that repeats its children's usage has none:
 * LangSmith adds the children up itself. Some sources leave cached tokens out of `input_tokens`: then they are added.
 */
export function readUsage(
  attributes: AttributeMap,
  reading: GenAiReading,
  isRollup: boolean,
): UsageMetadata | undefined {
  // LangSmith's Python SDK has the details among the metadata only.
  const given =
    attributes.get("langsmith.usage_metadata") ?? attributes.get("langsmith.metadata.usage_metadata");
  if (given !== undefined) return asUsage(jsonOf(given));
  const input = numberColumn(reading, "input_tokens");
  const output = numberColumn(reading, "output_tokens");
  if (isRollup || (input === undefined && output === undefined)) return undefined;
  const cacheRead = numberColumn(reading, "cache_read_tokens");
  const cacheCreation = numberColumn(reading, "cache_write_tokens");
  const reasoning = numberColumn(reading, "reasoning_tokens");
  const cached = (cacheRead ?? 0) + (cacheCreation ?? 0);
  const includesCache = reading.get("input_includes_cache")?.value;
  const inputTokens = (input ?? 0) + (includesCache === false ? cached : 0);
  const inputDetails = compact({ cache_read: cacheRead, cache_creation: cacheCreation });
  const outputDetails = compact({ reasoning });
  return {
    input_tokens: inputTokens,
    output_tokens: output ?? 0,
    total_tokens: inputTokens + (output ?? 0),
    ...(inputDetails === undefined ? {} : { input_token_details: inputDetails }),
    ...(outputDetails === undefined ? {} : { output_token_details: outputDetails }),
  };
}

function compact(details: Record<string, number | undefined>): Record<string, number> | undefined {
  const kept = Object.entries(details).filter(
    (entry): entry is [string, number] => entry[1] !== undefined && entry[1] > 0,
  );
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function asUsage(value: Json): UsageMetadata | undefined {
  return isObject(value) ? (value as unknown as UsageMetadata) : undefined;
}
