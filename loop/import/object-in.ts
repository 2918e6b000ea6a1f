import type { JsonObject, JsonValue } from "../../schema/index.js";

/** A value that is an object, or text that is the JSON of one; undefined for any other. */
export function objectIn(value: JsonValue | undefined): JsonObject | undefined {
  const given = typeof value === "string" && value.trimStart().startsWith("{") ? parsed(value) : value;
  return typeof given === "object" && given !== null && !Array.isArray(given)
    ? (given as JsonObject)
    : undefined;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
