import {
  contentHash,
  type JsonObject,
  type RunFields,
  runTimeNanos,
  type RunValue,
} from "../../../schema/index.js";

/** A run of the source, ready to be stored, and where its parts are that do not travel in its JSON. */
export interface SourceRun {
  readonly id: string;
  readonly run: RunFields;
  readonly hasFeedback: boolean;
  /** Addresses of attachments by name. */
  readonly attachments: Readonly<Record<string, string>>;
  /** Addresses of inputs and outputs that the source keeps elsewhere. */
  readonly offloaded: Readonly<Partial<Record<"inputs" | "outputs", string>>>;
}

/** What a server works out anew, or that holds only for the moment of the answer: no part of the run. */
const DERIVED = new Set([
  "app_path",
  "child_run_ids",
  "direct_child_run_ids",
  "parent_run_ids",
  "child_runs",
  "feedback_stats",
  "in_dataset",
  "is_in_dataset",
  "is_root",
  "inputs_preview",
  "outputs_preview",
  "error_preview",
  "inputs_s3_urls",
  "outputs_s3_urls",
  "s3_urls",
  "attachments",
  "inserted_at",
  "last_queued_at",
  "latency_seconds",
  "messages",
  "query_metadata",
  "share_token",
  "share_url",
  "thread_evaluation_time",
  "trace_max_start_time",
  "trace_min_start_time",
  "ttl_seconds",
]);

/** Fields of version 2 that are asked for; without a list it gives ids alone. */
export const V2_SELECTS = [
  "ID",
  "NAME",
  "RUN_TYPE",
  "STATUS",
  "START_TIME",
  "END_TIME",
  "FIRST_TOKEN_TIME",
  "ERROR",
  "EXTRA",
  "METADATA",
  "EVENTS",
  "INPUTS",
  "OUTPUTS",
  "MANIFEST",
  "PARENT_RUN_IDS",
  "PROJECT_ID",
  "TRACE_ID",
  "THREAD_ID",
  "DOTTED_ORDER",
  "REFERENCE_EXAMPLE_ID",
  "TOTAL_TOKENS",
  "PROMPT_TOKENS",
  "COMPLETION_TOKENS",
  "TOTAL_COST",
  "PROMPT_COST",
  "COMPLETION_COST",
  "PROMPT_TOKEN_DETAILS",
  "COMPLETION_TOKEN_DETAILS",
  "PRICE_MODEL_ID",
  "TAGS",
  "ATTACHMENTS",
  "FEEDBACK_STATS",
];

/** A run of version 1 of the API. */
export function runOfV1(item: JsonObject, projectName: string): SourceRun | undefined {
  const id = textIn(item, "id")?.toLowerCase();
  if (id === undefined) return undefined;
  const files = addressesIn(item["s3_urls"]);
  const offloaded = {
    ...onlyIf("inputs", item["inputs"], addressesIn(item["inputs_s3_urls"])["ROOT"]),
    ...onlyIf("outputs", item["outputs"], addressesIn(item["outputs_s3_urls"])["ROOT"]),
  };
  const attachments = Object.fromEntries(
    Object.entries(files).flatMap(([name, url]) =>
      name.startsWith("attachment.") ? [[name.slice("attachment.".length), url]] : [],
    ),
  );
  return {
    id,
    run: storedRun({ ...item, id, session_name: projectName }),
    hasFeedback: !isEmpty(item["feedback_stats"]),
    attachments,
    offloaded,
  };
}

/** A run of version 2, in the fields of version 1. */
export function runOfV2(item: JsonObject, projectName: string): SourceRun | undefined {
  const id = textIn(item, "id")?.toLowerCase();
  if (id === undefined) return undefined;
  const { project_id: project, manifest, metadata, parent_run_ids: parents, ...rest } = item;
  const extra = objectIn(item["extra"]) ?? {};
  const parent = Array.isArray(parents) ? parents.at(-1) : undefined;
  const costs = Object.entries(item).flatMap(([name, value]): [string, string][] =>
    name.endsWith("_cost") && typeof value === "number" ? [[name, String(value)]] : [],
  );
  const run = storedRun({
    ...rest,
    id,
    session_id: project ?? null,
    session_name: projectName,
    serialized: manifest ?? null,
    parent_run_id: parent ?? null,
    run_type: textIn(item, "run_type")?.toLowerCase() ?? "chain",
    status: textIn(item, "status")?.toLowerCase() ?? null,
    extra: extra["metadata"] === undefined && !isEmpty(metadata) ? { ...extra, metadata } : extra,
    prompt_token_details: raw(item["prompt_token_details"]),
    completion_token_details: raw(item["completion_token_details"]),
    ...Object.fromEntries(costs),
  });
  const hasFeedback = !isEmpty(item["feedback_stats"]);
  return { id, run, hasFeedback, attachments: addressesIn(item["attachments"]), offloaded: {} };
}

/**
 * What two servers must agree on to have the same run. Left out are what each works out by itself (tokens, costs, status,
 * order) and the difference between nothing and an empty value. Times to the microsecond, as the API has them.
 */
export function comparableRun(run: RunFields): JsonObject {
  const compared = ["inputs", "outputs", "extra", "tags", "events", "serialized", "error"];
  const texts = ["trace_id", "parent_run_id", "name", "run_type", "reference_example_id"];
  const out: Record<string, JsonObject[string]> = {
    start_time: microsOf(run["start_time"]),
    end_time: microsOf(run["end_time"]),
  };
  for (const field of texts) {
    const value = run[field];
    if (typeof value === "string" && value !== "")
      out[field] = field.endsWith("id") ? value.toLowerCase() : value;
  }
  for (const field of compared) {
    const value = run[field];
    if (!isEmpty(value)) out[field] = (field === "extra" ? withoutEmpty(value) : value) as JsonObject[string];
  }
  return out;
}

/** The hash of {@link comparableRun}. */
export function runHash(run: RunFields): string {
  return contentHash(comparableRun(run));
}

function storedRun(fields: Readonly<Record<string, unknown>>): RunFields {
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([name, value]) => !DERIVED.has(name) && !isEmpty(value) && !(value === 0 && name.endsWith("_tokens")),
    ),
  ) as RunFields;
}

/** An object without members that are empty. */
function withoutEmpty(value: unknown): unknown {
  const entries = Object.entries(objectIn(value) ?? {}).filter(([, member]) => !isEmpty(member));
  return Object.fromEntries(entries);
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function microsOf(value: RunValue | undefined): string | null {
  const nanos = runTimeNanos(value);
  return nanos === undefined ? null : String(nanos / 1_000n);
}

function onlyIf(field: string, value: unknown, address: string | undefined): Record<string, string> {
  return isEmpty(value) && address !== undefined ? { [field]: address } : {};
}

/** `{"name": "https://..."}` or `{"name": {"presigned_url": "https://..."}}`. */
function addressesIn(value: unknown): Record<string, string> {
  const entries = Object.entries(objectIn(value) ?? {}).flatMap(([name, at]): [string, string][] => {
    const address = typeof at === "string" ? at : objectIn(at)?.["presigned_url"];
    return typeof address === "string" && address !== "" ? [[name, address]] : [];
  });
  return Object.fromEntries(entries);
}

/** Version 2 wraps details as `{"raw": {...}}`. */
function raw(value: unknown): JsonObject | null {
  const object = objectIn(value);
  return objectIn(object?.["raw"]) ?? object ?? null;
}

function textIn(item: JsonObject, name: string): string | undefined {
  const value = item[name];
  return typeof value === "string" ? value : undefined;
}

/** The value when it is a JSON object. */
export function objectIn(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}
