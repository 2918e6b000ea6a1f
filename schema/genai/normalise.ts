import { type CompiledRule, type Plan, planFor } from "./compile.js";
import { detectDialects, isMapped } from "./detect.js";
import { DIALECTS } from "./dialects/index.js";
import { type Json, jsonToText, parseText, writeJson } from "./json.js";
import { providerOfModel } from "./providers.js";
import { attributesOfSource } from "./sources.js";
import { SpanView } from "./span-view.js";
import {
  type ColumnValue,
  type Conflict,
  type GenAiColumn,
  JSON_COLUMNS,
  type NormalisedColumns,
  type NormalisedSpan,
  type ReadableSpan,
  type RunType,
  USAGE_DETAILS,
} from "./types.js";
import { inputIncludesCache, NOTHING_ELSE, usageScope, wholeOutput } from "./usage.js";

const DETAILS: ReadonlySet<string> = new Set(USAGE_DETAILS);

/** Source of a value that no attribute holds as such: what it was derived from stands behind the sign. */
const DERIVED = "=";

/** What the rules say of one span, while it is being read. */
class Reading {
  readonly view: SpanView;
  readonly dialects: readonly number[];
  readonly plan: Plan;
  readonly values = new Map<GenAiColumn, ColumnValue>();
  readonly sources = new Map<string, string>();
  readonly scopeName: string;
  readonly #start: bigint;

  constructor(input: ReadableSpan) {
    this.scopeName = input.scope?.name ?? "";
    this.view = new SpanView(input);
    this.dialects = detectDialects(input, this.view);
    this.plan = planFor(this.dialects, this.view);
    this.#start = input.startTimeUnixNano;
  }

  /** Whether any dialect but the general names was found. */
  get isGenAi(): boolean {
    return this.dialects.length > 1;
  }

  set(column: GenAiColumn, value: ColumnValue, source: string): void {
    this.values.set(column, value);
    this.sources.set(column, source);
  }

