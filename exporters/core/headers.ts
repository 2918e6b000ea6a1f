import { validateHeaderName, validateHeaderValue } from "node:http";

/** Written by the exporters themselves: another value would contradict the body, or break the connection's framing. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
]);

/** What is wrong with a header's name, for a message to whoever wrote it; undefined when it can be sent. */
export function headerNameProblem(name: string): string | undefined {
  if (!passes(() => validateHeaderName(name))) return "is no valid header name (letters, digits and -)";
  return OWN_HEADERS.has(name.toLowerCase()) ? "is set by the exporter itself" : undefined;
}

/**
 * What is wrong with a header's value; undefined when it can be sent. Never repeats the value, which may be a key. Only
 * visible ASCII, space and tab: RFC 9110 (5.5) gives other bytes no meaning, and Node would send them as Latin-1.
 */
export function headerValueProblem(value: string): string | undefined {
  if (/[\r\n]/.test(value)) return "has a line break in it: does the variable or file end with one?";
  const sendable = /^[\t\x20-\x7e]*$/.test(value) && passes(() => validateHeaderValue("x", value));
  return sendable ? undefined : "has characters that a header can't carry (only ASCII is safe)";
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}
