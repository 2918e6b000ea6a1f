import { type ApiReply, type ApiRequest, CounterfoilError, type JsonObject } from "../../schema/index.js";

/** An id in a path. Throws CF_REQUEST_INVALID. */
export function decodedSegment(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new CounterfoilError("CF_REQUEST_INVALID", "The id in the path is not percent-encoded correctly.");
  }
}

/**
 * The JSON of a body. The content type is demanded because a web page can't send it elsewhere without being asked (CSRF).
 * Throws CF_REQUEST_INVALID.
 */
export function jsonBody(request: ApiRequest): unknown {
  if (!/^application\/json\s*(;|$)/i.test(request.header("content-type") ?? "")) {
    throw new CounterfoilError("CF_REQUEST_INVALID", "Send this with Content-Type: application/json.");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(request.body)) as unknown;
  } catch {
    throw new CounterfoilError("CF_REQUEST_INVALID", "The body must be JSON in UTF-8.");
  }
}

/** A value that must be an object; `what` it is begins the error. Throws CF_REQUEST_INVALID. */
export function jsonObject(value: unknown, what = "The body"): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CounterfoilError("CF_REQUEST_INVALID", `${what} must be a JSON object.`);
}

/** A whole number of a query; undefined when it is not given. Throws CF_USAGE. */
export function wholeNumberIn(
  query: URLSearchParams,
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new CounterfoilError(
    "CF_USAGE",
    `${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}.`,
  );
}

/** A JSON answer. */
export function jsonReply(body: unknown): ApiReply {
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(body)}\n` };
}
