import { isUtf8 } from "node:buffer";
import {
  CounterfoilError,
  parseRunJson,
  type RawFields,
  readRawFields,
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

/** The fields of a JSON object as they came, in memory of their own. Throws CF_REQUEST_INVALID, and 422 for another value. */
export function rawBody(bytes: Uint8Array): RawFields {
  // The request's memory is used again after the answer.
  const own = Buffer.from(bytes);
  let fields: RawFields | undefined;
  try {
    if (!isUtf8(own)) throw new TypeError("not valid UTF-8");
    fields = readRawFields(own, hasBom(own) ? BOM.length : 0, own.length);
  } catch (error) {
    throw refused(error);
  }
  if (fields === undefined) throw badField(["body"], "must be a JSON object");
  return fields;
}

const BOM = Buffer.from("\uFEFF");

/** Whether a text starts with a byte order mark, which is no part of its JSON. */
export function hasBom(bytes: Buffer, start = 0): boolean {
  return BOM.every((byte, index) => bytes[start + index] === byte);
}

function parsed<T>(bytes: Uint8Array, parse: (text: string) => T): T {
  try {
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw refused(error);
  }
}

function refused(error: unknown): CounterfoilError {
  if (error instanceof CounterfoilError) return error;
  return new CounterfoilError("CF_REQUEST_INVALID", "The body is not JSON in UTF-8.", { cause: error });
}

/** The JSON object of a request. Throws 422 when it is none. */
export function objectBody(bytes: Uint8Array): RunRecord {
  const body = parseBody(bytes);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw badField(["body"], "must be a JSON object");
}
