import {
  objectOf,
  type RunFields,
  type RunJson,
  type RunRecord,
  type RunValue,
  writeRunJson,
} from "../../../schema/index.js";
import { pageSizeOf } from "../cursor.js";
import { badField } from "../replies.js";

/** Runs in one page of version 2, at most and by default. */
export const V2_PAGE_MAX = 1_000;
const V2_PAGE_DEFAULT = 100;
const DAY_MS = 86_400_000;

/** The body of a version 2 query in the words of version 1, and how many runs it wants. */
export function v1Body(
  body: RunRecord,
  now: number,
): { readonly body: RunRecord; readonly pageSize: number } {
  const size = pageSizeOf(body["page_size"], { most: V2_PAGE_MAX, usual: V2_PAGE_DEFAULT });
  const named = body["ids"] !== undefined || body["trace_id"] !== undefined;
  const since = body["min_start_time"] ?? (named ? null : new Date(now - DAY_MS).toISOString());
  return {
    pageSize: size,
    body: {
      session: body["project_ids"] ?? null,
      id: body["ids"] ?? null,
      trace: body["trace_id"] ?? null,
      is_root: body["is_root"] ?? null,
      run_type: body["run_type"] ?? null,
      error: body["has_error"] ?? null,
      reference_example: body["reference_examples"] ?? null,
      reference_dataset: body["reference_dataset_id"] ?? null,
      min_feedback_modified_at: body["min_feedback_modified_at"] ?? null,
      max_feedback_modified_at: body["max_feedback_modified_at"] ?? null,
      filter: body["filter"] ?? null,
      trace_filter: body["trace_filter"] ?? null,
      tree_filter: body["tree_filter"] ?? null,
      start_time: since,
      max_start_time: body["max_start_time"] ?? null,
      cursor: body["cursor"] ?? null,
    },
  };
}

/** A run of version 1 in the form of version 2. */
export function v2Run(run: RunFields): RunFields {
  const { session_id: project, status, run_type: type, parent_run_id: parent } = run;
  const extra = objectOf(run["extra"]);
  const same = [
    "id",
    "name",
    "start_time",
    "end_time",
    "error",
    "extra",
    "events",
    "inputs",
    "outputs",
    "trace_id",
    "thread_id",
    "dotted_order",
    "parent_run_ids",
    "reference_example_id",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "first_token_time",
    "tags",
    "app_path",
    "feedback_stats",
  ];
  const item: RunFields = {
    ...Object.fromEntries(same.map((field) => [field, run[field] ?? null])),
    project_id: project ?? null,
    run_type: typeof type === "string" ? type.toUpperCase() : null,
    status: typeof status === "string" ? status.toUpperCase() : null,
    is_root: parent === null || parent === undefined,
    metadata: extra?.["metadata"] ?? {},
    manifest: run["serialized"] ?? null,
    share_url: typeof run["share_token"] === "string" ? `/public/${run["share_token"]}/run` : null,
    latency_seconds: secondsOf(run),
    inputs_preview: previewOf(run["inputs"]),
    outputs_preview: previewOf(run["outputs"]),
    error_preview: previewOf(run["error"]),
    total_cost: typeof run["total_cost"] === "string" ? Number(run["total_cost"]) : null,
    prompt_token_details: details(run["prompt_token_details"]),
    completion_token_details: details(run["completion_token_details"]),
    attachments: attachmentsOf(run["s3_urls"]),
  };
  // In version 2 a field without a value is not there.
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== null));
}

/** The chosen fields; without a choice the id alone. */
export function v2Selected(item: RunFields, selects: readonly string[] | undefined): RunFields {
  const wanted = new Set(["id", ...(selects ?? []).map((field) => field.toLowerCase())]);
  return Object.fromEntries(Object.entries(item).filter(([field]) => wanted.has(field)));
}

/** The list of fields of a body or query. Throws 422. */
export function selectsOf(value: RunJson | undefined): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value) && value.every((field) => typeof field === "string")) return value;
  throw badField(["body", "selects"], "must be a list of fields");
}

/** Addresses by name. */
function attachmentsOf(urls: RunValue | undefined): RunFields | null {
  const found = Object.entries(objectOf(urls) ?? {}).flatMap(([name, at]): [string, RunValue][] =>
    name.startsWith("attachment.")
      ? [[name.slice("attachment.".length), objectOf(at)?.["presigned_url"] ?? null]]
      : [],
  );
  return found.length === 0 ? null : Object.fromEntries(found);
}

function details(value: RunValue | undefined): RunValue {
  return value === undefined || value === null ? null : { raw: value };
}

/** How long a run took; null while it runs. */
export function secondsOf({ start_time: start, end_time: end }: RunFields): number | null {
  if (typeof start !== "string" || typeof end !== "string") return null;
  return (Date.parse(end) - Date.parse(start)) / 1_000;
}

const PREVIEW_CHARS = 250;

/** The beginning of a value as text; null when there is none. */
export function previewOf(value: RunValue | undefined): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "string" ? value : writeRunJson(value);
  return text.length <= PREVIEW_CHARS ? text : `${text.slice(0, PREVIEW_CHARS - 3)}...`;
}
