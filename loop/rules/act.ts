import { createHash } from "node:crypto";
import { canonicalJson, type JsonObject, RULE_OUTCOMES, RULE_RUNS } from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import { checkAgainstConfigs, type FeedbackConfig } from "../feedback/feedback-configs.js";
import type { Rows } from "../feedback/feedback-query.js";
import { makeAlert } from "./alert-action.js";
import { isOutdated, makeEvaluation } from "./evaluator-action.js";
import { type ActPorts, makeExample, type Made, type Making, type RuleChange } from "./example-action.js";
import type { FreshExamples } from "./guards/guards.js";
import { actionsOf, readKnown, readRuleRuns } from "./known.js";
import { makePin, makeTag } from "./mark-actions.js";
import type { RunKey } from "./matched-runs.js";
import { addToQueue } from "./queue-action.js";
import { feedbackIdOf, ruleRunIdOf } from "./rule-ids.js";
import type { ActionOutcome, MatchedRun, Rule, RuleAction } from "./rule-types.js";
import { textIn } from "../records/text-in.js";

/** Marks records that a rule makes. */
const SOURCE = "rule";

/**
 * What a rule makes of runs: the records of its actions and one `rule_run` for each run. They are to be written as one
 * change, so that no crash comes between an example and the note that it was made. What was done before is not done
 * again, by the note and by ids that are computed from rule and run; nothing new gives no records. `rows` must see
 * everything written before, and nobody may write datasets meanwhile.
 */
export async function act(ports: ActPorts, change: RuleChange): Promise<RecordDraft[]> {
  const { rule, runs } = change;
  const known = await readKnown(ports.rows, change);
  const configs = await ports.configs.byKeySoon();
  const fresh: FreshExamples = new Map();
  const records: RecordDraft[] = [];
  for (const run of runs) {
    const id = ruleRunIdOf(rule.id, run);
    const before = known.ruleRuns.get(id);
    const earlier = new Map(actionsIn(before).map((each) => [each.action, each]));
    const done: ActionOutcome[] = [];
    for (const action of actionsOf(rule)) {
      const name = actionName(action);
      const old = earlier.get(name);
      // What is on its way is noted by whoever brings it there, and what someone rejected stays out.
      const isDone =
        old?.outcome === "success" &&
        !isOutdated(action, old.made_id, { evaluations: change.evaluations, run });
      if (isDone || old?.outcome === "pending" || old?.decision === "rejected") {
        done.push(old);
        continue;
      }
      const making = { change, run, action, known, fresh, ...(old === undefined ? {} : { old }) };
      const made = await makeOf(ports, making, configs);
      records.push(...made.records);
      done.push({ action: name, ...made.outcome });
    }
    const data = ruleRunData(change, run, done);
    if (before === undefined || differs(before, data)) {
      records.push({ type: "rule_run", id, op: "put", data, time: change.time, source: SOURCE });
    }
  }
  return records;
}

/** Of a change: the `rule_runs` that wait for something outside then. */
export function pendingIn(
  rule: Rule,
  records: readonly RecordDraft[],
): { readonly id: string; readonly ruleId: string }[] {
  return records.flatMap(({ type, id, data }) => {
    if (type !== RULE_RUNS.type || id === undefined || data === null) return [];
    const isPending = actionsIn(data).some(({ outcome }) => outcome === "pending");
    return isPending ? [{ id, ruleId: rule.id }] : [];
  });
}

/** The notes that nothing could be done with runs. */
export async function failedRuns(
  rows: Rows,
  {
    rule,
    runs,
    time,
    reason,
  }: {
    readonly rule: Rule;
    readonly runs: readonly RunKey[];
    readonly time: string;
    readonly reason: string;
  },
): Promise<RecordDraft[]> {
  const known = await readRuleRuns(
    rows,
    runs.map((run) => ruleRunIdOf(rule.id, run)),
  );
  return runs.flatMap((run): RecordDraft[] => {
    const id = ruleRunIdOf(rule.id, run);
    const before = known.get(id);
    const actions = actionsIn(before) as unknown as readonly JsonObject[];
    const data = { ...noteOf(rule, run), outcome: "error", reason, actions };
    if (before !== undefined && !differs(before, data)) return [];
    return [{ type: "rule_run", id, op: "put", data, time, source: SOURCE }];
  });
}

