import { CounterfoilError } from "../errors.js";

/** A request that breaks OTLP's wire or JSON rules. `what` names the fault and its place; it never quotes content. */
export function malformed(what: string): CounterfoilError {
  return new CounterfoilError("CF_OTLP_MALFORMED", `malformed OTLP: ${what}`);
}

/** A value nested deeper than the limit. */
export function tooDeep(depthMax: number, where: string): CounterfoilError {
  return new CounterfoilError(
    "CF_OTLP_TOO_DEEP",
    `attribute value nested deeper than ${depthMax} arrays or maps ${where}: send it as a JSON string instead`,
  );
}
