import type { AnyValue, KeyValue, SpanEvent } from "../../../schema/index.js";
import { normaliseSpan } from "../../../schema/genai/normalise.js";
import { JSON_COLUMNS, type NormaliserInput } from "../../../schema/genai/types.js";

/** A value written plainly: text, whole numbers as ints, others as doubles, lists, maps. */
export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** The AnyValue of a plain value. */
export function anyValue(value: Plain): AnyValue {
  if (value === null) return {};
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number")
    return Number.isInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value) } };
}

/** Attributes from an object. */
export function keyValues(object: { [key: string]: Plain }): KeyValue[] {
  return Object.entries(object).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** What a test says of a span beyond its attributes. */
export interface SpanExtras {
  readonly scope?: string;
  readonly resource?: { [key: string]: Plain };
  readonly events?: readonly (readonly [name: string, fields: { [key: string]: Plain }])[];
  readonly startTimeUnixNano?: bigint;
}

/** An input for the normaliser. */
export function spanOf(attributes: { [key: string]: Plain }, extras: SpanExtras = {}): NormaliserInput {
  const events: SpanEvent[] = (extras.events ?? []).map(([name, fields], index) => ({
    timeUnixNano: BigInt(index + 1),
    name,
    attributes: keyValues(fields),
    droppedAttributesCount: 0,
  }));
  return {
    name: "span",
    startTimeUnixNano: extras.startTimeUnixNano ?? 1_795_417_782_000_000_000n,
    attributes: keyValues(attributes),
    events,
    scope:
      extras.scope === undefined
        ? undefined
        : { name: extras.scope, version: "", attributes: [], droppedAttributesCount: 0 },
    resource: { attributes: keyValues(extras.resource ?? {}), droppedAttributesCount: 0, entityRefs: [] },
  };
}

/** The columns of a span, JSON columns parsed. */
export function columnsOf(
  attributes: { [key: string]: Plain },
  extras: SpanExtras = {},
): Record<string, unknown> {
  const { columns } = normaliseSpan(spanOf(attributes, extras));
  return Object.fromEntries(
    Object.entries(columns).map(([column, value]) => [
      column,
      JSON_COLUMNS.has(column) ? (JSON.parse(String(value)) as unknown) : value,
    ]),
  );
}

/** A message with one text part. */
export function said(role: string, content: string): unknown {
  return { role, parts: [{ type: "text", content }] };
}
