import { type AnnotationQueue, Bindings, type QueueItem } from "../../../loop/index.js";
import { hexToUuid, type JsonObject, type RunFields, type RunRecord } from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { configView } from "../feedback/feedback-config-routes.js";
import { readPage } from "../runs/run-pages.js";
import { TENANT_ID } from "../tenant.js";
import type { QueueParts } from "./queue-parts.js";

/** A queue as LangSmith's lists have it. */
export function queueView({ id, data, items, modifiedAt }: AnnotationQueue): RunRecord {
  const { assigned_reviewers: assigned, rubric_items: _rubric, ...rest } = data;
  return {
    description: null,
    num_reviewers_per_item: 1,
    enable_reservations: true,
    reservation_minutes: 1,
    reviewer_access_mode: "any",
    rubric_instructions: null,
    default_dataset: null,
    metadata: null,
    created_at: modifiedAt,
    ...(rest as RunRecord),
    id,
    queue_type: "single",
    tenant_id: TENANT_ID,
    updated_at: modifiedAt,
    run_rule_id: null,
    source_rule_id: null,
    assigned_reviewers: ((assigned ?? []) as readonly JsonObject[]).map(({ user_id: who }) => ({
      id: who,
      name: who,
      email: null,
    })) as unknown as RunRecord[],
    total_runs: items,
  };
}

/** A queue with its rubric, and the feedback config of each key in it. */
export async function queueDetails({ configs }: QueueParts, queue: AnnotationQueue): Promise<RunRecord> {
  const rubric = (queue.data["rubric_items"] ?? []) as unknown as readonly RunRecord[];
  const keys = rubric.flatMap(({ feedback_key: key }) => (typeof key === "string" ? [key] : []));
  const known = keys.length === 0 ? [] : await configs.list({ keys });
  const byKey = new Map(known.map((config) => [config.key, config]));
  return {
    ...queueView(queue),
    rubric_items: rubric.map((item) => {
      const config = byKey.get(textAt(item, "feedback_key") ?? "");
      return {
        description: null,
        value_descriptions: null,
        score_descriptions: null,
        is_required: false,
        is_assertion: false,
        ...item,
        feedback_config_id: config?.id ?? null,
        feedback_config: config === undefined ? null : configView(config),
      };
    }),
  };
}

/** An item as it is when it was just added. */
export function addedView({ id, data }: QueueItem): RunRecord {
  return {
    id,
    queue_id: data["queue_id"] as string,
    run_id: data["run_id"] as string,
    added_at: data["added_at"] as string,
    last_reviewed_time: (data["last_reviewed_time"] ?? null) as string | null,
    source_proposed_example_id: (data["source_proposed_example_id"] ?? null) as string | null,
  };
}

/** An item of the platform routes: without its run. */
export function platformView(parts: QueueParts, item: QueueItem): RunRecord {
  const { data } = item;
  const project = data["project"];
  return {
    ...addedView(item),
    item_type: "RUN",
    project_id: parts.sources.projects.idOf(typeof project === "string" ? project : "default"),
    start_time: (data["start_time"] ?? null) as string | null,
    effective_added_at: item.effectiveAddedAt,
    completed_by: [...item.completedBy],
    reserved_by: [...item.reservedBy],
  };
}

/** Runs with what LangSmith says of their items, in the items' order. */
export async function runsOfItems(parts: QueueParts, items: readonly QueueItem[]): Promise<RunFields[]> {
  const { sources } = parts;
  await sources.projects.load();
  const bindings = new Bindings();
  const anyOf = (column: string, field: string): string =>
    `s.${column} IN (${items.map(({ data }) => bindings.bind(data[field] as string)).join(", ")})`;
  const where = [
    anyOf("trace_id", "trace_id"),
    anyOf("span_id", "span_id"),
    sources.projects.shownSql("s", bindings),
  ].join(" AND ");
  const limit = items.length ** 2;
  const query = { where, bindings, ascending: true, limit, anywhere: false, select: undefined };
  const { runs } = items.length === 0 ? { runs: [] } : await readPage(sources, query);
  const byId = new Map(runs.map((run) => [run["id"], run]));
  return items.map((item) => ({
    ...(byId.get(item.data["run_id"] as string) ?? goneRun(parts, item)),
    queue_run_id: item.id,
    added_at: item.data["added_at"] as string,
    effective_added_at: item.effectiveAddedAt,
    last_reviewed_time: (item.data["last_reviewed_time"] ?? null) as string | null,
    source_proposed_example_id: (item.data["source_proposed_example_id"] ?? null) as string | null,
    completed_by: [...item.completedBy],
    reserved_by: [...item.reservedBy],
  }));
}

/** A run that the mirror no longer has: clients take a short page for the last one, so it can't be left out. */
function goneRun(parts: QueueParts, item: QueueItem): RunFields {
  const { run_id: id, start_time: start } = item.data;
  return {
    id: id as string,
    name: "",
    run_type: "chain",
    status: "pending",
    trace_id: hexToUuid(textAt(item.data, "trace_id") ?? ""),
    dotted_order: "",
    start_time: (start ?? null) as string | null,
    session_id: platformView(parts, item)["project_id"] as string,
    inputs: null,
    outputs: null,
    error: "Counterfoil no longer has this run.",
  };
}
