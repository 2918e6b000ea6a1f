import { ANY_VALUE_DEPTH_MAX, GENAI_JSON_DEPTH_MAX } from "../limits.js";
import { bytesToBase64 } from "../otlp/json-scalars.js";
import { quoteLongIntegers } from "../otlp/json-parse.js";
import type { AnyValue } from "../otlp/types.js";

/** Parsed JSON. Integers too long for a double are strings behind {@link LONG_INTEGER_MARK} until they are written. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

/** A JSON object. Keys come from senders: read fixed names only, and build with spread or `Object.fromEntries`. */
export type JsonObject = { [key: string]: Json };

/** Stands before the digits of an integer that a double can't hold, so that ids in tool arguments stay exact. */
const LONG_INTEGER_MARK = "\u0001cf-int:";
/** The same as JSON text must write it. */
const ESCAPED_MARK = String.raw`\u0001cf-int:`;
const WRITTEN_MARK = /"\\u0001cf-int:(-?\d+)"/g;

/** A JSON object, not an array. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member of an object by a name that is ours; undefined for anything else. */
export function member(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The first of the members that is there and not null. */
export function firstMember(value: Json | undefined, ...names: readonly string[]): Json | undefined {
  for (const name of names) {
    const found = member(value, name);
    if (found !== undefined && found !== null) return found;
  }
  return undefined;
}

/** The value at a path of fixed names; a number picks an element of a list. */
export function atPath(value: Json | undefined, path: readonly string[]): Json | undefined {
  let at = value;
  for (const name of path) {
    if (Array.isArray(at)) at = at[Number(name)];
    else at = member(at, name);
    if (typeof at === "string" && at.length > 1) at = parsedIfJson(at);
  }
  return at;
}

/** Texts of JSON and their values while {@link recordingParsed} runs. */
let recorded: Map<string, Json> | undefined;

/**
 * Also gives the values of the JSON texts that `work` reads and writes, as `JSON.parse` would: for who needs the value of
 * what it returns as text. Left out are texts with integers that a double can't hold. `work` must not be asynchronous.
 */
export function recordingParsed<T>(work: () => T): { result: T; parsed: ReadonlyMap<string, Json> } {
  const outer = recorded;
  const parsed = new Map<string, Json>();
  recorded = parsed;
  try {
    return { result: work(), parsed };
  } finally {
    recorded = outer;
  }
}

/** JSON of a text, undefined when it is none, or is nested deeper than GENAI_JSON_DEPTH_MAX. */
export function parseText(text: string): Json | undefined {
  let value: Json;
  const quoted = text.includes("u0001cf-int:") ? text : quoteLongIntegers(text, ESCAPED_MARK);
  try {
    value = JSON.parse(quoted) as Json;
  } catch {
    return undefined;
  }
  if (!isShallow(value, GENAI_JSON_DEPTH_MAX)) return undefined;
  if (quoted === text) recorded?.set(text, value);
  return value;
}

/** A text that holds a JSON array or object parsed, any other text as it is (`"12"` stays a text). */
export function parsedIfJson(text: string): Json {
  return looksStructured(text) ? (parseText(text) ?? text) : text;
}

function looksStructured(text: string): boolean {
  const start = text.trimStart().charCodeAt(0);
  return start === 0x5b || start === 0x7b;
}

/** JSON text of a value; long integers in their digits. */
export function writeJson(value: Json): string {
  const text = JSON.stringify(value);
  if (text.includes("cf-int:")) return text.replace(WRITTEN_MARK, "$1");
  recorded?.set(text, value);
  return text;
}

/** A value as text: a string as it is, nothing for null, numbers and booleans in words, the rest as JSON. */
export function jsonToText(value: Json | undefined): string {
  if (value === undefined || value === null) return "";
  if (typeof value !== "string") return typeof value === "object" ? writeJson(value) : String(value);
  return value.startsWith(LONG_INTEGER_MARK) ? value.slice(LONG_INTEGER_MARK.length) : value;
}

/** Whether no list or object lies deeper than `depth`. */
function isShallow(value: Json, depth: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (depth === 0) return false;
  const items = Array.isArray(value) ? value : Object.values(value);
  for (const item of items) if (!isShallow(item, depth - 1)) return false;
  return true;
}

/** An attribute's value as JSON, without looking into strings. Bytes are base64; the first of equal keys wins. */
export function valueToJson(value: AnyValue | undefined, depth = 0): Json {
  if (value === undefined || depth > ANY_VALUE_DEPTH_MAX) return null;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return integerToJson(value.intValue);
  if (value.doubleValue !== undefined) {
    return Number.isFinite(value.doubleValue) ? value.doubleValue : String(value.doubleValue);
  }
  if (value.bytesValue !== undefined) return bytesToBase64(value.bytesValue);
  if (value.arrayValue !== undefined)
    return value.arrayValue.values.map((item) => valueToJson(item, depth + 1));
  if (value.kvlistValue === undefined) return null;
  const entries = new Map<string, Json>();
  for (const { key, value: item } of value.kvlistValue.values) {
    if (!entries.has(key)) entries.set(key, valueToJson(item, depth + 1));
  }
  return Object.fromEntries(entries);
}

function integerToJson(value: bigint): Json {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : `${LONG_INTEGER_MARK}${value}`;
}
