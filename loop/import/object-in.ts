import { isDeeper, type JsonObject, type JsonValue, RUN_JSON_DEPTH_MAX } from "../../schema/index.js";

/** A value that is an object, or text that is the JSON of one; undefined for any other, and too deep a text. */
export function objectIn(value: JsonValue | undefined): JsonObject | undefined {
  const given = typeof value === "string" && value.trimStart().startsWith("{") ? parsed(value) : value;
  return typeof given === "object" && given !== null && !Array.isArray(given)
    ? (given as JsonObject)
    : undefined;
}

function parsed(text: string): JsonValue | undefined {
  try {
    const value = JSON.parse(text) as JsonValue;
    return isDeeper(value, RUN_JSON_DEPTH_MAX) ? undefined : value;
  } catch {
    return undefined;
  }
}
