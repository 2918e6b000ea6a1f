import { createHash } from "node:crypto";
import type {
  AnyValue,
  InstrumentationScope,
  JsonObject,
  JsonValue,
  KeyValue,
  Resource,
  Span,
} from "../../../schema/index.js";
import { objectIn } from "../object-in.js";

/** What an import finds in a file. */
export type TraceItem =
  | {
      readonly kind: "span";
      readonly where: string;
      readonly span: Span;
      readonly resource?: Resource | undefined;
      readonly scope?: InstrumentationScope | undefined;
    }
  | {
      readonly kind: "feedback";
      readonly where: string;
      readonly id: string;
      /** RFC 3339. */
      readonly time: string;
      readonly data: JsonObject;
    }
  | ProblemItem;

interface ProblemItem {
  readonly kind: "problem";
  readonly type: "spans" | "feedback" | "rows";
  readonly where: string;
  readonly reason: string;
}

const KIND_INTERNAL = 1;

/** A span that has nothing but what is given. */
export function spanOf(given: Partial<Span> & Pick<Span, "traceId" | "spanId" | "name">): Span {
  return {
    traceState: "",
    parentSpanId: "",
    flags: 0,
    kind: KIND_INTERNAL,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...given,
  };
}

/** A resource with these attributes. */
export function resourceOf(attributes: KeyValue[]): Resource {
  return { attributes, droppedAttributesCount: 0, entityRefs: [] };
}

/** A scope of this name. */
export function scopeOf(name: string): InstrumentationScope {
  return { name, version: "", attributes: [], droppedAttributesCount: 0 };
}

/** An attribute that is a text. */
export function textAttribute(key: string, stringValue: string): KeyValue {
  return { key, value: { stringValue } };
}

/** Attributes of the fields that say something: no nulls, no empty texts. */
export function attributesOf(fields: Readonly<Record<string, JsonValue | undefined>>): KeyValue[] {
  return Object.entries(fields).flatMap(([key, item]): KeyValue[] => {
    const value = item === undefined || item === "" ? undefined : valueOf(item);
    return value === undefined ? [] : [{ key, value }];
  });
}

/** A trace id that is the same for the same name. */
export function namedTraceId(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 32);
}

/** A span id that is the same for the same name. */
export function namedSpanId(name: string): string {
  return namedTraceId(name).slice(0, 16);
}

/** What could not be taken, and why. */
export function problem(type: ProblemItem["type"], where: string, reason: string): ProblemItem {
  return { kind: "problem", type, where, reason };
}

/** JSON as an attribute's value: lists of scalars as arrays, everything deeper as its JSON text. Undefined for null. */
export function valueOf(value: JsonValue): AnyValue | undefined {
  if (value === null) return undefined;
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value };
  }
  if (Array.isArray(value)) {
    const values = value.flatMap((item: JsonValue) => (isScalar(item) ? (valueOf(item) ?? []) : []));
    if (values.length === value.length) return { arrayValue: { values } };
  }
  return { stringValue: JSON.stringify(value) };
}

function isScalar(value: JsonValue): boolean {
  return typeof value !== "object" || value === null;
}

/** The text of a field; undefined when it is none, or empty. */
export function textAt(row: JsonObject | undefined, name: string): string | undefined {
  const value = row?.[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** An object of a field, also out of JSON text. */
export function objectAt(row: JsonObject, name: string): JsonObject | undefined {
  return objectIn(row[name]);
}

/** An object of a field, and whatever else is there as it is: a list, a text, also one that is too deep to be opened. */
export function wholeAt(row: JsonObject, name: string): JsonValue | undefined {
  return objectAt(row, name) ?? row[name];
}

/** What a field has that is no object; undefined for one. */
export function otherAt(row: JsonObject, name: string): JsonValue | undefined {
  return objectAt(row, name) === undefined ? row[name] : undefined;
}

/** Objects of a field that is a list. */
export function objectsAt(row: JsonObject, name: string): JsonObject[] {
  const value = row[name];
  return Array.isArray(value)
    ? value.filter(
        (item): item is JsonObject => typeof item === "object" && item !== null && !Array.isArray(item),
      )
    : [];
}

/** A value that says something: null does not, nor empty lists and objects. */
export function filled(value: JsonValue | undefined): JsonValue | undefined {
  return typeof value === "object" && Object.keys(value ?? {}).length === 0 ? undefined : value;
}

/** The fields that say something. */
export function present(fields: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter(
      (entry): entry is [string, JsonValue] => entry[1] !== undefined && entry[1] !== null && entry[1] !== "",
    ),
  );
}
