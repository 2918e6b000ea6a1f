import { DIALECTS } from "./dialects/index.js";
import type { ColumnValue, GenAiColumn } from "./types.js";

/** Source of a run type that nothing on the span tells. */
export const NOTHING_ELSE = "=nothing else";

/** Column values so far, by column. */
export type Values = ReadonlyMap<GenAiColumn, ColumnValue>;

function numberOf(values: Values, column: GenAiColumn): number | undefined {
  const value = values.get(column);
  return typeof value === "number" ? value : undefined;
}

/**
 * Whether a span's usage is its own or repeats that of the spans below it, so that sums over `own` count each call once.
 * A chain (agents, workflows, steps) only sums up; all others report their own call. Undefined without usage.
 */
export function usageScope(
  values: Values,
  sources: ReadonlyMap<string, string>,
  dialects: readonly number[],
  scopeName = "",
): string | undefined {
  const reported = (["input_tokens", "output_tokens", "cost_usd"] as const).some((column) =>
    values.has(column),
  );
  if (!reported) return undefined;
  const from = [sources.get("input_tokens"), sources.get("output_tokens")];
  for (const index of dialects) {
    const rollups = DIALECTS[index]?.rollupSources;
    if (rollups?.some((source) => from.includes(source)) === true) return "rollup";
  }
  if (dialects.some((index) => DIALECTS[index]?.ownUsageScopes?.includes(scopeName) === true)) return "own";
  // A chain only because nothing tells what it is reports what nobody else does, as far as anyone knows.
  const isChain = values.get("run_type") === "chain" && sources.get("run_type") !== NOTHING_ELSE;
  return isChain ? "rollup" : "own";
}

/**
 * The whole output where the arithmetic tells that output_tokens leaves the reasoning out, as Gemini's counts do: it is
 * part of the output by the conventions, and on the bill. Undefined where nothing tells.
 */
export function wholeOutput(values: Values): number | undefined {
  const [input, output, reasoning, total] = (
    ["input_tokens", "output_tokens", "reasoning_tokens", "total_tokens"] as const
  ).map((column) => numberOf(values, column));
  if (input === undefined || output === undefined || reasoning === undefined || reasoning <= 0)
    return undefined;
  const cached = (numberOf(values, "cache_read_tokens") ?? 0) + (numberOf(values, "cache_write_tokens") ?? 0);
  // As many cached tokens, which the input may leave out, would explain the total as well.
  return total === input + output + reasoning && cached !== reasoning ? output + reasoning : undefined;
}

/**
 * Whether input_tokens includes the cache tokens. Arithmetic decides where it can; else what the dialect says. Undefined
 * when no cache tokens are reported (it makes no difference) or when nothing tells.
 */
export function inputIncludesCache(values: Values, dialects: readonly number[]): boolean | undefined {
  const input = numberOf(values, "input_tokens");
  const cached = (numberOf(values, "cache_read_tokens") ?? 0) + (numberOf(values, "cache_write_tokens") ?? 0);
  if (input === undefined || cached <= 0) return undefined;
  if (cached > input) return false;
  const uncached = numberOf(values, "uncached_input_tokens");
  if (uncached === input) return false;
  if (uncached !== undefined && uncached + cached === input) return true;
  const total = numberOf(values, "total_tokens");
  const output = numberOf(values, "output_tokens") ?? 0;
  if (total !== undefined && total === input + output + cached) return false;
  return dialectIncludesCache(dialects, values.get("provider"));
}

/** The most authoritative dialect that says so; the conventions themselves only when no instrumentation is known. */
function dialectIncludesCache(
  dialects: readonly number[],
  provider: ColumnValue | undefined,
): boolean | undefined {
  const known = dialects.map((index) => DIALECTS[index]);
  const ordered = [
    ...known.filter((item) => item?.name !== "otel_genai"),
    ...known.filter((item) => item?.name === "otel_genai"),
  ];
  for (const dialect of ordered) {
    const includes = dialect?.inputIncludesCache;
    if (includes === undefined) continue;
    if (typeof includes === "boolean") return includes;
    const own =
      typeof provider === "string" && Object.hasOwn(includes, provider) ? includes[provider] : undefined;
    return own ?? includes["*"];
  }
  return undefined;
}
