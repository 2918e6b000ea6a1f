import { Bindings, DEFAULT_PROJECT, filterSql, parseFilter } from "../../../loop/index.js";
import { isRunId, type RunJson, runTimeNanos } from "../../../schema/index.js";
import type { ProjectNames } from "../projects/project-names.js";
import { badField } from "../replies.js";

/** Which traces a request is about; every field as the request has it, null or undefined when it has none. */
export interface TraceWish {
  readonly projectId: RunJson | undefined;
  /** Inclusive. */
  readonly since?: RunJson | undefined;
  /** Exclusive. */
  readonly until?: RunJson | undefined;
  /** Filters of root runs. */
  readonly rootFilters: readonly (RunJson | undefined)[];
  /** Filter of any run of the trace. */
  readonly treeFilter?: RunJson | undefined;
}

/** Names of a request's fields, for its errors. */
export interface TraceWishNames {
  readonly projectId: string;
  readonly since?: string;
  readonly until?: string;
}

/** A condition over rows `t` of the view `traces`, with its values. */
export interface TraceScope {
  readonly where: string;
  readonly bindings: Bindings;
}

/** Reads which traces a request is about. Throws 422 for wrong fields and 400 for wrong filters. */
export async function traceScope(
  wish: TraceWish,
  projects: ProjectNames,
  names: TraceWishNames,
): Promise<TraceScope> {
  const bindings = new Bindings();
  const conditions = [
    await projectCondition(wish.projectId, projects, { bindings, field: names.projectId }),
    projects.shownSql("t", bindings),
  ];
  for (const [value, operator, field] of [
    [wish.since, ">=", names.since],
    [wish.until, "<", names.until],
  ] as const) {
    if (value === undefined || value === null) continue;
    const nanos = runTimeNanos(value);
    if (nanos === undefined) throw badField(["body", field ?? ""], "must be a time");
    conditions.push(`t.start_time ${operator} ${bindings.time(nanos)}`);
  }
  for (const filter of wish.rootFilters) {
    const sql = filterOf(filter, bindings);
    if (sql !== undefined)
      conditions.push(`t.trace_id IN (${runsWhere(`s.parent_span_id IS NULL AND ${sql}`)})`);
  }
  const tree = filterOf(wish.treeFilter, bindings);
  if (tree !== undefined) conditions.push(`t.trace_id IN (${runsWhere(tree)})`);
  return { where: conditions.join(" AND "), bindings };
}

async function projectCondition(
  id: RunJson | undefined,
  projects: ProjectNames,
  { bindings, field }: { readonly bindings: Bindings; readonly field: string },
): Promise<string> {
  if (!isRunId(id)) throw badField(["body", field], "is required, and must be the id of a project");
  const names = await projects.namesOf([id]);
  if (names.length === 0) return "false";
  return `coalesce(t.project, '${DEFAULT_PROJECT}') IN (${names.map((name) => bindings.bind(name)).join(", ")})`;
}

function runsWhere(condition: string): string {
  return `SELECT s.trace_id FROM spans AS s WHERE ${condition}`;
}

function filterOf(filter: RunJson | undefined, bindings: Bindings): string | undefined {
  if (filter === undefined || filter === null || filter === "") return undefined;
  if (typeof filter !== "string") throw badField(["body", "filter"], "must be a text");
  return filterSql(parseFilter(filter), bindings);
}
