import {
  CounterfoilError,
  parseRunJson,
  type RunJson,
  type RunRecord,
  type RunValue,
} from "../../schema/index.js";
import { badField } from "./replies.js";

/** A JSON body. Throws CF_REQUEST_INVALID when it is none. */
export function parseBody(bytes: Uint8Array): RunJson {
  return parsed(bytes, (text) => JSON.parse(text) as RunJson);
}

/** The same with its numbers as they were written. */
export function parseRunBody(bytes: Uint8Array): RunValue {
  return parsed(bytes, parseRunJson);
}

function parsed<T>(bytes: Uint8Array, parse: (text: string) => T): T {
  try {
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw new CounterfoilError("CF_REQUEST_INVALID", "The body is not JSON in UTF-8.", { cause: error });
  }
}

/** The JSON object of a request. Throws 422 when it is none. */
export function objectBody(bytes: Uint8Array): RunRecord {
  const body = parseBody(bytes);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw badField(["body"], "must be a JSON object");
}
