import {
  anyValueToJson,
  anyValueToText,
  ATTR_SERVICE_NAME,
  JSON_COLUMNS,
  normaliseSpan,
  recordingParsed,
  type AnyValue,
  type InstrumentationScope,
  type KeyValue,
  type Resource,
  type Span,
} from "../../schema/index.js";

/** Parsed JSON. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** A column's value as objects, and the attribute it came from. */
export interface ReadValue {
  readonly value: Json;
  readonly source: string;
}

/** What the rules of every dialect found on a span: values by column name of `spans`. */
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

/** Reads a span as the mirror does: by `normaliseSpan`, JSON columns as objects; and the service of its resource. */
export function readGenAi(
  span: Span,
  resource: Resource | undefined,
  scope: InstrumentationScope | undefined,
): GenAiReading {
  const { result, parsed } = recordingParsed(() => normaliseSpan({ ...span, scope, resource }));
  const { columns, provenance } = result;
  const reading = new Map<string, ReadValue>();
  for (const [column, value] of Object.entries(columns)) {
    const json = JSON_COLUMNS.has(column) ? valueOf(String(value), parsed) : value;
    reading.set(column, { value: json, source: provenance[column] ?? "" });
  }
  const service = resource?.attributes.find(({ key }) => key === ATTR_SERVICE_NAME)?.value;
  if (service !== undefined) {
    reading.set("service_name", { value: anyValueToText(service), source: ATTR_SERVICE_NAME });
  }
  return reading;
}

/** The value of a JSON column. The normaliser has read or written most of them just now. */
function valueOf(text: string, parsed: ReadonlyMap<string, Json>): Json {
  return parsed.get(text) ?? (JSON.parse(text) as Json);
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

/** LangSmith's run type of a span; `chain` when nothing says otherwise. */
export function runTypeOf(reading: GenAiReading): string {
  return textOf(reading, "run_type") ?? "chain";
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