  /** The value that a rule gives, whatever the run type. */
  apply(rule: CompiledRule): ColumnValue | undefined {
    const value = rule.read(this.view);
    return value === undefined || value === null ? undefined : rule.shape(value, this.#start);
  }

  /** Fills a column from the first source that says something. */
  fill(column: GenAiColumn, runType: RunType | undefined): void {
    for (const rule of this.plan.get(column) ?? []) {
      if (!applies(rule, runType)) continue;
      const value = this.apply(rule);
      if (value === undefined) continue;
      this.set(column, value, rule.from);
      return;
    }
  }
}

function applies(rule: CompiledRule, runType: RunType | undefined): boolean {
  return rule.when === undefined || (runType !== undefined && rule.when.has(runType));
}

/** Columns that are read before the run type is known, because they help to find it. */
const TELLING: readonly GenAiColumn[] = ["tool_name", "request_model", "response_model"];

/** The run type by a rule, else by what is there: a tool's name or call id, a model; else a chain. */
function decideRunType(reading: Reading): void {
  reading.fill("run_type", undefined);
  if (reading.values.has("run_type") || !reading.isGenAi) return;
  for (const column of TELLING) reading.fill(column, undefined);
  const hasCall = reading.view.attributes.has("gen_ai.tool.call.id");
  if (reading.values.has("tool_name") || hasCall) reading.set("run_type", "tool", `${DERIVED}tool name`);
  else if (reading.values.has("request_model") || reading.values.has("response_model")) {
    reading.set("run_type", "llm", `${DERIVED}model`);
  } else reading.set("run_type", "chain", NOTHING_ELSE);
}

function read(input: ReadableSpan): Reading {
  const reading = new Reading(input);
  decideRunType(reading);
  const runType = reading.values.get("run_type") as RunType | undefined;
  for (const column of reading.plan.keys()) {
    if (column !== "run_type" && !reading.values.has(column)) reading.fill(column, runType);
  }
  deriveProvider(reading);
  const output = wholeOutput(reading.values);
  if (output !== undefined) reading.values.set("output_tokens", output);
  return reading;
}

function deriveProvider(reading: Reading): void {
  if (reading.values.has("provider")) return;
  const model = reading.values.get("request_model") ?? reading.values.get("response_model");
  const provider = typeof model === "string" ? providerOfModel(model) : undefined;
  if (provider !== undefined) reading.set("provider", provider, `${DERIVED}model`);
}

function usageDetails(reading: Reading): string | undefined {
  const entries = USAGE_DETAILS.map((name) => [name, reading.values.get(name)] as const).filter(
    (entry): entry is readonly [(typeof USAGE_DETAILS)[number], number] =>
      typeof entry[1] === "number" && entry[1] > 0,
  );
  return entries.length === 0 ? undefined : writeJson(Object.fromEntries(entries));
}

function result(reading: Reading): NormalisedSpan {
  const columns: NormalisedColumns = {};
  const provenance: Record<string, string> = {};
  for (const [column, value] of reading.values) {
    provenance[column] = reading.sources.get(column) ?? "";
    if (!DETAILS.has(column)) columns[column as keyof NormalisedColumns] = value;
  }
  const details = usageDetails(reading);
  if (details !== undefined) columns.usage_details = details;
  const scope = usageScope(reading.values, reading.sources, reading.dialects, reading.scopeName);
  if (scope !== undefined) columns.usage_scope = scope;
  const includes = inputIncludesCache(reading.values, reading.dialects);
  if (includes !== undefined) columns.input_includes_cache = includes;
  return { columns, provenance, dialects: namesOf(reading) };
}

function namesOf(reading: Reading): string[] {
  return reading.dialects.map((index) => DIALECTS[index]?.name ?? "").filter((name) => name !== "generic");
}

/**
 * Reads a span by the rules of every dialect it speaks. Pure and total: it never throws, whatever the attributes hold,
 * gives the same for the same span, and doesn't depend on the order of the attributes.
 */
export function normaliseSpan(input: ReadableSpan): NormalisedSpan {
  return result(read(input));
}

/** {@link NormalisedSpan} with what was left out. */
export interface ExplainedSpan extends NormalisedSpan {
  /** Sources that said something else than the one taken. */
  readonly conflicts: readonly Conflict[];
  /** Attributes that no rule of any dialect reads: they are kept raw. */
  readonly unmapped: readonly string[];
  /** Attributes that a rule reads, but that filled nothing on this span. */
  readonly ignored: readonly string[];
}

/** {@link normaliseSpan}, and what it did not take: for `counterfoil explain`. Slower: it tries every source. */
export function explainSpan(input: ReadableSpan): ExplainedSpan {
  const reading = read(input);
  const runType = reading.values.get("run_type") as RunType | undefined;
  const conflicts: Conflict[] = [];
  for (const [column, rules] of reading.plan) {
    const taken = reading.values.get(column);
    if (taken === undefined) continue;
    for (const rule of rules) {
      if (rule.from === reading.sources.get(column) || !applies(rule, runType)) continue;
      const value = reading.apply(rule);
      if (value !== undefined && !isSame(column, value, taken)) {
        conflicts.push({
          column,
          source: rule.from,
          value: shownValue(column, value),
        });
      }
    }
  }
  const used = [...reading.sources.values()];
  const unused = [...reading.view.attributes.keys()].filter(
    (key) => !used.some((source) => isFrom(source, key)),
  );
  return {
    ...result(reading),
    conflicts,
    unmapped: unused.filter((key) => !isMapped(key)).sort(),
    ignored: unused.filter((key) => isMapped(key)).sort(),
  };
}

function isFrom(source: string, key: string): boolean {
  return attributesOfSource(source).some((name) =>
    name.endsWith(".*") ? key.startsWith(name.slice(0, -1)) : name === key,
  );
}

/** A value as explanations show it. */
export function shownValue(column: string, value: ColumnValue): Json {
  return JSON_COLUMNS.has(column) ? (parseText(String(value)) ?? jsonToText(value)) : value;
}

/** Whether two values of a column say the same, in whatever order their JSON has it. */
export function isSame(column: string, value: ColumnValue, taken: ColumnValue): boolean {
  if (value === taken || !JSON_COLUMNS.has(column)) return value === taken;
  const sorted = (json: Json | undefined): string =>
    JSON.stringify(json, (_key, item: unknown) => sortedKeys(item));
  return sorted(parseText(String(value))) === sorted(parseText(String(taken)));
}

function sortedKeys(item: unknown): unknown {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
  return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
}
