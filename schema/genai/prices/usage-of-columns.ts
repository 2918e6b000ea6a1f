import type { NormalisedColumns } from "../types.js";
import type { PricedUsage } from "./types.js";

/** What a call used, by the columns that its telemetry filled. */
export function usageOfColumns(columns: NormalisedColumns): PricedUsage {
  const number = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
  const details: Readonly<Record<string, unknown>> =
    typeof columns.usage_details === "string"
      ? (JSON.parse(columns.usage_details) as Record<string, unknown>)
      : {};
  const { input_includes_cache: includes, service_tier: tier } = columns;
  return {
    inputTokens: number(columns.input_tokens),
    outputTokens: number(columns.output_tokens),
    cacheReadTokens: number(columns.cache_read_tokens),
    cacheWriteTokens: number(columns.cache_write_tokens),
    cacheWrite1hTokens: number(details["cache_write_1h_tokens"]),
    audioInputTokens: number(details["audio_input_tokens"]),
    audioOutputTokens: number(details["audio_output_tokens"]),
    imageInputTokens: number(details["image_input_tokens"]),
    imageOutputTokens: number(details["image_output_tokens"]),
    inputIncludesCache: typeof includes === "boolean" ? includes : undefined,
    serviceTier: typeof tier === "string" ? tier : undefined,
  };
}
