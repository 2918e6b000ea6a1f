import { DEFAULT_PROJECT, type Rule } from "../../../loop/index.js";
import { type JsonObject, nanosToRunTime, type RunRecord } from "../../../schema/index.js";
import { type Row, textAt } from "../../mirror-reads.js";
import type { ProjectNames } from "../projects/project-names.js";
import { TENANT_ID } from "../tenant.js";
import { GROUP_BY_THREAD, type RuleTarget, webhookUrls } from "./rule-body.js";

/** What the ids in rules stand for. */
export interface TargetNames {
  readonly projects: Pick<ProjectNames, "idOf">;
  readonly datasets: readonly RuleTarget[];
  readonly queues: readonly RuleTarget[];
}

/** A rule as LangSmith gives it. Actions for which it has no word are left out. */
export function ruleView({ id, name, enabled, data }: Rule, names: TargetNames): RunRecord {
  const actions = (data["actions"] ?? []) as unknown as readonly JsonObject[];
  const toDataset = actions.find(({ type }) => type === "add_to_dataset");
  const toQueue = actions.find(({ type }) => type === "add_to_annotation_queue");
  const project = textAt(data, "project");
  const dataset = targetOf(toDataset, "dataset", names.datasets);
  const queue = targetOf(toQueue, "queue", names.queues);
  return {
    id,
    tenant_id: TENANT_ID,
    display_name: name,
    is_enabled: enabled,
    sampling_rate: (data["sampling_rate"] ?? 1) as number,
    session_id: project === undefined ? null : names.projects.idOf(project),
    session_name: project ?? null,
    dataset_id: null,
    dataset_name: null,
    filter: textAt(data, "filter") ?? null,
    trace_filter: textAt(data, "trace_filter") ?? null,
    tree_filter: textAt(data, "tree_filter") ?? null,
    add_to_dataset_id: dataset.id,
    add_to_dataset_name: dataset.name,
    add_to_dataset_prefer_correction: toDataset !== undefined && toDataset["outputs"] !== "output",
    add_to_annotation_queue_id: queue.id,
    add_to_annotation_queue_name: queue.name,
    webhooks: webhookUrls(actions).map((url) => ({ url, headers: null })),
    evaluators: null,
    code_evaluators: null,
    alerts: null,
    evaluator_version: 1,
    use_corrections_dataset: false,
    extend_only: false,
    transient: false,
    include_extended_stats: false,
    group_by: data["scope"] === "thread" ? GROUP_BY_THREAD : null,
    created_at: textAt(data, "created_at") ?? null,
    updated_at: textAt(data, "updated_at") ?? null,
  };
}

/** Id and name of an action's target; one that is made when it is needed has no id yet. */
function targetOf(
  action: JsonObject | undefined,
  field: "dataset" | "queue",
  known: readonly RuleTarget[],
): { readonly id: string | null; readonly name: string | null } {
  const id = textAt(action, `${field}_id`)?.toLowerCase();
  const name = textAt(action, field);
  const found = known.find((each) => (id === undefined ? each.name === name : each.id === id));
  return { id: found?.id ?? id ?? null, name: found?.name ?? name ?? null };
}

/** Names of LangSmith's fields of a log, by the type of action. */
const LOG_FIELDS: Readonly<Record<string, string>> = {
  add_to_dataset: "add_to_dataset",
  add_to_annotation_queue: "add_to_annotation_queue",
  webhook: "webhooks",
};

/** What a rule did with a run, as LangSmith tells it. */
export function logView(
  log: JsonObject,
  run: Row | undefined,
  projects: Pick<ProjectNames, "idOf">,
): RunRecord {
  const view: RunRecord = {
    rule_id: textAt(log, "rule_id") ?? null,
    run_id: textAt(log, "run_id") ?? null,
    run_name: textAt(run, "name") ?? null,
    run_type: textAt(run, "run_type") ?? null,
    run_session_id: run === undefined ? null : projects.idOf(textAt(run, "project") ?? DEFAULT_PROJECT),
    start_time: timeOf(run, "start_ns"),
    end_time: timeOf(run, "end_ns"),
    application_time: textAt(log, "time") ?? null,
    add_to_annotation_queue: null,
    add_to_dataset: null,
    evaluators: null,
    alerts: null,
    webhooks: null,
  };
  const outcomes = (log["actions"] ?? []) as unknown as readonly JsonObject[];
  for (const each of outcomes) {
    const type = (textAt(each, "action") ?? "").split(" ")[0] ?? "";
    const field = LOG_FIELDS[type];
    if (field !== undefined) view[field] ??= outcomeView(each);
  }
  // What failed before any action is told where it would have gone.
  if (outcomes.length === 0) view["add_to_dataset"] = outcomeView(log);
  return view;
}

/** LangSmith knows success, skipped and error; what waits, for delivery or approval, is skipped so far. */
function outcomeView(each: JsonObject): RunRecord {
  const outcome = textAt(each, "outcome") ?? "";
  const payload = ["reason", "target_id", "made_id"].flatMap((name) => {
    const value = textAt(each, name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    outcome: outcome === "success" || outcome === "error" ? outcome : "skipped",
    payload: Object.fromEntries(payload),
  };
}

function timeOf(run: Row | undefined, column: string): string | null {
  const nanos = textAt(run, column);
  return nanos === undefined ? null : nanosToRunTime(BigInt(nanos));
}
