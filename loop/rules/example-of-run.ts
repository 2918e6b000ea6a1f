import type { JsonObject, JsonValue } from "../../schema/index.js";
import { mappedFields } from "./field-mapping.js";
import type { MatchedRun, Rule, RuleAction, RunFeedback } from "./rule-types.js";

/** Outputs of an example, and the feedback whose correction they are; or why there is no example. */
export type ExampleOutputs =
  | { readonly outputs: JsonObject | null; readonly correctedBy: RunFeedback | undefined }
  | { readonly skipped: string };

/** Outputs of the example that an action makes of a run. */
export function exampleOutputs(action: RuleAction, run: MatchedRun): ExampleOutputs {
  const found = wantedOutputs(action, run);
  const mapping = action["output_mapping"];
  if ("skipped" in found || mapping === undefined || mapping === null) return found;
  const outputs = mappedFields(mapping as JsonObject, run);
  if (Object.keys(outputs).length > 0) return { ...found, outputs };
  return { skipped: "output_mapping finds nothing in the run" };
}

function wantedOutputs(action: RuleAction, run: MatchedRun): ExampleOutputs {
  const wanted = action["outputs"] ?? "correction";
  const own = asObject(run.outputs);
  const correctedBy = run.feedback.find(({ correction }) => correction !== undefined);
  const correction = correctedBy?.correction;
  if (wanted === "output" || (wanted === "correction_or_output" && correction === undefined)) {
    return own === null ? { skipped: "the run has no outputs" } : { outputs: own, correctedBy: undefined };
  }
  if (correction === undefined) return { skipped: "no feedback on the run has a correction" };
  const outputs = wanted === "patched_output" ? mergePatch(own ?? {}, correction) : correction;
  return { outputs: asObject(outputs), correctedBy };
}

/** The data of that example. */
export function exampleData(
  { action, rule, run }: { readonly action: RuleAction; readonly rule: Rule; readonly run: MatchedRun },
  { outputs, correctedBy }: Extract<ExampleOutputs, { outputs: unknown }>,
): JsonObject {
  const splits = action["splits"] as readonly string[] | undefined;
  const mapping = action["input_mapping"] ?? null;
  return {
    inputs: isObject(mapping) ? mappedFields(mapping, run) : (asObject(run.inputs) ?? {}),
    outputs,
    metadata: splits === undefined || splits.length === 0 ? {} : { dataset_split: splits },
    source_run_id: run.runId,
    provenance: {
      rule: { id: rule.id, name: rule.name, version: rule.version },
      run: {
        trace_id: run.traceId,
        span_id: run.spanId,
        run_id: run.runId,
        project: run.project,
        sha256: run.spanSha256,
      },
      feedback: run.feedback.map(({ id, key, score, sourceType, userId }) => ({
        id,
        key,
        score,
        source: sourceType,
        reviewer: userId,
      })),
      correction:
        correctedBy === undefined ? null : { feedback_id: correctedBy.id, reviewer: correctedBy.userId },
    },
  };
}

/** Inputs and outputs are objects; anything else stands under `output`. */
function asObject(value: JsonValue): JsonObject | null {
  if (value === null || value === undefined) return null;
  return isObject(value) ? value : { output: value };
}

/** RFC 7396. */
function mergePatch(target: JsonValue, patch: JsonValue): JsonValue {
  if (!isObject(patch)) return patch;
  const merged: Record<string, JsonValue> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name] ?? null, value);
  }
  return merged;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
