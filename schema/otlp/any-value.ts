import { ANY_VALUE_DEPTH_MAX } from "../limits.js";
import { bytesToBase64 } from "./json-scalars.js";
import { tooDeep } from "./malformed.js";
import type { AnyValue, KeyValue } from "./types.js";

/** A double as text that can't be mistaken for an integer: `1.0`, `-0.0`, `1e+21`; NaN, Infinity, -Infinity. */
export function doubleToText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}

/**
 * A value as text for people and SQL: a string as it is, numbers and booleans as text, bytes as base64, arrays and
 * maps as plain JSON (see {@link anyValueToJson}), the empty value as "".
 */
export function anyValueToText(value: AnyValue): string {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.doubleValue !== undefined) return doubleToText(value.doubleValue);
  if (value.bytesValue !== undefined) return bytesToBase64(value.bytesValue);
  const json = anyValueToJson(value);
  return json === "null" ? "" : json;
}

/**
 * A value as plain JSON for analysts: doubles always carry a point or an exponent, integers are bare digits however
 * long, bytes are base64 strings, NaN and infinities are strings, the empty value is null. Duplicate keys stay.
 * @throws CF_OTLP_TOO_DEEP beyond ANY_VALUE_DEPTH_MAX nested values.
 */
export function anyValueToJson(value: AnyValue): string {
  return toJson(value, 0);
}

/** Attributes as one plain JSON object, in order, values as {@link anyValueToJson} writes them. */
export function attributesToJson(attributes: readonly KeyValue[]): string {
  return objectJson(attributes, 0);
}

function toJson(value: AnyValue, depth: number): string {
  if (value.stringValue !== undefined) return JSON.stringify(value.stringValue);
  if (value.boolValue !== undefined) return String(value.boolValue);
  if (value.intValue !== undefined) return String(value.intValue);
  if (value.doubleValue !== undefined) {
    const text = doubleToText(value.doubleValue);
    return Number.isFinite(value.doubleValue) ? text : `"${text}"`;
  }
  if (value.bytesValue !== undefined) return `"${bytesToBase64(value.bytesValue)}"`;
  if (value.arrayValue === undefined && value.kvlistValue === undefined) return "null";
  if (depth >= ANY_VALUE_DEPTH_MAX) throw tooDeep(ANY_VALUE_DEPTH_MAX, "in the value to show");
  if (value.arrayValue !== undefined) {
    return `[${value.arrayValue.values.map((item) => toJson(item, depth + 1)).join(",")}]`;
  }
  return objectJson(value.kvlistValue?.values ?? [], depth + 1);
}

function objectJson(pairs: readonly KeyValue[], depth: number): string {
  return `{${pairs.map(({ key, value }) => `${JSON.stringify(key)}:${toJson(value ?? {}, depth)}`).join(",")}}`;
}
