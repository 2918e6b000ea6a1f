import {
  CONTENT_COLUMNS,
  DEFAULT_PROJECT,
  ERROR_SQL,
  jsonInColumn,
  keptRunContentOf,
  nativeRunOfRow,
  PROMPT_TOKENS_SQL,
  STATUS_SQL,
} from "../../../loop/index.js";
import { nanosToRunTime, objectOf, type RunFields, type RunValue } from "../../../schema/index.js";
import { type Row, textAt } from "../../mirror-reads.js";
import type { ProjectNames } from "../projects/project-names.js";
import { TENANT_ID } from "../tenant.js";
import { UPDATE_ONLY } from "./run-states.js";

/** Names and media types of a run's files: their content is read only when it is asked for. */
const FILES_SQL = `CASE WHEN s.attributes['langsmith.attachments'] IS NOT NULL THEN
  CAST(to_json(from_json(s.attributes['langsmith.attachments'], '[{"name":"VARCHAR","mime_type":"VARCHAR"}]')) AS VARCHAR) END AS files`;

/** Columns of `spans` as `s` that a run is made of. */
export const RUN_COLUMNS = `s.run_id, s.trace_id, s.span_id, s.parent_span_id, s.name,
  coalesce(s.run_type, 'chain') AS run_type, epoch_ns(s.start_time)::VARCHAR AS start_ns,
  epoch_ns(s.end_time)::VARCHAR AS end_ns, epoch_ns(s.received_at)::VARCHAR AS received_ns,
  ${STATUS_SQL} AS status, ${ERROR_SQL} AS error, s.project, s.conversation_id, s.provider, s.request_model,
  ${PROMPT_TOKENS_SQL} AS prompt_tokens, coalesce(s.output_tokens, 0) AS completion_tokens,
  s.cache_read_tokens, s.cache_write_tokens, s.reasoning_tokens, s.cost_usd, s.time_to_first_token_ms,
  s.tags, s.metadata, s.attributes['langsmith.reference_example_id'] AS reference_example_id,
  s.events AS span_events, ${FILES_SQL}, ${CONTENT_COLUMNS}`;

/** Where a span that did not come as a run stands in its trace; see `run-places.ts`. */
export interface RunPosition {
  readonly dottedOrder: string;
  /** From the root down to the parent. */
  readonly ancestors: readonly string[];
}

/** Those that the run was sent with, and behind them those that rules and people put on it. */
function tagsOf(row: Row, native: RunFields | undefined): RunValue {
  const [sent, all] = [native?.["tags"], jsonInColumn(row["tags"])];
  if (!Array.isArray(sent) || !Array.isArray(all)) return sent ?? all ?? [];
  const own = sent as readonly RunValue[];
  // The column has tags without the spaces around them, and numbers as texts.
  const known = new Set(own.map(plainTag));
  return [...own, ...(all as readonly RunValue[]).filter((tag) => !known.has(plainTag(tag)))];
}

function plainTag(tag: RunValue): string {
  return (typeof tag === "string" ? tag : JSON.stringify(tag)).trim();
}

/** A run as LangSmith gives it, from a row of {@link RUN_COLUMNS}. `position` is needed for spans that came as OTLP. */
export function runOfRow(
  row: Row,
  projects: Pick<ProjectNames, "idOf">,
  position: RunPosition | undefined,
): RunFields {
  const { [UPDATE_ONLY]: updateOnly, ...sent } = nativeRunOfRow(row)?.run ?? {};
  const native = row["source"] === "langsmith" ? sent : undefined;
  const id = textAt(row, "run_id") ?? "";
  const traceId = textAt(native, "trace_id") ?? uuidOf(textAt(row, "trace_id") ?? "");
  const session = textAt(row, "project") ?? DEFAULT_PROJECT;
  const ancestors =
    native === undefined ? (position?.ancestors ?? []) : ancestorsIn(textAt(native, "dotted_order"));
  const sessionId = textAt(native, "session_id") ?? projects.idOf(session);
  return {
    // What has no meaning here was sent all the same, and comes back.
    ...sent,
    id,
    name: textAt(row, "name") ?? "",
    run_type: textAt(row, "run_type") ?? "chain",
    status: updateOnly === true ? "pending" : (textAt(row, "status") ?? "success"),
    start_time: timeOf(row["start_ns"]),
    end_time: timeOf(row["end_ns"]),
    error: textAt(row, "error") ?? null,
    ...keptRunContentOf(row),
    inputs_preview: null,
    outputs_preview: null,
    extra: extraOf(row, native),
    events: native?.["events"] ?? [],
    tags: tagsOf(row, native),
    serialized: native?.["serialized"] ?? null,
    trace_id: traceId,
    dotted_order: textAt(native, "dotted_order") ?? position?.dottedOrder ?? "",
    parent_run_id: textAt(native, "parent_run_id") ?? ancestors.at(-1) ?? null,
    parent_run_ids: [...ancestors],
    child_run_ids: null,
    session_id: sessionId,
    reference_example_id: textAt(row, "reference_example_id") ?? null,
    thread_id: textAt(row, "conversation_id") ?? null,
    ...usageOf(row),
    first_token_time: firstTokenOf(row),
    feedback_stats: null,
    in_dataset: null,
    share_token: null,
    manifest_id: textAt(native, "manifest_id") ?? null,
    inputs_s3_urls: null,
    outputs_s3_urls: null,
    s3_urls: filesOf(id, row["files"]),
    trace_tier: "longlived",
    app_path: `/o/${TENANT_ID}/projects/p/${sessionId}/r/${id}`,
    last_queued_at: null,
    inserted_at: timeOf(row["received_ns"]),
  };
}

