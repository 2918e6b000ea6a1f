import { isRunId, type RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import type { Handler } from "../call.js";
import { DEFAULT_PROJECT, PROMPT_TOKENS_SQL } from "../filter/fields.js";
import { badField, json, notFound } from "../replies.js";
import { TENANT_ID } from "../tenant.js";
import { projectId } from "./project-names.js";

/** Projects in one page. */
const LIMIT_MAX = 100;

const NAME = `coalesce(s.project, '${DEFAULT_PROJECT}')`;
const ROOT = "s.parent_span_id IS NULL";

/** What every answer says of a project. */
const BASE_COLUMNS = `${NAME} AS name, strftime(min(s.start_time)::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS start_time,
  strftime(max(s.start_time) FILTER (${ROOT})::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS last_run_start_time`;

/** Figures over the runs of a group; those of traces are over their roots. Times in seconds. */
export const STATS_COLUMNS = `count(*) FILTER (${ROOT}) AS run_count,
  quantile_cont(s.duration_ns / 1e9, 0.5) FILTER (${ROOT}) AS latency_p50,
  quantile_cont(s.duration_ns / 1e9, 0.99) FILTER (${ROOT}) AS latency_p99,
  quantile_cont(s.time_to_first_token_ms / 1e3, 0.5) AS first_token_p50,
  quantile_cont(s.time_to_first_token_ms / 1e3, 0.99) AS first_token_p99,
  sum(${PROMPT_TOKENS_SQL}) FILTER (coalesce(s.usage_scope, 'own') = 'own') AS prompt_tokens,
  sum(s.output_tokens) FILTER (coalesce(s.usage_scope, 'own') = 'own') AS completion_tokens,
  sum(s.cost_usd) FILTER (coalesce(s.usage_scope, 'own') = 'own') AS total_cost,
  avg(CASE WHEN s.status_code = 'ERROR' THEN 1.0 ELSE 0.0 END) FILTER (${ROOT}) AS error_rate,
  avg(CASE WHEN s.time_to_first_token_ms IS NULL THEN 0.0 ELSE 1.0 END) FILTER (s.run_type = 'llm') AS streaming_rate`;

/** Routes that read projects. */
export function projectHandlers(reads: MirrorReads): Readonly<Record<string, Handler>> {
  return {
    listProjects: async ({ request }) => {
      const { query } = request;
      const stats = query.get("include_stats") === "true";
      const all = (await projectRows(reads, stats)).map((row) => projectOf(row, stats));
      const found = all.filter((project) => matches(project, query));
      found.sort(orderOf(query));
      const offset = numberOf(query, "offset", 0);
      const page = found.slice(offset, offset + Math.min(numberOf(query, "limit", LIMIT_MAX), LIMIT_MAX));
      return { ...json(200, page), headers: { "x-pagination-total": String(found.length) } };
    },
    readProject: async ({ params, request }) => {
      const id = params["session_id"]?.toLowerCase();
      if (!isRunId(id)) throw badField(["path", "session_id"], "must be a UUID");
      const stats = request.query.get("include_stats") !== "false";
      const row = (await projectRows(reads, stats)).find(
        (each) => projectId(textAt(each, "name") ?? "") === id,
      );
      if (row === undefined) throw notFound(`Project ${id}`);
      return json(200, projectOf(row, stats));
    },
  };
}

function projectRows(reads: MirrorReads, stats: boolean): Promise<readonly Row[]> {
  const columns = stats ? `${BASE_COLUMNS}, ${STATS_COLUMNS}` : BASE_COLUMNS;
  return reads.rows(`SELECT ${columns} FROM spans AS s GROUP BY ${NAME}`);
}

/** A project as LangSmith gives it. */
function projectOf(row: Row, stats: boolean): RunRecord {
  const name = textAt(row, "name") ?? DEFAULT_PROJECT;
  return {
    id: projectId(name),
    tenant_id: TENANT_ID,
    name,
    start_time: textAt(row, "start_time") ?? null,
    end_time: null,
    description: null,
    extra: {},
    reference_dataset_id: null,
    default_dataset_id: null,
    trace_tier: "longlived",
    last_run_start_time: textAt(row, "last_run_start_time") ?? null,
    last_run_start_time_live: null,
    feedback_stats: null,
    session_feedback_stats: null,
    run_facets: [],
    ...(stats ? statsOf(row) : {}),
  };
}

/** The figures of {@link STATS_COLUMNS}. */
export function statsOf(row: Row): RunRecord {
  const number = (column: string): number | null => (row[column] === null ? null : Number(row[column]));
  const prompt = number("prompt_tokens") ?? 0;
  const completion = number("completion_tokens") ?? 0;
  const cost = number("total_cost");
  return {
    run_count: number("run_count") ?? 0,
    latency_p50: number("latency_p50"),
    latency_p99: number("latency_p99"),
    first_token_p50: number("first_token_p50"),
    first_token_p99: number("first_token_p99"),
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_cost: null,
    completion_cost: null,
    total_cost: cost === null ? null : String(cost),
    error_rate: number("error_rate"),
    streaming_rate: number("streaming_rate"),
  };
}

function matches(project: RunRecord, query: URLSearchParams): boolean {
  const name = textAt(project, "name") ?? "";
  const ids = query.getAll("id").map((id) => id.toLowerCase());
  const wanted = query.get("name");
  const part = query.get("name_contains");
  // Projects that runs alone make are no experiments: they have no dataset.
  if (query.has("reference_dataset") || query.get("reference_free") === "false") return false;
  if (ids.length > 0 && !ids.includes(textAt(project, "id") ?? "")) return false;
  if (wanted !== null && wanted !== name) return false;
  return part === null || name.toLowerCase().includes(part.toLowerCase());
}

function orderOf(query: URLSearchParams): (left: RunRecord, right: RunRecord) => number {
  const field = query.get("sort_by") ?? "last_run_start_time";
  const way = query.get("sort_by_desc") === "false" ? 1 : -1;
  const key = (project: RunRecord): string | number => {
    const value = project[field];
    return typeof value === "number" || typeof value === "string" ? value : "";
  };
  return (left, right) => {
    const [a, b] = [key(left), key(right)];
    return a === b ? 0 : a < b ? -way : way;
  };
}

function numberOf(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw badField(["query", name], "must be a whole number");
  return value;
}
