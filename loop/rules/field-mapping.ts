import type { JsonObject, JsonValue } from "../../schema/index.js";
import type { MatchedRun } from "./rule-types.js";

/** Every item of a list. */
const EVERY = Symbol("every item");
/** One step of a path: a field, or the place in a list. */
type Step = string | number | typeof EVERY;

/**
 * The fields that a mapping makes: each value is a path into the run, as `inputs.messages[0].content` or
 * `outputs.documents[*].id`. A path that leads nowhere leaves its field out.
 */
export function mappedFields(mapping: JsonObject, run: MatchedRun): JsonObject {
  const correction = run.feedback.find((each) => each.correction !== undefined)?.correction ?? null;
  const known: JsonObject = {
    inputs: run.inputs ?? null,
    outputs: run.outputs ?? null,
    correction,
    ...(run.thread === undefined ? {} : { thread: run.thread.turns }),
    name: run.name,
    project: run.project,
    trace_id: run.traceId,
    span_id: run.spanId,
    run_id: run.runId,
  };
  return Object.fromEntries(
    Object.entries(mapping).flatMap(([field, path]) => {
      const value = valueAt(known, stepsOf(typeof path === "string" ? path : ""));
      return value === undefined ? [] : [[field, value] as const];
    }),
  );
}

/** The steps of a path; one that `mappingProblem` took. */
function stepsOf(path: string): Step[] {
  const steps: Step[] = [];
  for (const [, bracket, quoted, name] of path
    .replace(/^\$\.?/, "")
    .matchAll(/\[(\d+|\*)\]|\["([^"\\]*)"\]|([^.[\]]+)/g)) {
    if (bracket === "*") steps.push(EVERY);
    else if (bracket !== undefined) steps.push(Number(bracket));
    else if (quoted !== undefined) steps.push(quoted);
    else if (name !== undefined) steps.push(name);
  }
  return steps;
}

function valueAt(value: JsonValue | undefined, steps: readonly Step[]): JsonValue | undefined {
  const [step, ...rest] = steps;
  if (step === undefined) return value;
  if (step === EVERY) {
    if (!Array.isArray(value)) return undefined;
    return (value as readonly JsonValue[]).flatMap((item) => {
      const found = valueAt(item, rest);
      return found === undefined ? [] : [found];
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value) !== (typeof step === "number"))
    return undefined;
  if (!Object.hasOwn(value, step)) return undefined;
  return valueAt((value as Readonly<Record<string | number, JsonValue>>)[step], rest);
}
