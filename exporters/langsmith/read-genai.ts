import {
  anyValueToJson,
  anyValueToText,
  RESOURCE_RULES,
  RUN_TYPE_SOURCES,
  RUN_TYPES,
  SPAN_RULES,
  type AnyValue,
  type ColumnRule,
  type KeyValue,
  type Resource,
  type Span,
  type ValueShape,
} from "../../schema/index.js";

/** Parsed JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A column's value as objects, and the attribute it came from. */
export interface ReadValue {
  readonly value: Json;
  readonly source: string;
}

/** What the plain reading found on a span: values by column name of `spans`. */
export type GenAiReading = ReadonlyMap<string, ReadValue>;

/** Attributes by key; the first of duplicates wins, as in the mirror. */
export type AttributeMap = ReadonlyMap<string, AnyValue>;

/** A lookup of attributes. */
export function attributeMap(attributes: readonly KeyValue[]): AttributeMap {
  const map = new Map<string, AnyValue>();
  for (const { key, value } of attributes) {
    if (value !== undefined && !map.has(key)) map.set(key, value);
  }
  return map;
}

/** Reads a span and its resource by the rules of `schema/genai` (over objects; the sealer does it over bytes). */
export function readGenAi(span: AttributeMap, resource: Resource | undefined): GenAiReading {
  const reading = new Map<string, ReadValue>();
  apply(SPAN_RULES, span, reading);
  apply(RESOURCE_RULES, attributeMap(resource?.attributes ?? []), reading);
  return reading;
}

function apply(
  rules: readonly ColumnRule[],
  attributes: AttributeMap,
  reading: Map<string, ReadValue>,
): void {
  for (const { column, shape, sources } of rules) {
    for (const source of sources) {
      const found = attributes.get(source);
      const value = found === undefined ? undefined : shapeValue(found, shape);
      if (value === undefined) continue;
      reading.set(column, { value, source });
      break;
    }
  }
}

function shapeValue(value: AnyValue, shape: ValueShape): Json | undefined {
  switch (shape) {
    case "text":
      return anyValueToText(value);
    case "int":
      return integerOf(value);
    case "double":
      return numberOf(value);
    case "seconds_as_ms": {
      const seconds = numberOf(value);
      return seconds === undefined ? undefined : seconds * 1_000;
    }
    case "json":
      return jsonOf(value);
    case "strings":
      return stringsOf(value);
  }
}

function integerOf(value: AnyValue): number | undefined {
  if (value.intValue !== undefined) return Number(value.intValue);
  return undefined;
}

function numberOf(value: AnyValue): number | undefined {
  if (value.doubleValue !== undefined) return value.doubleValue;
  return integerOf(value);
}

/** A string that holds JSON parsed, any other string as it is, structured values as plain JSON. */
export function jsonOf(value: AnyValue): Json {
  const text = value.stringValue ?? anyValueToJson(value);
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

function stringsOf(value: AnyValue): Json[] {
  if (value.arrayValue !== undefined) return value.arrayValue.values.map((item) => anyValueToText(item));
  const text = anyValueToText(value);
  if (text.startsWith("[")) {
    const parsed = jsonOf(value);
    if (Array.isArray(parsed))
      return parsed.map((item) => (typeof item === "string" ? item : JSON.stringify(item)));
  }
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** Attributes of other conventions that LangSmith's ingest documents for the kind, in its order. */
const DOCUMENTED_KINDS = ["openinference.span.kind", "traceloop.span.kind"];
const DOCUMENTED_REQUEST_TYPES = ["llm.request.type", "traceloop.llm.request.type"];
const KIND_RUN_TYPES: ReadonlyMap<string, string> = new Map([
  ["tool", "tool"],
  ["llm", "llm"],
  ["retriever", "retriever"],
  ["embedding", "embedding"],
  ["workflow", "chain"],
  ["task", "chain"],
  ["agent", "chain"],
  ["chain", "chain"],
]);

/** What LangSmith itself would make of the span: setting a kind must not hide it. */
function documentedKind(attributes: AttributeMap): string | undefined {
  for (const source of DOCUMENTED_REQUEST_TYPES) {
    const value = attributes.get(source);
    if (value !== undefined) return anyValueToText(value) === "embedding" ? "embedding" : "llm";
  }
  for (const source of DOCUMENTED_KINDS) {
    const value = attributes.get(source);
    const type = value === undefined ? undefined : KIND_RUN_TYPES.get(anyValueToText(value).toLowerCase());
    if (type !== undefined) return type;
  }
  return undefined;
}

/** LangSmith's run type of a span; `chain` when nothing says otherwise. */
export function runTypeOf(attributes: AttributeMap, reading: GenAiReading): string {
  for (const source of RUN_TYPE_SOURCES) {
    const value = attributes.get(source);
    const named = value === undefined ? "" : anyValueToText(value).toLowerCase();
    if (Object.hasOwn(RUN_TYPES, named)) return RUN_TYPES[named] ?? "chain";
  }
  if (reading.has("tool_name")) return "tool";
  const documented = documentedKind(attributes);
  if (documented !== undefined) return documented;
  return reading.has("request_model") || reading.has("response_model") ? "llm" : "chain";
}

/** A text column; undefined when absent or empty. */
export function textOf(reading: GenAiReading, column: string): string | undefined {
  const value = reading.get(column)?.value;
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A numeric column. */
export function numberColumn(reading: GenAiReading, column: string): number | undefined {
  const value = reading.get(column)?.value;
  return typeof value === "number" ? value : undefined;
}

/** The trace root as LangSmith sees it: no parent, or told so. */
export function isRootSpan(span: Span, attributes: AttributeMap): boolean {
  const forced = attributes.get("langsmith.is_root");
  return span.parentSpanId === "" || (forced !== undefined && anyValueToText(forced) === "true");
}
