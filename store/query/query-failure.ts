import { CounterfoilError, errorMessage } from "../../schema/errors.js";
import type { ChildAnswer } from "./query-types.js";

type Failure = Extract<ChildAnswer, { ok: false }>;

const LIMIT_ERROR =
  /^Out of Memory Error|std::bad_alloc|failed to allocate|File too large|Allocation failure/i;
const REFUSAL_ERROR =
  /^Permission Error|the configuration has been locked|disabled (?:by|through) configuration/;

/** What a process that runs queries answers to an error. */
export function queryFailure(error: unknown): Failure {
  const message = errorMessage(error);
  if (error instanceof CounterfoilError) return { ok: false, code: error.code as Failure["code"], message };
  if (LIMIT_ERROR.test(message)) {
    return {
      ok: false,
      code: "CF_QUERY_LIMIT",
      message: `The query needs more memory than it may use. Narrow it (fewer columns, a time range, a LIMIT), or raise the limit. DuckDB: ${message}`,
    };
  }
  return { ok: false, code: REFUSAL_ERROR.test(message) ? "CF_QUERY_REFUSED" : "CF_QUERY_FAILED", message };
}

/** A query that met its deadline. */
export function timedOut(timeoutMs: number): CounterfoilError {
  return new CounterfoilError(
    "CF_QUERY_LIMIT",
    `The query was stopped after ${Math.round(timeoutMs)} ms. Narrow it (a time range, fewer columns, a LIMIT), or raise the time limit.`,
  );
}
