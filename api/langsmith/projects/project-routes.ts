import {
  Bindings,
  DEFAULT_PROJECT,
  type ProjectRecord,
  type ProjectService,
  PROMPT_TOKENS_SQL,
} from "../../../loop/index.js";
import { isRunId, type RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import type { Handler } from "../call.js";
import { badField, json, notFound, RefusedCall } from "../replies.js";
import { objectBody } from "../body.js";
import { cursorOf, pageSizeOf, placeOf } from "../cursor.js";
import { pageOf } from "../paging.js";
import { TENANT_ID } from "../tenant.js";
import { projectId, type ProjectNames } from "./project-names.js";

const ROOT = "s.parent_span_id IS NULL";

/** What every answer says of a project. */
const BASE_COLUMNS = `strftime(min(s.start_time)::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS start_time,
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

/** What the routes of projects work with. */
export interface ProjectParts {
  readonly reads: MirrorReads;
  readonly service: ProjectService;
  readonly names: ProjectNames;
}

/** Routes of projects, which LangSmith's API calls sessions. Experiments are projects with a reference dataset. */
export function projectHandlers(parts: ProjectParts): Readonly<Record<string, Handler>> {
  const { service, names } = parts;
  return {
    listProjects: async ({ request }) => {
      const { query } = request;
      const found = (await projectsOf(parts, query.get("include_stats") === "true")).filter((project) =>
        matches(project, query),
      );
      found.sort(orderOf(query));
      return { ...json(200, pageOf(query, found)), headers: { "x-pagination-total": String(found.length) } };
    },
    readProject: async ({ params, request }) => {
      const stats = request.query.get("include_stats") !== "false";
      return json(200, await oneOf(parts, params["session_id"], stats));
    },
    createProject: async ({ request }) => {
      const { id, name, ...data } = objectBody(request.body);
      if (typeof name !== "string" || name === "") throw badField(["body", "name"], "is required");
      if (id !== undefined && id !== null && !isRunId(id)) throw badField(["body", "id"], "must be a UUID");
      const given = { start_time: new Date().toISOString(), ...present(data) };
      const project = { id: isRunId(id) ? id.toLowerCase() : projectId(name), name, data: given };
      const upsert = request.query.get("upsert") === "true";
      const written = await service.create(project, { upsert });
      names.note(written);
      return json(200, await oneOf(parts, written.id, false));
    },
    updateProject: async ({ request, params }) => {
      const { name, ...change } = objectBody(request.body);
      const there = await oneOf(parts, params["session_id"], false);
      const current = textAt(there, "name") ?? "";
      const data = { start_time: there["start_time"] ?? null };
      names.note(
        await service.update(
          { id: textAt(there, "id") ?? "", name: current, data: present(data) },
          { ...change, name: name ?? null },
        ),
      );
      return json(200, await oneOf(parts, params["session_id"], false));
    },
    deleteProject: async ({ params }) => {
      const there = await oneOf(parts, params["session_id"], false);
      const project = { id: textAt(there, "id") ?? "", name: textAt(there, "name") ?? "", data: {} };
      names.noteDeleted(await service.delete(project));
      return json(202, { message: `Project ${project.name} deleted` });
    },
    listProjectsV2: async ({ request }) => {
      const { query } = request;
      for (const name of ["filter", "stats_filter", "dataset_version", "tag_value_id"]) {
        if (query.has(name)) throw new RefusedCall(501, `Counterfoil does not choose projects by ${name}.`);
      }
      const types = [...query.getAll("type"), ...query.getAll("type[]")];
      const found = (await projectsOf(parts, query.get("include_stats") === "true"))
        .filter((project) => matches(project, v1Query(query)))
        .map((project) => ({ ...project, type: typeOf(project) }))
        .filter(({ type }) => types.length === 0 || types.includes(type));
      found.sort(orderOf(v1Query(query)));
      const size = pageSizeOf(query.get("page_size") ?? query.get("limit"), { most: 100, usual: 100 });
      const cursor = query.get("cursor");
      const from = cursor === null || cursor === "" ? 0 : Number(placeOf(cursor).time);
      const next = from + size < found.length ? cursorOf({ time: String(from + size), id: "next" }) : null;
      return json(200, { items: found.slice(from, from + size), next_cursor: next });
    },
  };
}

/** A version 2 query in the words of version 1. */
function v1Query(query: URLSearchParams): URLSearchParams {
  const words = new URLSearchParams();
  for (const [name, value] of query) {
    if (name === "reference_dataset_id" || name === "reference_dataset_id[]")
      words.append("reference_dataset", value);
    else if (name === "id[]") words.append("id", value);
    else if (name === "sort_by") words.append(name, value.toLowerCase());
    else if (name === "sort_order") words.append("sort_by_desc", String(value !== "asc"));
    else words.append(name, value);
  }
  return words;
}

function typeOf(project: RunRecord): string {
  return typeof project["reference_dataset_id"] === "string" ? "EXPERIMENT" : "PROJECT";
}

/** A project as LangSmith gives it, by its id. Throws 422 for what is no id, and 404. */
export async function oneOf(
  parts: ProjectParts,
  given: string | undefined,
  stats: boolean,
): Promise<RunRecord> {
  const id = given?.toLowerCase();
  if (!isRunId(id)) throw badField(["path", "session_id"], "must be a UUID");
  const found = (await projectsOf(parts, stats)).find((project) => project["id"] === id);
  if (found === undefined) throw notFound(`Project ${id}`);
  return found;
}

function present(data: RunRecord): RunRecord {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
}

/** Projects that runs name, and those that are written down. */
async function projectsOf(parts: ProjectParts, stats: boolean): Promise<RunRecord[]> {
  const columns = stats ? `${BASE_COLUMNS}, ${STATS_COLUMNS}` : BASE_COLUMNS;
  await parts.names.load();
  const bindings = new Bindings();
  const name = parts.names.currentNameSql(`coalesce(s.project, '${DEFAULT_PROJECT}')`, bindings);
  const rows = await parts.reads.rows(
    `SELECT ${name} AS name, ${columns} FROM spans AS s WHERE ${parts.names.shownSql("s", bindings)} GROUP BY 1`,
    bindings.params,
  );
  const records = await parts.service.list();
  const byName = new Map(rows.map((row) => [textAt(row, "name") ?? DEFAULT_PROJECT, row]));
  const known = new Set(records.map(({ name }) => name));
  const unwritten = [...byName.keys()].filter((name) => !known.has(name));
  return [
    ...records.map((record) => projectOf(record.name, record, { row: byName.get(record.name), stats })),
    ...unwritten.map((name) => projectOf(name, undefined, { row: byName.get(name), stats })),
  ];
}

/** A project as LangSmith gives it. */
function projectOf(
  name: string,
  record: ProjectRecord | undefined,
  { row, stats }: { readonly row: Row | undefined; readonly stats: boolean },
): RunRecord {
  const data = (record?.data ?? {}) as RunRecord;
  return {
    description: null,
    extra: {},
    reference_dataset_id: null,
    default_dataset_id: null,
    end_time: null,
    trace_tier: "longlived",
    feedback_stats: null,
    session_feedback_stats: null,
    run_facets: [],
    ...data,
    id: record?.id ?? projectId(name),
    tenant_id: TENANT_ID,
    name,
    start_time: data["start_time"] ?? textAt(row, "start_time") ?? null,
    last_run_start_time: textAt(row, "last_run_start_time") ?? null,
    last_run_start_time_live: null,
    ...(stats ? statsOf(row ?? {}) : {}),
  };
}

/** The figures of {@link STATS_COLUMNS}. */
export function statsOf(row: Row): RunRecord {
  const number = (column: string): number | null =>
    row[column] === null || row[column] === undefined ? null : Number(row[column]);
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
  const datasets = query.getAll("reference_dataset").map((id) => id.toLowerCase());
  const dataset = textAt(project, "reference_dataset_id");
  if (datasets.length > 0 && !datasets.includes(dataset?.toLowerCase() ?? "")) return false;
  const free = query.get("reference_free");
  if (free !== null && (free === "true") !== (dataset === undefined)) return false;
  if (!hasMetadata(project, query.get("metadata"))) return false;
  if (ids.length > 0 && !ids.includes(textAt(project, "id") ?? "")) return false;
  if (wanted !== null && wanted !== name) return false;
  return part === null || name.toLowerCase().includes(part.toLowerCase());
}

/** Whether `extra.metadata` has every entry of a JSON object. */
function hasMetadata(project: RunRecord, wanted: string | null): boolean {
  if (wanted === null) return true;
  const entries = Object.entries(objectBody(Buffer.from(wanted)));
  const extra = project["extra"] as RunRecord | null;
  const metadata = (extra?.["metadata"] ?? {}) as RunRecord;
  return entries.every(([key, value]) => JSON.stringify(metadata[key]) === JSON.stringify(value));
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
