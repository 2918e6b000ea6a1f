import { randomUUID } from "node:crypto";
import type { JsonObject } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { type KnownAlerts, readAlerts } from "./alert-action.js";
import { readEvaluatorRuns } from "./evaluator-action.js";
import type { RuleChange } from "./example-action.js";
import { readMarks } from "./mark-actions.js";
import { type KnownQueues, readQueues } from "./queue-action.js";
import { datasetIdOf, exampleIdOf, ruleRunIdOf } from "./rule-ids.js";
import type { Rule, RuleAction } from "./rule-types.js";
import { textIn } from "../records/text-in.js";

/** What is there already. */
export interface Known {
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
  readonly alerts: KnownAlerts;
  /** Ids of pins and tags that were ever there, and of what the change makes. */
  readonly marks: Set<string>;
  /** Ids of `evaluator_runs` that are there, and of those that the change makes. */
  readonly evaluatorRuns: Set<string>;
}

/** Reads what is there. */
export async function readKnown(rows: Rows, { rule, runs, evaluations }: RuleChange): Promise<Known> {
  const actions = actionsOf(rule);
  const ruleRuns = await readRuleRuns(
    rows,
    runs.map((run) => ruleRunIdOf(rule.id, run)),
  );
  const toDatasets = actions.filter(({ type }) => type === "add_to_dataset");
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
    queues: await readQueues(rows, actions, runs),
    alerts: await readAlerts(rows, rule, { actions, runs }),
    marks: await readMarks(rows, actions, runs),
    evaluatorRuns: await readEvaluatorRuns(rows, evaluations.evaluators, runs),
  };
}

/** Data of `rule_runs` by id. */
export async function readRuleRuns(rows: Rows, wanted: readonly string[]): Promise<Map<string, JsonObject>> {
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

/** Id of the dataset of an action: as given, of the name, or the one that it will have. */
export function targetOf(action: RuleAction, datasets: ReadonlyMap<string, string>): string {
  const { dataset, dataset_id: id } = action;
  if (typeof id === "string") return id;
  return (typeof dataset === "string" ? datasets.get(dataset) : undefined) ?? "";
}

/** A rule's actions. */
export function actionsOf(rule: Rule): readonly RuleAction[] {
  return rule.data["actions"] as unknown as readonly RuleAction[];
}
