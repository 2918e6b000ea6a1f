import type { JsonObject, JsonValue, RunJson, RunRecord } from "../../../schema/index.js";
import { badField, RefusedCall } from "../replies.js";

/** A dataset or annotation queue. */
export interface RuleTarget {
  readonly id: string;
  readonly name: string;
}

/** What the ids of a body stand for. */
export interface RuleTargets {
  /** Name of the project; null for all projects, undefined when the body does not say. */
  readonly project: string | null | undefined;
  /** Null takes the action away, undefined leaves it. */
  readonly dataset: RuleTarget | null | undefined;
  readonly queue: RuleTarget | null | undefined;
}

const EVALUATORS =
  "evaluators by this route: PUT /api/v1/rules/{name} takes a run_evaluator action, of an evaluator of /api/v1/evaluators";

/** What LangSmith's rules can do and ours can't, or not by this API, and where else it is found. */
const NOT_HERE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    evaluators: EVALUATORS,
    code_evaluators: EVALUATORS,
    evaluator_id: EVALUATORS,
    use_corrections_dataset: EVALUATORS,
    corrections_dataset_id: EVALUATORS,
    num_few_shot_examples: EVALUATORS,
    alignment_annotation_queue_id: EVALUATORS,
    spend_limit: EVALUATORS,
    alerts: "alerts by this route: PUT /api/v1/rules/{name} takes an alert action",
    dataset_id: "rules over the experiments of a dataset",
    backfill_from: "backfills by this route; POST /api/v1/rules/{name}/backfill does one",
    transient: "rules for one time",
    extend_only: "retention by trace, so there is nothing to extend",
    include_extended_stats: "statistics in what rules send",
  }),
);

/** What a rule that was read carries besides what can be set; there is one retention, so that none is extended. */
const IGNORED: ReadonlySet<string> = new Set([
  "id",
  "tenant_id",
  "created_at",
  "updated_at",
  "session_name",
  "dataset_name",
  "add_to_dataset_name",
  "add_to_annotation_queue_name",
  "evaluator_version",
  "evaluator_name",
  "evaluator_type",
  "effective_spend_limit",
  "spend_usd",
  "trace_count",
  "is_managed_evaluator",
  "is_tracing_disabled",
  "backfill_id",
  "backfill_status",
  "backfill_progress",
  "backfill_error",
  "backfill_completed_at",
  "extend_annotation_queue_trace_retention",
  "extend_dataset_trace_retention",
  "extend_evaluator_trace_retention",
  "extend_webhook_trace_retention",
]);

const TAKEN: ReadonlySet<string> = new Set([
  "display_name",
  "sampling_rate",
  "is_enabled",
  "session_id",
  "filter",
  "trace_filter",
  "tree_filter",
  "add_to_annotation_queue_id",
  "add_to_dataset_id",
  "add_to_dataset_prefer_correction",
  "webhooks",
  "group_by",
]);

/** Refuses what our rules can't say: 501 for what LangSmith's can, 422 for what nobody's can. */
export function checkRuleBody(body: RunRecord): void {
  for (const [field, value] of Object.entries(body)) {
    if (TAKEN.has(field) || IGNORED.has(field)) continue;
    const what = NOT_HERE.get(field);
    if (what === undefined) throw badField(["body", field], "is no field of a run rule");
    if (!isNothing(value)) throw new RefusedCall(501, `Counterfoil's rules do not have ${what} (${field}).`);
  }
}

function isNothing(value: RunJson | undefined): boolean {
  return (
    value === null || value === undefined || value === false || (Array.isArray(value) && value.length === 0)
  );
}

/**
 * The data of a rule after a body of LangSmith's: `before` with what the body says. What LangSmith has no word for stays.
 * Throws 422 and 501.
 */
