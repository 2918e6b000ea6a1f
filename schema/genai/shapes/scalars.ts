import { toFinishReason } from "../finish-reasons.js";
import { isObject, type Json, jsonToText, parseText, parsedIfJson, writeJson } from "../json.js";

const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
/** 2^53: a token count beyond it is nonsense, and not exact. */
const COUNT_MAX = Number.MAX_SAFE_INTEGER;

/** A number, or a text that is one; booleans and the rest are none. */
export function toNumber(value: Json): number | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value !== "string" || !NUMBER.test(value)) return undefined;
  const number = Number(value);
  return Number.isFinite(number) ? number : undefined;
}

/** A count; what comes behind the point is cut off. Fewer than none is how some say that they don't know. */
export function toInteger(value: Json): number | undefined {
  const number = toNumber(value);
  if (number === undefined || number < 0 || number > COUNT_MAX) return undefined;
  return Math.trunc(number) + 0;
}

/** A duration in other units; a negative one is how some say that there was none. */
export function toDuration(value: Json, factor: number): number | undefined {
  const duration = (toNumber(value) ?? Number.NaN) * factor;
  return Number.isFinite(duration) && duration >= 0 ? duration : undefined;
}

/** The sum of an object's numbers; undefined when it has none. */
export function sumOfMembers(value: Json): number | undefined {
  const parsed = typeof value === "string" ? parsedIfJson(value) : value;
  if (!isObject(parsed)) return undefined;
  const numbers = Object.values(parsed).flatMap((item) => toNumber(item) ?? []);
  return numbers.length === 0 ? undefined : numbers.reduce((sum, item) => sum + item, 0);
}

/** A text that says something. */
export function toText(value: Json): string | undefined {
  const text = jsonToText(value);
  return text === "" ? undefined : text;
}

/** A list of strings from a list, a JSON list in a text, or a text with commas; undefined when it is empty. */
export function toStrings(value: Json): string[] | undefined {
  const parsed =
    typeof value === "string" && value.trimStart().startsWith("[") ? (parseText(value) ?? value) : value;
  const items = Array.isArray(parsed)
    ? parsed.map((item) => jsonToText(item))
    : jsonToText(parsed).split(",");
  const kept = items.map((item) => item.trim()).filter((item) => item !== "");
  return kept.length === 0 ? undefined : kept;
}

/** Reasons as the conventions' words. */
export function toFinishReasons(value: Json): string | undefined {
  const reasons = toStrings(value);
  return reasons === undefined ? undefined : writeJson(reasons.map((reason) => toFinishReason(reason)));
}

/** ISO 8601 text (maybe in JSON quotes), milliseconds since the start of the span; negative ones are clock errors. */
export function instantToMs(value: Json, startTimeUnixNano: bigint): number | undefined {
  if (startTimeUnixNano === 0n) return undefined;
  const text = jsonToText(
    typeof value === "string" && value.startsWith('"') ? (parseText(value) ?? value) : value,
  );
  const epochMs = typeof value === "number" ? value : Date.parse(text);
  if (!Number.isFinite(epochMs)) return undefined;
  const startMs = Number(startTimeUnixNano / 1_000n) / 1_000;
  const ms = Math.round((epochMs - startMs) * 1_000) / 1_000;
  return ms >= 0 && Number.isFinite(ms) ? ms : undefined;
}

/** A JSON object from a tree or from JSON text; undefined when it is none or empty. */
export function toMetadata(value: Json): string | undefined {
  const parsed = typeof value === "string" ? parsedIfJson(value) : value;
  return isObject(parsed) && Object.keys(parsed).length > 0 ? writeJson(parsed) : undefined;
}

/**
 * A value as JSON text: a text that holds JSON as it is, any other text as a JSON string. What was encoded twice (JSON in
 * a JSON string) is taken out of its quotes.
 */
export function toJsonText(value: Json): string | undefined {
  if (value === null || value === "") return undefined;
  if (typeof value !== "string") return writeJson(value);
  const parsed = parseText(value);
  if (parsed === undefined) return writeJson(value);
  return typeof parsed === "string" && typeof parsedIfJson(parsed) !== "string" ? parsed : value;
}
