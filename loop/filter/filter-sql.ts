import { CounterfoilError, runTimeNanos } from "../../schema/index.js";
import type { SqlParameter } from "../../store/index.js";
import {
  ENTRY_SOURCES,
  ERROR_SQL,
  FEEDBACK_FIELDS,
  type FieldKind,
  INPUTS_SQL,
  OUTPUTS_SQL,
  RUN_FIELDS,
} from "./fields.js";
import type { FilterNode, FilterValue } from "./parse-filter.js";

/** Collects the values of a statement. */
export class Bindings {
  readonly params: SqlParameter[] = [];

  /** The placeholder of a value. */
  bind(value: SqlParameter): string {
    return `$${this.params.push(value)}`;
  }

  /** A time, nanoseconds since 1970. The cast is for the driver, which sends a bigint as HUGEINT. */
  time(nanos: bigint): string {
    return `make_timestamp_ns(CAST(${this.bind(nanos)} AS BIGINT))`;
  }
}

const OPERATORS: Readonly<Record<string, string>> = {
  eq: "=",
  neq: "<>",
  gt: ">",
  gte: ">=",
  lt: "<",
  lte: "<=",
};
const ENTRY_FIELD =
  /^(metadata|input|output|feedback)_(key|value|score|comment|source|confidence|disagreement)$/;

/**
 * A filter as a condition over a row `s` of the view `spans`. Two-valued: a comparison with a missing value is false, and
 * its `neq` true. Values are bound, never written into the text. Throws CF_USAGE for a function or field that is unknown or
 * used wrongly.
 */
export function filterSql(node: FilterNode, bindings: Bindings): string {
  if (node.kind !== "call") throw wrong('must be a call such as eq(name, "x")');
  const { name, args } = node;
  switch (name) {
    case "and":
      return allOf(args, bindings);
    case "or":
      return args.length === 0 ? "false" : `(${args.map((arg) => filterSql(arg, bindings)).join(" OR ")})`;
    case "not":
      return `(NOT ${filterSql(only(args, name), bindings)})`;
    case "has":
      return hasSql(args, bindings);
    case "exists":
      return existsSql(args, bindings);
    case "search":
      return searchSql(args, bindings);
    default:
      return isEntryTest(node) ? entrySql([node], bindings) : fieldSql(name, args, bindings);
  }
}

type Call = Extract<FilterNode, { kind: "call" }>;

/** `eq(metadata_key, ...)` and `eq(metadata_value, ...)` side by side in an `and` are about the same entry. */
function allOf(args: readonly FilterNode[], bindings: Bindings): string {
  const conditions: string[] = [];
  const open = new Map<string, Call[]>();
  const close = (source: string): void => {
    const tests = open.get(source);
    if (tests !== undefined) conditions.push(entrySql(tests, bindings));
    open.delete(source);
  };
  for (const arg of args) {
    if (!isEntryTest(arg)) {
      conditions.push(filterSql(arg, bindings));
      continue;
    }
    const [, source = "", part] = ENTRY_FIELD.exec(fieldOf(arg.args)) ?? [];
    const tests = open.get(source) ?? [];
    // A second key begins the next entry.
    if (part === "key" && tests.some((test) => fieldOf(test.args).endsWith("_key"))) close(source);
    open.set(source, [...(open.get(source) ?? []), arg]);
  }
  for (const tests of open.values()) conditions.push(entrySql(tests, bindings));
  return conditions.length === 0 ? "true" : `(${conditions.join(" AND ")})`;
}

function isEntryTest(node: FilterNode): node is Call {
  if (node.kind !== "call") return false;
  const [, source = "", part = ""] = ENTRY_FIELD.exec(fieldOf(node.args)) ?? [];
  return source === "feedback" || part === "key" || part === "value";
}

