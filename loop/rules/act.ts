import { createHash, randomUUID } from "node:crypto";
import { canonicalJson, type JsonObject, RULE_OUTCOMES } from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { exampleData, exampleOutputs } from "./example-of-run.js";
import type { RunKey } from "./matched-runs.js";
import { addToQueue, type KnownQueues, readQueues } from "./queue-action.js";
import { datasetIdOf, exampleIdOf, feedbackIdOf, ruleRunIdOf } from "./rule-ids.js";
import type { ActionOutcome, MatchedRun, Rule, RuleAction } from "./rule-types.js";
import { textIn } from "../records/text-in.js";

/** Marks records that a rule makes. */
const SOURCE = "rule";

/** One change: a rule, runs that it takes, and the time of the dataset version that it makes. */
export interface RuleChange {
  readonly rule: Rule;
  readonly runs: readonly MatchedRun[];
  readonly time: string;
}

/**
 * What a rule makes of runs: the records of its actions and one `rule_run` for each run. They are to be written as one
 * change, so that no crash comes between an example and the note that it was made. What was done before is not done
 * again, by the note and by ids that are computed from rule and run; nothing new gives no records. `rows` must see
 * everything written before, and nobody may write datasets meanwhile.
 */
export async function act(rows: Rows, change: RuleChange): Promise<RecordDraft[]> {
  const { rule, runs } = change;
  const known = await readKnown(rows, rule, runs);
  const records: RecordDraft[] = [];
  for (const run of runs) {
    const id = ruleRunIdOf(rule.id, run);
    const before = known.ruleRuns.get(id);
    const earlier = new Map(actionsIn(before).map((each) => [each.action, each]));
    const done: ActionOutcome[] = [];
    for (const action of actionsOf(rule)) {
      const name = actionName(action);
      const old = earlier.get(name);
      // What is on its way is noted by whoever brings it there.
      if (old?.outcome === "success" || old?.outcome === "pending") {
        done.push(old);
        continue;
      }
      const made = makeOf({ change, run, action, known });
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

/** What is there already. */
interface Known {
  readonly ruleRuns: ReadonlyMap<string, JsonObject>;
  /** Ids of the datasets that actions name, by name: of those that are there, and that the others will have. */
  readonly datasets: ReadonlyMap<string, string>;
  /** Names of those that are to be made. Shrinks by what the change makes. */
  readonly absent: Set<string>;
  /** Ids of those that actions name by id. */
  readonly datasetIds: ReadonlySet<string>;
  /** Ids of examples that were ever there: one that someone deleted does not come back. */
  readonly examples: ReadonlySet<string>;
  readonly queues: KnownQueues;
}

async function readKnown(rows: Rows, rule: Rule, runs: readonly MatchedRun[]): Promise<Known> {
  const ruleRuns = await readRuleRuns(
    rows,
    runs.map((run) => ruleRunIdOf(rule.id, run)),
  );
  const toDatasets = actionsOf(rule).filter(({ type }) => type === "add_to_dataset");
  const names = toDatasets.flatMap(({ dataset }) => (typeof dataset === "string" ? [dataset] : []));
  const there = await namedDatasets(rows, names);
  const absent = new Set(names.filter((name) => !there.has(name)));
  const datasets = new Map([...there, ...(await newDatasetIds(rows, [...absent]))]);
  const given = toDatasets.flatMap(({ dataset_id: id }) => (typeof id === "string" ? [id] : []));
  const datasetIds = await ids(rows, "SELECT id, NULL AS data FROM datasets", given);
  const wanted = toDatasets.flatMap((action) => {
    const datasetId = targetOf(action, datasets);
    return runs.map((run) => exampleIdOf(rule.id, datasetId, run));
  });
  const examples = await ids(rows, "SELECT DISTINCT id, NULL AS data FROM examples_history", wanted);
  return {
    ruleRuns,
    datasets,
    absent,
    datasetIds: new Set(datasetIds.keys()),
    examples: new Set(examples.keys()),
    queues: await readQueues(rows, actionsOf(rule), runs),
  };
}

async function readRuleRuns(rows: Rows, wanted: readonly string[]): Promise<Map<string, JsonObject>> {
  const found = await ids(rows, "SELECT id, data FROM rule_runs", wanted);
  return new Map([...found].map(([id, data]) => [id, JSON.parse(data) as JsonObject]));
}

async function ids(rows: Rows, select: string, wanted: readonly string[]): Promise<Map<string, string>> {
  if (wanted.length === 0) return new Map();
  const bindings = new Bindings();
  const found = await rows(
    `${select} WHERE id IN (${wanted.map((id) => bindings.bind(id)).join(", ")})`,
    bindings.params,
  );
  return new Map(found.map((row) => [textIn(row, "id"), textIn(row, "data")]));
}

async function namedDatasets(rows: Rows, names: readonly string[]): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const bindings = new Bindings();
  const found = await rows(
    `SELECT name, id FROM datasets WHERE name IN (${names.map((name) => bindings.bind(name)).join(", ")})`,
    bindings.params,
  );
  return new Map(found.map((row) => [textIn(row, "name"), textIn(row, "id")]));
}

/** Ids for datasets that are to be made, by name. */
async function newDatasetIds(rows: Rows, names: readonly string[]): Promise<Map<string, string>> {
  const taken = await ids(rows, "SELECT id, NULL AS data FROM datasets", names.map(datasetIdOf));
  return new Map(
    names.map((name) => {
      const id = datasetIdOf(name);
      // One that a rule made and someone renamed since: it is theirs, and the name is free again.
      return [name, taken.has(id) ? randomUUID() : id];
    }),
  );
}

interface Making {
  readonly change: RuleChange;
  readonly run: MatchedRun;
  readonly action: RuleAction;
  readonly known: Known;
}

interface Made {
  readonly records: readonly RecordDraft[];
  readonly outcome: Omit<ActionOutcome, "action">;
}

function makeOf(making: Making): Made {
  switch (making.action.type) {
    case "add_to_dataset":
      return makeExample(making);
    case "add_feedback":
      return makeFeedback(making);
    case "webhook":
      return {
        records: [],
        outcome: { outcome: "pending", reason: "is to be sent", requested_at: making.change.time },
      };
    case "add_to_annotation_queue": {
      const { change, run, action, known } = making;
      return addToQueue(known.queues, { ...change, run, action });
    }
  }
}

function makeExample({ change, run, action, known }: Making): Made {
  const { rule, time } = change;
  const { dataset_id: given } = action;
  if (typeof given === "string" && !known.datasetIds.has(given)) {
    return { records: [], outcome: { outcome: "error", reason: `there is no dataset ${given}` } };
  }
  const found = exampleOutputs(action, run);
  if ("skipped" in found) return { records: [], outcome: { outcome: "skipped", reason: found.skipped } };
  const records: RecordDraft[] = [];
  const datasetId = targetOf(action, known.datasets);
  const id = exampleIdOf(rule.id, datasetId, run);
  const outcome = { outcome: "success", target_id: datasetId, made_id: id } as const;
  if (known.examples.has(id)) return { records, outcome };
  const name = action["dataset"];
  if (typeof name === "string" && known.absent.delete(name)) {
    const data = { name, description: `Made by the rule ${rule.name}.`, data_type: "kv", created_at: time };
    records.push({ type: "dataset", id: datasetId, op: "put", data, time, source: SOURCE });
  }
  const data = { dataset_id: datasetId, ...exampleData({ action, rule, run }, found), created_at: time };
  records.push({ type: "example", id, op: "put", data, time, source: SOURCE });
  return { records, outcome };
}

function makeFeedback({ change, run, action }: Making): Made {
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
  return {
    records: [{ type: "feedback", id, op: "put", data, time, source: SOURCE }],
    outcome: { outcome: "success", made_id: id },
  };
}

/** Id of the dataset of an action: as given, of the name, or the one that it will have. */
function targetOf(action: RuleAction, datasets: ReadonlyMap<string, string>): string {
  const { dataset, dataset_id: id } = action;
  if (typeof id === "string") return id;
  return (typeof dataset === "string" ? datasets.get(dataset) : undefined) ?? "";
}

/** Its type and target. Of an address only the origin, as the path may be a secret, and a hash that tells two apart. */
export function actionName(action: RuleAction): string {
  const { url, url_env: variable } = action;
  if (typeof url === "string") {
    const hash = createHash("sha256").update(url).digest("hex").slice(0, 8);
    return `${action.type} ${new URL(url).origin} ${hash}`;
  }
  if (typeof variable === "string") return `${action.type} $${variable}`;
  const target = ["dataset", "dataset_id", "queue", "queue_id", "key"].map((name) => action[name]);
  return [action.type, ...target.filter((each) => typeof each === "string")].join(" ");
}

/** A rule's actions. */
export function actionsOf(rule: Rule): readonly RuleAction[] {
  return rule.data["actions"] as unknown as readonly RuleAction[];
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