function makeOf(ports: ActPorts, making: Making, configs: Configs): Promise<Made> | Made {
  const { change, run, action, known } = making;
  const { rule, time, evaluations } = change;
  switch (action.type) {
    case "add_to_dataset":
      return makeExample(ports, making);
    case "add_feedback":
      return makeFeedback(making, configs);
    case "webhook":
      return {
        records: [],
        outcome: { outcome: "pending", reason: "is to be sent", requested_at: time },
      };
    case "add_to_annotation_queue":
      return addToQueue(known.queues, { ...change, run, action });
    case "run_evaluator":
      return makeEvaluation({ rule, action, run, time, evaluations, done: known.evaluatorRuns, configs });
    case "alert":
      return makeAlert(known.alerts, { rule, action, run, time });
    case "pin":
      return makePin(known.marks, { rule, action, run, time });
    case "tag":
      return makeTag(known.marks, { rule, action, run, time });
  }
}

type Configs = ReadonlyMap<string, FeedbackConfig>;

function makeFeedback({ change, run, action }: Making, configs: Configs): Made {
  const { rule, time } = change;
  const key = textIn(action, "key");
  const id = feedbackIdOf(rule.id, key, run);
  const data = {
    key,
    run_id: run.runId,
    trace_id: run.traceId,
    span_id: run.spanId,
    score: action["score"] ?? null,
    value: action["value"] ?? null,
    comment: action["comment"] ?? null,
    feedback_source: { type: SOURCE, metadata: { rule_id: rule.id, rule_name: rule.name } },
    created_at: time,
    modified_at: time,
  };
  checkAgainstConfigs([data], configs, time);
  return {
    records: [{ type: "feedback", id, op: "put", data, time, source: SOURCE }],
    outcome: { outcome: "success", made_id: id },
  };
}

const TARGETS = ["dataset", "dataset_id", "queue", "queue_id", "key", "evaluator", "evaluator_id", "tag"];

/** Its type and target. Of an address only the origin, as the path may be a secret, and a hash that tells two apart. */
export function actionName(action: RuleAction): string {
  const { url, url_env: variable } = action;
  // There is one of each, wherever it is told, and whatever for.
  if (action.type === "alert" || action.type === "pin") return action.type;
  if (typeof url === "string") {
    const hash = createHash("sha256").update(url).digest("hex").slice(0, 8);
    return `${action.type} ${new URL(url).origin} ${hash}`;
  }
  if (typeof variable === "string") return `${action.type} $${variable}`;
  const target = TARGETS.map((name) => action[name]);
  return [action.type, ...target.filter((each) => typeof each === "string")].join(" ");
}

/** What became of each action, by the data of a `rule_run`. */
export function actionsIn(data: JsonObject | undefined): readonly ActionOutcome[] {
  return (data?.["actions"] ?? []) as unknown as readonly ActionOutcome[];
}

function ruleRunData({ rule }: RuleChange, run: MatchedRun, done: readonly ActionOutcome[]): JsonObject {
  return { ...noteOf(rule, run), ...summaryOf(done) };
}

/** Outcome and reason of all actions together, and each of them: part of the data of a `rule_run`. */
export function summaryOf(done: readonly ActionOutcome[]): JsonObject {
  const outcome = RULE_OUTCOMES.find((each) => done.some((action) => action.outcome === each)) ?? "success";
  const reason = done.find((action) => action.outcome === outcome)?.reason;
  return { outcome, reason: reason ?? null, actions: done as unknown as readonly JsonObject[] };
}

function noteOf(rule: Rule, { traceId, spanId, runId }: RunKey): JsonObject {
  return {
    rule_id: rule.id,
    rule_name: rule.name,
    rule_version: rule.version,
    trace_id: traceId,
    span_id: spanId,
    run_id: runId,
  };
}

/** The version of the rule alone is no news. */
function differs(before: JsonObject, after: JsonObject): boolean {
  const what = (data: JsonObject): string =>
    canonicalJson([data["outcome"] ?? null, data["reason"] ?? null, data["actions"] ?? null]);
  return what(before) !== what(after);
}