/** Whether one entry of a JSON object passes all tests of its key and value. */
function entrySql(tests: readonly Call[], bindings: Bindings): string {
  const source = ENTRY_FIELD.exec(fieldOf(tests[0]?.args ?? []))?.[1] ?? "";
  if (source === "feedback") return feedbackSql(tests, bindings);
  const object = ENTRY_SOURCES[source] ?? "NULL";
  const value = `json_extract_string(${object}, '/' || replace(replace(k, '~', '~0'), '/', '~1'))`;
  const conditions = tests.map(({ name, args }) => {
    const isKey = fieldOf(args).endsWith("_key");
    if (isKey) return compareSql(name, { kind: "text", sql: "k" }, args[1], bindings);
    const number = args[1]?.kind === "value" && typeof args[1].value === "number";
    const sql = number ? `TRY_CAST(${value} AS DOUBLE)` : value;
    return compareSql(name, { kind: number ? "number" : "text", sql }, textArgument(args[1]), bindings);
  });
  return `(len(list_filter(${keysSql(object)}, lambda k: ${conditions.join(" AND ")})) > 0)`;
}

/** Whether one feedback on the run passes all tests; what is said of a trace is said of its root run. */
function feedbackSql(tests: readonly Call[], bindings: Bindings): string {
  const conditions = tests.map(({ name, args }) => {
    const field = FEEDBACK_FIELDS[fieldOf(args)];
    if (field === undefined) throw wrong(`names the field ${fieldOf(args)}`);
    return compareSql(name, field, args[1], bindings);
  });
  const onRun = "(f.span_id = s.span_id OR (f.target = 'trace' AND s.parent_span_id IS NULL))";
  return `EXISTS (SELECT 1 FROM feedback AS f WHERE f.trace_id = s.trace_id AND ${onRun} AND ${conditions.join(" AND ")})`;
}

/** A boolean in a JSON object reads as the text true or false. */
function textArgument(node: FilterNode | undefined): FilterNode | undefined {
  if (node?.kind !== "value" || typeof node.value !== "boolean") return node;
  return { kind: "value", value: String(node.value) };
}

function keysSql(object: string): string {
  return `CASE WHEN json_valid(${object}) AND json_type(${object}) = 'OBJECT' THEN json_keys(${object}) ELSE [] END`;
}

function fieldSql(name: string, args: readonly FilterNode[], bindings: Bindings): string {
  const fieldName = fieldOf(args);
  const field = Object.hasOwn(RUN_FIELDS, fieldName) ? RUN_FIELDS[fieldName] : undefined;
  if (field !== undefined) return compareSql(name, field, args[1], bindings);
  if (fieldName === "tags" && name === "eq") return hasSql(args, bindings);
  throw wrong(
    fieldName === ""
      ? `calls ${name} without a field first`
      : `names the field ${fieldName}; known are ${[...Object.keys(RUN_FIELDS), "tags", "metadata", "metadata_key", "metadata_value", "input_key", "input_value", "output_key", "output_value", ...Object.keys(FEEDBACK_FIELDS)].join(", ")}`,
  );
}

function compareSql(
  name: string,
  field: { readonly kind: FieldKind; readonly sql: string },
  argument: FilterNode | undefined,
  bindings: Bindings,
): string {
  const { kind, sql } = field;
  if (name === "in") {
    if (argument?.kind !== "list") throw wrong('needs a list as in in(run_type, ["llm", "tool"])');
    const values = argument.values.map((value) => valueSql(kind, value, bindings));
    return values.length === 0 ? "false" : `coalesce(${sql} IN (${values.join(", ")}), false)`;
  }
  const value = argument?.kind === "value" ? argument.value : undefined;
  if (value === undefined) throw wrong(`needs a value as the second argument of ${name}`);
  if (name === "like" || name === "ilike") {
    if (typeof value !== "string" || kind !== "text") throw wrong(`compares only texts by ${name}`);
    return `coalesce(${sql} ${name.toUpperCase()} ${bindings.bind(value)}, false)`;
  }
  const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
  if (operator === undefined) {
    throw wrong(
      `calls ${name}; known are and, or, not, eq, neq, gt, gte, lt, lte, in, like, has, exists, search`,
    );
  }
  if (value === null) {
    if (name === "eq") return `(${sql} IS NULL)`;
    if (name === "neq") return `(${sql} IS NOT NULL)`;
    throw wrong(`compares null by ${name}; only eq and neq can`);
  }
  const bound = valueSql(kind, value, bindings);
  if (name === "neq") return `(${sql} IS DISTINCT FROM ${bound})`;
  return `coalesce(${sql} ${operator} ${bound}, false)`;
}

