import { Bindings, DEFAULT_PROJECT, filterSql, parseFilter } from "../../../loop/index.js";
import { isRunId, type RunJson, type RunRecord, runSpanId, runTimeNanos } from "../../../schema/index.js";
import { placeOf } from "../cursor.js";
import type { ProjectNames } from "../projects/project-names.js";
import { badField } from "../replies.js";

/** A query of runs, ready to be run over the view `spans` as `s`. */
export interface RunQuery {
  readonly where: string;
  readonly bindings: Bindings;
  readonly ascending: boolean;
  readonly limit: number;
  /** Whether the newest are wanted and nothing says which or when: then they are looked for among the newest first. */
  readonly anywhere: boolean;
  /** Fields of a run to give; undefined for all. */
  readonly select: ReadonlySet<string> | undefined;
}

/** Runs in one page of version 1. */
const LIMIT_MAX = 100;

/**
 * Reads the body of `POST /runs/query`; `more` are conditions of the caller's own. Throws 422 and 400 for what is wrong
 * in the body.
 */
export async function readRunQuery(
  body: RunRecord,
  projects: ProjectNames,
  more: (bindings: Bindings) => readonly string[] = () => [],
): Promise<RunQuery> {
  const bindings = new Bindings();
  const conditions = [...(await conditionsOf(body, bindings, projects)), ...more(bindings)];
  const ascending = orderOf(body["order"]);
  const cursor = body["cursor"];
  if (cursor !== undefined && cursor !== null) conditions.push(afterSql(cursor, ascending, bindings));
  return {
    where: conditions.length === 0 ? "true" : conditions.join(" AND "),
    bindings,
    ascending,
    limit: limitOf(body["limit"]),
    anywhere: !ascending && NARROWING.every((field) => (body[field] ?? null) === null),
    select: selectOf(body["select"]),
  };
}

/** What names few runs, or other times than the last: the newest spans need not have them. */
const NARROWING = ["cursor", "id", "trace", "parent_run", "end_time", "max_start_time", "reference_example"];

/** What chooses the runs, without order and page: statistics use it, too. */
export async function conditionsOf(
  body: RunRecord,
  bindings: Bindings,
  projects: ProjectNames,
): Promise<string[]> {
  await projects.load();
  const conditions = [projects.shownSql("s", bindings)];
  const anyOf = (sql: string, values: readonly string[] | undefined): void => {
    if (values === undefined) return;
    conditions.push(
      values.length === 0 ? "false" : `${sql} IN (${values.map((each) => bindings.bind(each)).join(", ")})`,
    );
  };
  const sessions = idsOf(body, "session");
  if (sessions !== undefined) {
    const names = await projects.namesOf(sessions);
    conditions.push(projectSql(names, bindings));
  }
  anyOf("s.run_id", idsOf(body, "id"));
  anyOf(
    "s.trace_id",
    idsOf(body, "trace")?.map((id) => id.replaceAll("-", "")),
  );
  anyOf("s.attributes['langsmith.reference_example_id']", idsOf(body, "reference_example"));
  const parents = idsOf(body, "parent_run");
  if (parents !== undefined) conditions.push(parentSql(parents, bindings));
  const types = textsOf(body, "run_type")?.map((type) => type.toLowerCase());
  anyOf("coalesce(s.run_type, 'chain')", types);
  timeCondition(body, "start_time", ">=", { bindings, conditions });
  timeCondition(body, "end_time", "<=", { bindings, conditions });
  // Version 2 bounds the start on both sides.
  timeCondition(body, "max_start_time", "<=", { bindings, conditions });
  conditions.push(...feedbackTimeConditions(body, bindings));
  const [dataset] = idsOf(body, "reference_dataset") ?? [];
  if (dataset !== undefined) {
    conditions.push(
      `coalesce(s.project, '${DEFAULT_PROJECT}') IN (SELECT name FROM projects WHERE lower(reference_dataset_id) = ${bindings.bind(dataset)})`,
    );
  }
  const error = body["error"];
  if (typeof error === "boolean")
    conditions.push(error ? "s.status_code = 'ERROR'" : "s.status_code IS DISTINCT FROM 'ERROR'");
  const isRoot = body["execution_order"] === 1 ? true : body["is_root"];
  if (typeof isRoot === "boolean") conditions.push(`s.parent_span_id IS ${isRoot ? "" : "NOT "}NULL`);
  conditions.push(...filterConditions(body, bindings));
  return conditions;
}

/**
 * Runs of projects with these names. Not over an expression where it can be helped: of a plain column DuckDB knows what
 * each part of a file has.
 */
export function projectSql(names: readonly string[], bindings: Bindings): string {
  if (names.length === 0) return "false";
  const named = `s.project IN (${names.map((name) => bindings.bind(name)).join(", ")})`;
  return names.includes(DEFAULT_PROJECT) ? `(${named} OR s.project IS NULL)` : named;
}