/** `run` without what was not asked for; its id always stays. */
export function selected(run: RunFields, select: ReadonlySet<string> | undefined): RunFields {
  if (select === undefined) return run;
  return Object.fromEntries(Object.entries(run).filter(([field]) => field === "id" || select.has(field)));
}

/** A trace id of OTLP as LangSmith writes it. */
export function uuidOf(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

function usageOf(row: Row): RunFields {
  const prompt = Number(row["prompt_tokens"] ?? 0);
  const completion = Number(row["completion_tokens"] ?? 0);
  const input: RunFields = {};
  const output: RunFields = {};
  if (row["cache_read_tokens"] !== null) input["cache_read"] = Number(row["cache_read_tokens"]);
  if (row["cache_write_tokens"] !== null) input["cache_creation"] = Number(row["cache_write_tokens"]);
  if (row["reasoning_tokens"] !== null) output["reasoning"] = Number(row["reasoning_tokens"]);
  const cost = row["cost_usd"];
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_token_details: Object.keys(input).length === 0 ? null : input,
    completion_token_details: Object.keys(output).length === 0 ? null : output,
    // Decimal numbers travel as text in LangSmith's API.
    total_cost: typeof cost === "number" ? String(cost) : null,
    prompt_cost: null,
    completion_cost: null,
  };
}

function extraOf(row: Row, native: RunFields | undefined): RunValue {
  if (native !== undefined) return native["extra"] ?? {};
  const known = objectOf(jsonInColumn(row["metadata"])) ?? {};
  return {
    metadata: {
      ...(textAt(row, "provider") === undefined ? {} : { ls_provider: textAt(row, "provider") ?? null }),
      ...(textAt(row, "request_model") === undefined
        ? {}
        : { ls_model_name: textAt(row, "request_model") ?? null }),
      ...(textAt(row, "conversation_id") === undefined
        ? {}
        : { thread_id: textAt(row, "conversation_id") ?? null }),
      ...known,
    },
  };
}

function firstTokenOf(row: Row): string | null {
  const ms = row["time_to_first_token_ms"];
  const start = textAt(row, "start_ns");
  if (typeof ms !== "number" || start === undefined) return null;
  return nanosToRunTime(BigInt(start) + BigInt(Math.round(ms * 1e6)));
}

/** The runs above one in its dotted order. */
function ancestorsIn(dottedOrder: string | undefined): string[] {
  return (dottedOrder ?? "")
    .split(".")
    .slice(0, -1)
    .map((segment) => segment.slice(-36));
}

/** Where the run's files are served, as LangSmith's clients look for them. */
function filesOf(id: string, files: unknown): RunValue {
  if (typeof files !== "string") return null;
  const list = JSON.parse(files) as { readonly name: string; readonly mime_type: string }[];
  return Object.fromEntries(
    list.map(({ name, mime_type }) => {
      const url = `/runs/${id}/attachments/${encodeURIComponent(name)}`;
      return [`attachment.${name}`, { presigned_url: url, s3_url: url, mime_type }];
    }),
  );
}

function timeOf(nanos: unknown): string | null {
  return typeof nanos === "string" ? nanosToRunTime(BigInt(nanos)) : null;
}
