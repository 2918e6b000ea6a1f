import { DIALECTS, LAST_RESORTS } from "./dialects/index.js";
import type { Json } from "./json.js";
import { jsonToText } from "./json.js";
import { type Shape, shapeOf } from "./shapes/index.js";
import { toNumber } from "./shapes/scalars.js";
import { ByNames } from "./key-sets.js";
import type { SpanView } from "./span-view.js";
import { attributesOfSource, sourceText } from "./sources.js";
import {
  type ColumnValue,
  GENAI_COLUMNS,
  type GenAiColumn,
  type Rule,
  type RunType,
  type ShapeName,
} from "./types.js";

/** The shape of a column's sources that name none. */
const COLUMN_SHAPES: Readonly<Record<GenAiColumn, ShapeName>> = {
  run_type: "text",
  operation: "operation",
  project: "text",
  environment: "text",
  provider: "provider",
  request_model: "text",
  response_model: "text",
  agent_name: "text",
  tool_name: "text",
  conversation_id: "text",
  user_id: "text",
  input_tokens: "int",
  output_tokens: "int",
  cache_read_tokens: "int",
  cache_write_tokens: "int",
  reasoning_tokens: "int",
  total_tokens: "int",
  uncached_input_tokens: "int",
  audio_input_tokens: "int",
  audio_output_tokens: "int",
  image_input_tokens: "int",
  image_output_tokens: "int",
  cache_write_5m_tokens: "int",
  cache_write_1h_tokens: "int",
  cost_usd: "double",
  service_tier: "text",
  time_to_first_token_ms: "ms",
  finish_reasons: "finish_reasons",
  error_type: "text",
  tags: "strings",
  metadata: "metadata",
  input_messages: "input",
  output_messages: "output",
  system_instructions: "system",
  tool_definitions: "tools",
  tool_arguments: "json",
  tool_result: "json",
  retrieval_documents: "documents",
};

/** A rule made ready: how to read its source, and what becomes of the value. */
export interface CompiledRule {
  readonly column: GenAiColumn;
  /** Index into DIALECTS. */
  readonly dialect: number;
  /** As the table writes it. */
  readonly from: string;
  readonly when: ReadonlySet<RunType> | undefined;
  readonly read: (view: SpanView) => Json | undefined;
  readonly shape: Shape;
}

/** The rules of each column for a set of dialects, in the order they are tried. */
export type Plan = ReadonlyMap<GenAiColumn, readonly CompiledRule[]>;

function reader(from: string, flat: boolean): (view: SpanView) => Json | undefined {
  const [source = "", path] = from.split("#");
  const segments = path?.split(".");
  if (source.startsWith("@")) {
    const name = source.slice(1);
    return segments === undefined ? (view) => view.events(name) : (view) => view.eventMember(name, segments);
  }
  if (source.endsWith(".*")) {
    const prefix = source.slice(0, -1);
    return (view) => view.group(prefix, flat);
  }
  return segments === undefined ? (view) => view.value(source) : (view) => view.member(source, segments);
}

/** A column's value for each value of the source; `*` stands for any other. */
function mapped(map: Readonly<Record<string, string>>): Shape {
  const table = new Map(Object.entries(map));
  const rest = table.get("*");
  return (value): ColumnValue | undefined => {
    // MLflow writes even names as JSON: the quotes are no part of them.
    const text = jsonToText(value)
      .toLowerCase()
      .replace(/^"(.*)"$/s, "$1");
    return text === "" ? undefined : (table.get(text) ?? rest);
  };
}

/** Two sources as one: the sum of what both say. */
function adder(from: string, plus: string): (view: SpanView) => Json | undefined {
  const readers = [reader(from, false), reader(plus, false)];
  return (view) => {
    const [a, b] = readers.map((read) => toNumber(read(view) ?? null));
    return a === undefined || b === undefined ? undefined : a + b;
  };
}

function compile(column: GenAiColumn, rule: string | Rule, dialect: number): CompiledRule {
  const { from, plus, as, map, when } = typeof rule === "string" ? ({ from: rule } as Rule) : rule;
  const name = as ?? COLUMN_SHAPES[column];
  return {
    column,
    dialect,
    from: sourceText(from, plus),
    when: when === undefined ? undefined : new Set(when),
    read: plus === undefined ? reader(from, name === "metadata") : adder(from, plus),
    shape: map === undefined ? shapeOf(name) : mapped(map),
  };
}

/** Every rule of the rule set by column, in order of precedence. */
export const COMPILED: Plan = new Map(
  GENAI_COLUMNS.map((column) => {
    const last = new Set(LAST_RESORTS[column]);
    const rules = DIALECTS.flatMap((dialect, index) =>
      (dialect.columns[column] ?? []).map((rule) => compile(column, rule, index)),
    );
    const isLast = (rule: CompiledRule): boolean => last.has(DIALECTS[rule.dialect]?.name ?? "");
    return [column, [...rules.filter((rule) => !isLast(rule)), ...rules.filter(isLast)]];
  }),
);

/** Plans of the sets of dialects met so far; there are few, but senders must not be able to fill memory with them. */
const PLANS_MAX = 512;
const plans = new Map<string, Plan>();

/** The rules that count for these dialects, whatever a span has. */
function planOfDialects(dialects: readonly number[]): Plan {
  const key = dialects.join();
  const known = plans.get(key);
  if (known !== undefined) return known;
  const active = new Set(dialects);
  const plan: Plan = new Map(
    [...COMPILED].map(([column, rules]) => [column, rules.filter((rule) => active.has(rule.dialect))]),
  );
  if (plans.size >= PLANS_MAX) plans.clear();
  plans.set(key, plan);
  return plan;
}

const byNames = new ByNames<Plan>();

/** The rules that count for these dialects and may say something of the span: those whose source it has. */
export function planFor(dialects: readonly number[], view: SpanView): Plan {
  const { signature, hasEvents } = view;
  const key = signature === undefined ? undefined : `${signature}${hasEvents ? "@" : ""}#${dialects.join()}`;
  return byNames.get(key, () => {
    const names = [...view.attributes.keys()];
    const isThere = (source: string): boolean => {
      if (source.startsWith("@")) return hasEvents;
      const prefix = source.endsWith(".*") ? source.slice(0, -1) : undefined;
      return names.some((name) => (prefix === undefined ? name === source : name.startsWith(prefix)));
    };
    return new Map(
      [...planOfDialects(dialects)].flatMap(([column, rules]) => {
        const left = rules.filter(({ from }) => attributesOfSource(from).every(isThere));
        return left.length === 0 ? [] : [[column, left] as const];
      }),
    );
  });
}
