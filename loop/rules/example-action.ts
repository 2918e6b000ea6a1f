import type { JsonObject, JsonValue } from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import type { FeedbackConfigCache } from "../feedback/feedback-configs.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { Evaluations } from "./evaluator-action.js";
import { exampleData, exampleOutputs } from "./example-of-run.js";
import { consensusOf } from "./guards/consensus.js";
import type { FreshExamples, Guards } from "./guards/guards.js";
import { redacted } from "./guards/redact.js";
import { type Known, targetOf } from "./known.js";
import { exampleIdOf, ruleRunIdOf } from "./rule-ids.js";
import type { ActionOutcome, MatchedRun, Rule, RuleAction } from "./rule-types.js";

const SOURCE = "rule";

/** What actions read with. */
export interface ActPorts {
  /** Sees everything that was written before. */
  readonly rows: Rows;
  readonly guards: Guards;
  /** What keys of feedback may hold. */
  readonly configs: Pick<FeedbackConfigCache, "byKeySoon">;
}

/** One change: a rule, runs that it takes, and the time of the dataset version that it makes. */
export interface RuleChange {
  readonly rule: Rule;
  readonly runs: readonly MatchedRun[];
  readonly time: string;
  /** What the rule's evaluators say of them. */
  readonly evaluations: Evaluations;
  /** Runs that someone let out of quarantine, by id of their `rule_run`, and who. */
  readonly approved?: { readonly ruleRunIds: ReadonlySet<string>; readonly by: string | undefined };
}

/** One action on one run within a change. */
export interface Making {
  readonly change: RuleChange;
  readonly run: MatchedRun;
  readonly action: RuleAction;
  readonly known: Known;
  /** Examples that the change makes already. */
  readonly fresh: FreshExamples;
  /** What became of the action before. */
  readonly old?: ActionOutcome;
}

/** What an action makes of a run. */
export interface Made {
  readonly records: readonly RecordDraft[];
  readonly outcome: Omit<ActionOutcome, "action">;
}

const nothing = (outcome: "error" | "skipped" | "quarantined", reason: string): Made => ({
  records: [],
  outcome: { outcome, reason },
});

/** Makes a run an example, unless a guard of the action refuses it. */
export async function makeExample(ports: ActPorts, making: Making): Promise<Made> {
  const { change, action, known } = making;
  const { rule, time } = change;
  const { dataset_id: given } = action;
  if (typeof given === "string" && !known.datasetIds.has(given)) {
    return nothing("error", `there is no dataset ${given}`);
  }
  const guards = (action["guards"] ?? {}) as JsonObject;
  const run = inConsensus(guards, making);
  if ("refused" in run) return nothing("skipped", run.refused);
  const found = exampleOutputs(action, run);
  if ("skipped" in found) return nothing("skipped", found.skipped);
  const datasetId = targetOf(action, known.datasets);
  const id = exampleIdOf(rule.id, datasetId, run);
  const decision = decisionOf(making);
  const outcome = { outcome: "success", target_id: datasetId, made_id: id, ...decision } as const;
  if (known.examples.has(id)) return { records: [], outcome };
  const content = await redactedData(ports.rows, guards, exampleData({ action, rule, run }, found));
  const splits = (action["splits"] ?? []) as readonly string[];
  const example = { id, datasetId, splits, inputs: content["inputs"] ?? null };
  const refusal = await ports.guards.refusal(ports.rows, guards, example, making.fresh);
  if (refusal !== undefined) return nothing("skipped", refusal);
  if (guards["quarantine"] === true && decision === undefined)
    return nothing("quarantined", "waits for approval");
  const records: RecordDraft[] = [];
  const name = action["dataset"];
  if (typeof name === "string" && known.absent.delete(name)) {
    const data = { name, description: `Made by the rule ${rule.name}.`, data_type: "kv", created_at: time };
    records.push({ type: "dataset", id: datasetId, op: "put", data, time, source: SOURCE });
  }
  const data = { dataset_id: datasetId, ...content, created_at: time };
  records.push({ type: "example", id, op: "put", data, time, source: SOURCE });
  return { records, outcome };
}

/** The run with the feedback that counts. */
function inConsensus(guards: JsonObject, { run, action }: Making): MatchedRun | { readonly refused: string } {
  const guard = guards["consensus"];
  if (typeof guard !== "object" || guard === null) return run;
  const withCorrection = action["outputs"] !== "output";
  const found = consensusOf(guard as JsonObject, run.feedback, { withCorrection });
  return "refused" in found ? found : { ...run, feedback: found.feedback };
}

/** That someone let the run out of quarantine, now or before. */
function decisionOf({
  change,
  run,
  old,
}: Making): Pick<ActionOutcome, "decision" | "decided_by"> | undefined {
  if (old?.decision === "approved") {
    return { decision: "approved", ...(old.decided_by === undefined ? {} : { decided_by: old.decided_by }) };
  }
  if (change.approved?.ruleRunIds.has(ruleRunIdOf(change.rule.id, run)) !== true) return undefined;
  const { by } = change.approved;
  return { decision: "approved", ...(by === undefined ? {} : { decided_by: by }) };
}

async function redactedData(rows: Rows, guards: JsonObject, data: JsonObject): Promise<JsonObject> {
  const patterns = (guards["redact"] ?? []) as readonly JsonObject[];
  if (patterns.length === 0) return data;
  const content: JsonValue = { inputs: data["inputs"] ?? null, outputs: data["outputs"] ?? null };
  return { ...data, ...((await redacted(rows, patterns, content)) as JsonObject) };
}
