import {
  type ChangeRecord,
  errorMessage,
  isRunId,
  type JsonObject,
  type JsonValue,
} from "../../../schema/index.js";
import { checkRule } from "../../rules/rule-check.js";
import {
  FreeNames,
  type ImportRun,
  type ListedProject,
  objectsIn,
  storeRecords,
  textAt,
} from "./import-run.js";

/** Name in the report. */
export const RULES_TYPE = "rules";
const PATH = "/api/v1/runs/rules";
/** What is said of a rule here, in LangSmith's words: the rest is kept as it came. */
const TAKEN = new Set([
  "id",
  "tenant_id",
  "display_name",
  "sampling_rate",
  "filter",
  "trace_filter",
  "tree_filter",
  "group_by",
  "add_to_dataset_id",
  "add_to_dataset_prefer_correction",
  "add_to_annotation_queue_id",
  "created_at",
  "updated_at",
  // What the source looks up or counts.
  "session_name",
  "dataset_name",
  "add_to_dataset_name",
  "add_to_annotation_queue_name",
  "trace_count",
  "spend_usd",
  "effective_spend_limit",
]);

/**
 * Imports run rules. LangSmith goes on following them, so they come switched off: whoever moves over enables them. What
 * LangSmith's rule says besides, such as evaluators, is kept in `langsmith`; secrets of webhooks are not taken.
 */
export async function importRules(run: ImportRun, projects: readonly ListedProject[]): Promise<void> {
  const names = await FreeNames.of(run, "rules");
  const projectNames = new Map(projects.map(({ id, name }) => [id, name]));
  const changes: ChangeRecord[] = [];
  // This listing has no pages.
  for (const item of objectsIn(await run.source.get(PATH))) {
    const { id: given } = item;
    if (!isRunId(given)) continue;
    const id = given.toLowerCase();
    const data = ruleOfLangSmith(item, names.take(textAt(item, "display_name") ?? id, id), projectNames);
    if (typeof data === "string") {
      run.tally.found(RULES_TYPE);
      run.tally.skipped(RULES_TYPE, id, data);
      continue;
    }
    const time = textAt(item, "updated_at") ?? textAt(item, "created_at") ?? new Date(0).toISOString();
    changes.push({ type: "rule", id, op: "put", time, source: "import", data });
  }
  await storeRecords(run, RULES_TYPE, changes);
}

/** Data of a rule's record out of a rule of LangSmith's, or why there is none. `projects` has their names by id. */
export function ruleOfLangSmith(
  item: JsonObject,
  name: string,
  projects: ReadonlyMap<string, string>,
): JsonObject | string {
  const session = textAt(item, "session_id")?.toLowerCase();
  const project = session === undefined ? undefined : projects.get(session);
  if (session !== undefined && project === undefined)
    return `its project ${session} is not among those listed`;
  if (textAt(item, "dataset_id") !== undefined)
    return "it is over the experiments of a dataset; rules here are over projects";
  const actions = actionsOf(item);
  if (actions.length === 0)
    return "it does nothing that rules here can do (its evaluators, webhooks and alerts are LangSmith's)";
  const filters = ["filter", "trace_filter", "tree_filter"].flatMap((field) => {
    const text = textAt(item, field);
    return text === undefined ? [] : [[field, text] as const];
  });
  const rate = item["sampling_rate"];
  const data: JsonObject = {
    name,
    enabled: false,
    ...(project === undefined ? {} : { project }),
    ...Object.fromEntries(filters),
    ...(textAt(item, "group_by") === "thread_id" ? { scope: "thread" } : {}),
    ...(typeof rate === "number" ? { sampling_rate: rate } : {}),
    actions,
    langsmith: restOf(item),
    version: 1,
    ...timesOf(item),
  };
  try {
    checkRule(data);
    return data;
  } catch (error) {
    return errorMessage(error);
  }
}

function actionsOf(item: JsonObject): JsonObject[] {
  const queue = textAt(item, "add_to_annotation_queue_id");
  const dataset = textAt(item, "add_to_dataset_id");
  const outputs = item["add_to_dataset_prefer_correction"] === true ? "correction_or_output" : "output";
  return [
    ...(queue === undefined ? [] : [{ type: "add_to_annotation_queue", queue_id: queue }]),
    ...(dataset === undefined ? [] : [{ type: "add_to_dataset", dataset_id: dataset, outputs }]),
  ];
}

function timesOf(item: JsonObject): JsonObject {
  const times = ["created_at", "updated_at"].flatMap((field) => {
    const time = textAt(item, field);
    return time === undefined ? [] : [[field, time] as const];
  });
  return Object.fromEntries(times);
}

/** What has no field of its own. Headers of webhooks and keys of alerts are secrets that no mirror should have. */
function restOf(item: JsonObject): JsonObject {
  const kept = Object.entries(item).flatMap(([field, value]): [string, JsonValue][] => {
    const isNothing =
      value === null || value === false || value === "" || (Array.isArray(value) && value.length === 0);
    if (TAKEN.has(field) || (isNothing && field !== "is_enabled")) return [];
    if (field === "webhooks") return [[field, without(value, "headers")]];
    if (field === "alerts") return [[field, without(value, "routing_key")]];
    return [[field, value]];
  });
  return Object.fromEntries(kept);
}

function without(list: JsonValue, name: string): JsonValue {
  return objectsIn(list).map((each) =>
    Object.fromEntries(Object.entries(each).filter(([key]) => key !== name)),
  );
}
