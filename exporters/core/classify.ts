import { EXPORT_MESSAGE_CHARS_MAX } from "../../schema/index.js";
import type { Outcome } from "./exporter.js";
import type { HttpAnswer, HttpFailure } from "./http.js";
import { parseRetryAfter } from "./retry.js";

/** How peers differ in what their status codes mean. */
export interface StatusProfile {
  /** Statuses that say "not now". */
  readonly retryable: ReadonlySet<number>;
  /** Statuses that say "I have it already". */
  readonly duplicate: ReadonlySet<number>;
}

/** The OTLP specification: only these four are retryable. */
export const OTLP_STATUSES: StatusProfile = {
  retryable: new Set([429, 502, 503, 504]),
  duplicate: new Set(),
};

/** LangSmith's own clients also retry 408 and 425, and take 409 (the run exists) for success. */
export const LANGSMITH_STATUSES: StatusProfile = {
  retryable: new Set([408, 425, 429, 502, 503, 504]),
  duplicate: new Set([409]),
};

/** Statuses that no retry and no other content changes: key, address, method, media type, payment. Delivery pauses. */
const BLOCKING = new Set([401, 402, 403, 404, 405, 415]);
/** A 2xx whose body broke off was most likely stored; sending again is harmless, but not for ever. */
const BROKEN_ANSWERS_MAX = 3;

/** Reads a peer's answer as an {@link Outcome}. A complete 2xx is left to the caller, who knows its body. */
export function classifyAnswer(
  answer: HttpAnswer | HttpFailure,
  profile: StatusProfile,
  now: number,
): Outcome | undefined {
  if ("failure" in answer) return { kind: "retry", message: answer.failure };
  const { status } = answer;
  if (status >= 200 && status < 300) {
    if (answer.complete) return undefined;
    const message = `the answer ${status} broke off`;
    return { kind: "retry", message, assumeDeliveredAfter: BROKEN_ANSWERS_MAX };
  }
  if (profile.duplicate.has(status)) return { kind: "delivered" };
  const message = describeAnswer(answer);
  if (profile.retryable.has(status)) {
    const retryAfterMs = parseRetryAfter(header(answer, "retry-after"), now);
    return { kind: "retry", message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  if (status === 413) return { kind: "too_large", message };
  if (status >= 500) return { kind: "retry", message, suspect: `rejected_${status}` };
  if (BLOCKING.has(status)) return { kind: "blocked", message };
  if (status >= 300 && status < 400) {
    return { kind: "blocked", message: `${message}; redirects are not followed, set the final address` };
  }
  return { kind: "rejected", reason: `rejected_${status}`, message };
}

/** A header's first value. */
export function header(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Status and the start of the body as one printable line. */
function describeAnswer(answer: HttpAnswer): string {
  const text = cleanText(new TextDecoder().decode(answer.body));
  return text === "" ? `HTTP ${answer.status}` : `HTTP ${answer.status}: ${text}`;
}

/** Text of a peer made safe for a log line: bounded, without control characters. */
export function cleanText(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\uFFFD]+/gu, " ").trim();
  return clean.length > EXPORT_MESSAGE_CHARS_MAX ? `${clean.slice(0, EXPORT_MESSAGE_CHARS_MAX)}…` : clean;
}