const SECONDS: Readonly<Record<string, number>> = { ms: 1e-3, s: 1, m: 60, h: 3_600, d: 86_400 };

function valueSql(kind: FieldKind, value: FilterValue, bindings: Bindings): string {
  switch (kind) {
    case "text":
      if (typeof value === "string") return bindings.bind(value);
      break;
    case "boolean":
      if (typeof value === "boolean") return bindings.bind(value);
      break;
    case "number":
      if (typeof value === "number") return `CAST(${bindings.bind(value)} AS DOUBLE)`;
      break;
    case "seconds": {
      const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(value.trim()) : null;
      const number = match === null ? value : Number(match[1]) * (SECONDS[match[2] ?? "s"] ?? 1);
      if (typeof number === "number") return `CAST(${bindings.bind(number)} AS DOUBLE)`;
      break;
    }
    case "time": {
      const nanos = runTimeNanos(value);
      if (nanos !== undefined) return bindings.time(nanos);
      break;
    }
  }
  throw wrong(
    `compares a ${kind === "seconds" ? 'number of seconds (or "5s")' : kind} with ${JSON.stringify(value)}`,
  );
}

function hasSql(args: readonly FilterNode[], bindings: Bindings): string {
  const field = fieldOf(args);
  const value = args[1]?.kind === "value" ? args[1].value : undefined;
  if (field === "tags" && typeof value === "string") {
    return `coalesce(list_contains(from_json(s.tags, '["VARCHAR"]'), ${bindings.bind(value)}), false)`;
  }
  if (field !== "metadata" || typeof value !== "string") {
    throw wrong('needs has(tags, "tag") or has(metadata, \'{"key": "value"}\')');
  }
  const wanted = objectIn(value);
  if (wanted === undefined) return existsSql(args, bindings);
  const tests = Object.entries(wanted).map(([key, member]) => {
    const pointer = bindings.bind(pointerTo(key));
    const text = typeof member === "string";
    const found = text
      ? `json_extract_string(s.metadata, ${pointer})`
      : `CAST(json_extract(s.metadata, ${pointer}) AS VARCHAR)`;
    return `coalesce(${found} = ${bindings.bind(text ? member : JSON.stringify(member))}, false)`;
  });
  return tests.length === 0 ? "true" : `(${tests.join(" AND ")})`;
}

function existsSql(args: readonly FilterNode[], bindings: Bindings): string {
  const key = args[1]?.kind === "value" ? args[1].value : undefined;
  if (fieldOf(args) !== "metadata" || typeof key !== "string") throw wrong('needs exists(metadata, "key")');
  return `list_contains(${keysSql("s.metadata")}, ${bindings.bind(key)})`;
}

/** Every word must be in what the run says; upper and lower case are the same. */
function searchSql(args: readonly FilterNode[], bindings: Bindings): string {
  const last = args.at(-1);
  if (last?.kind !== "value" || typeof last.value !== "string") throw wrong('needs search("words")');
  const said = `lower(concat_ws(' ', s.name, ${ERROR_SQL}, ${INPUTS_SQL}, ${OUTPUTS_SQL}, s.tags, s.metadata))`;
  const words = last.value.split(/\s+/).filter((word) => word !== "");
  const tests = words.map((word) => `contains(${said}, lower(${bindings.bind(word)}))`);
  return tests.length === 0 ? "true" : `(${tests.join(" AND ")})`;
}

function fieldOf(args: readonly FilterNode[]): string {
  const [first] = args;
  return first?.kind === "field" ? first.name : "";
}

function only(args: readonly FilterNode[], name: string): FilterNode {
  const [first] = args;
  if (first === undefined || args.length > 1)
    throw wrong(`calls ${name} with ${args.length} arguments instead of one`);
  return first;
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 6901 */
function pointerTo(key: string): string {
  return `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function wrong(why: string): CounterfoilError {
  return new CounterfoilError("CF_USAGE", `The filter ${why}.`);
}