export function ruleDataOf(body: RunRecord, before: JsonObject, targets: RuleTargets): JsonObject {
  const data: Record<string, JsonValue> = { ...before };
  const take = (field: string, own: string, type: string): void => {
    const value = body[field];
    if (value === undefined) return;
    if (value === null) delete data[own];
    else if (typeof value !== type) throw badField(["body", field], `must be a ${type}`);
    else data[own] = value as JsonValue;
  };
  take("display_name", "name", "string");
  take("sampling_rate", "sampling_rate", "number");
  take("is_enabled", "enabled", "boolean");
  for (const field of ["filter", "trace_filter", "tree_filter"]) take(field, field, "string");
  takeScope(body["group_by"], data);
  if (targets.project === null) delete data["project"];
  else if (targets.project !== undefined) data["project"] = targets.project;
  const actions = (before["actions"] ?? []) as unknown as readonly JsonObject[];
  checkWebhooks(body["webhooks"], actions);
  const prefers = body["add_to_dataset_prefer_correction"];
  if (prefers !== undefined && prefers !== null && typeof prefers !== "boolean")
    throw badField(["body", "add_to_dataset_prefer_correction"], "must be true or false");
  const queued = withTarget(actions, "add_to_annotation_queue", "queue", targets.queue);
  const stored = withTarget(queued, "add_to_dataset", "dataset", targets.dataset);
  data["actions"] = stored.map((action): JsonObject => {
    if (action["type"] !== "add_to_dataset") return action;
    if (typeof prefers === "boolean")
      return { ...action, outputs: prefers ? "correction_or_output" : "output" };
    return { ...action, outputs: action["outputs"] ?? "output" };
  });
  if (stored.length === 0) {
    const text = "needs add_to_dataset_id or add_to_annotation_queue_id: what to do with the runs";
    throw badField(["body"], text);
  }
  return data;
}

/** LangSmith's word for a rule that takes whole threads. */
export const GROUP_BY_THREAD = "thread_id";

function takeScope(groupBy: RunJson | undefined, data: Record<string, JsonValue>): void {
  if (groupBy === undefined) return;
  if (groupBy === null) delete data["scope"];
  else if (groupBy === GROUP_BY_THREAD) data["scope"] = "thread";
  else throw badField(["body", "group_by"], `must be ${GROUP_BY_THREAD} or null`);
}

/** Actions with one of this type that has the target; without it for null. */
function withTarget(
  actions: readonly JsonObject[],
  type: string,
  field: "queue" | "dataset",
  target: RuleTarget | null | undefined,
): readonly JsonObject[] {
  if (target === undefined) return actions;
  const at = actions.findIndex((action) => action["type"] === type);
  if (target === null) return actions.filter((_, index) => index !== at);
  const there = actions[at];
  // An action keeps its name, and so what it did, when its target does.
  if (there?.[`${field}_id`] === target.id || there?.[field] === target.name) return actions;
  const { [field]: _name, [`${field}_id`]: _id, ...rest } = there ?? {};
  const action = { ...rest, type, [`${field}_id`]: target.id };
  return at < 0 ? [...actions, action] : actions.map((each, index) => (index === at ? action : each));
}

/** Ours sign what they send, and it looks otherwise: who reads LangSmith's would not understand it. */
function checkWebhooks(given: RunJson | undefined, actions: readonly JsonObject[]): void {
  if (given === undefined) return;
  const wanted = (given ?? []) as readonly RunRecord[];
  const urls = webhookUrls(actions);
  const same =
    Array.isArray(wanted) && wanted.length === urls.length && wanted.every(({ url }, at) => url === urls[at]);
  if (same) return;
  throw new RefusedCall(
    501,
    "Counterfoil's webhooks have a body and a signature of their own (docs/rules.md): set them by PUT /api/v1/rules/{name}.",
  );
}

/** Addresses that a rule sends to, those that are no secret of the server's. */
export function webhookUrls(actions: readonly JsonObject[]): string[] {
  return actions.flatMap(({ type, url }) => (type === "webhook" && typeof url === "string" ? [url] : []));
}