function filterConditions(body: RunRecord, bindings: Bindings): string[] {
  const conditions: string[] = [];
  const search = textOf(body, "query") ?? textOf(body, "search_filter");
  if (search !== undefined) {
    const node = { kind: "call", name: "search", args: [{ kind: "value", value: search }] } as const;
    conditions.push(filterSql(node, bindings));
  }
  const filter = textOf(body, "filter");
  if (filter !== undefined) conditions.push(filterSql(parseFilter(filter), bindings));
  for (const [field, more] of [
    ["trace_filter", " AND s.parent_span_id IS NULL"],
    ["tree_filter", ""],
  ] as const) {
    const text = textOf(body, field);
    if (text === undefined) continue;
    // The subquery has an `s` of its own: the run of the same trace that the condition is about.
    conditions.push(
      `s.trace_id IN (SELECT s.trace_id FROM spans AS s WHERE ${filterSql(parseFilter(text), bindings)}${more})`,
    );
  }
  return conditions;
}

/** Children of a run: their parent is its span, in its trace where it is the root of one. */
function parentSql(ids: readonly string[], bindings: Bindings): string {
  const each = ids.map((id) => {
    const root = `(s.trace_id = ${bindings.bind(id.replaceAll("-", ""))} AND s.parent_span_id IN (SELECT span_id FROM spans WHERE trace_id = ${bindings.bind(id.replaceAll("-", ""))} AND parent_span_id IS NULL))`;
    return `(s.parent_span_id = ${bindings.bind(runSpanId(id))} OR ${root})`;
  });
  return each.length === 0 ? "false" : `(${each.join(" OR ")})`;
}

interface Conditions {
  readonly bindings: Bindings;
  readonly conditions: string[];
}

function timeCondition(
  body: RunRecord,
  field: "start_time" | "end_time" | "max_start_time",
  operator: string,
  to: Conditions,
): void {
  const value = body[field];
  if (value === undefined || value === null) return;
  const nanos = runTimeNanos(value);
  if (nanos === undefined) throw badField(["body", field], "must be a time");
  to.conditions.push(`s.${field.replace("max_", "")} ${operator} ${to.bindings.time(nanos)}`);
}

/** When feedback on the run was last changed. */
function feedbackTimeConditions(body: RunRecord, bindings: Bindings): string[] {
  const bounds = (["min", "max"] as const).flatMap((which) => {
    const field = `${which}_feedback_modified_at`;
    const value = body[field];
    if (value === undefined || value === null) return [];
    const nanos = runTimeNanos(value);
    if (nanos === undefined) throw badField(["body", field], "must be a time");
    return [`coalesce(f.modified_at, f.time) ${which === "min" ? ">=" : "<="} ${bindings.time(nanos)}`];
  });
  if (bounds.length === 0) return [];
  return [
    `EXISTS (SELECT 1 FROM feedback AS f WHERE f.trace_id = s.trace_id AND f.span_id = s.span_id AND ${bounds.join(" AND ")})`,
  ];
}

/** Order of pages: by start, runs of one moment by id. A run without a start comes as the oldest. */
const ORDER_SQL = "coalesce(s.start_time, make_timestamp_ns(0))";

function afterSql(cursor: RunJson, ascending: boolean, bindings: Bindings): string {
  const place = placeOf(cursor);
  const time = bindings.time(BigInt(place.time));
  const way = ascending ? ">" : "<";
  return `(${ORDER_SQL} ${way} ${time} OR (${ORDER_SQL} = ${time} AND s.run_id ${way} ${bindings.bind(place.id)}))`;
}

function orderOf(order: RunJson | undefined): boolean {
  if (order === undefined || order === null || order === "desc") return false;
  if (order === "asc") return true;
  throw badField(["body", "order"], "must be asc or desc");
}

function limitOf(limit: RunJson | undefined): number {
  if (limit === undefined || limit === null) return LIMIT_MAX;
  if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1) {
    throw badField(["body", "limit"], "must be a whole number of at least 1");
  }
  // LangSmith refuses more than a page, but its clients pass a caller's limit on and then read page after page.
  return Math.min(limit, LIMIT_MAX);
}

function selectOf(select: RunJson | undefined): ReadonlySet<string> | undefined {
  if (select === undefined || select === null) return undefined;
  if (Array.isArray(select) && select.every((field) => typeof field === "string")) return new Set(select);
  throw badField(["body", "select"], "must be a list of fields");
}

function textsOf(body: RunRecord, field: string): string[] | undefined {
  const value = body[field];
  if (value === undefined || value === null) return undefined;
  const list = Array.isArray(value) ? value : [value];
  if (list.every((item) => typeof item === "string")) return list;
  throw badField(["body", field], "must be a list of texts");
}

function idsOf(body: RunRecord, field: string): string[] | undefined {
  const list = textsOf(body, field);
  for (const [at, id] of (list ?? []).entries()) {
    if (!isRunId(id)) throw badField(["body", field, at], "must be a UUID");
  }
  return list?.map((id) => id.toLowerCase());
}

function textOf(body: RunRecord, field: string): string | undefined {
  const value = body[field];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") return value;
  throw badField(["body", field], "must be a text");
}
