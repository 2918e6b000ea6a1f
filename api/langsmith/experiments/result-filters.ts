import { Bindings, type Rows } from "../../../loop/index.js";
import { EXPERIMENT_FILTERS_MAX, isRunId, objectOf, type RunRecord } from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { badField } from "../replies.js";
import type { RunSources } from "../runs/run-pages.js";
import { conditionsOf } from "../runs/run-query.js";

/** Filters of the runs of an experiment, in LangSmith's language, by the experiment's id. */
export type ResultFilters = ReadonlyMap<string, readonly string[]>;

/** By which feedback results are ordered. */
export interface ResultSort {
  readonly key: string;
  readonly descending: boolean;
}

/** Filters of a body; each must be about one of its experiments. Throws 422. */
export function filtersIn(body: RunRecord, experiments: readonly string[]): ResultFilters {
  const given = body["filters"] ?? {};
  const where = ["body", "filters"];
  if (typeof given !== "object" || Array.isArray(given)) throw badField(where, "must be an object");
  const filters = new Map<string, readonly string[]>();
  for (const [id, list] of Object.entries(given)) {
    if (!isRunId(id) || !experiments.includes(id.toLowerCase()))
      throw badField([...where, id], "must be the id of one of the experiments");
    if (!Array.isArray(list) || list.length > EXPERIMENT_FILTERS_MAX)
      throw badField([...where, id], `must be a list of at most ${EXPERIMENT_FILTERS_MAX} filters`);
    const texts = list.map((each, at) => {
      if (typeof each === "string" && each.trim() !== "") return each;
      throw badField([...where, id, at], "must be a filter");
    });
    if (texts.length > 0) filters.set(id.toLowerCase(), texts);
  }
  return filters;
}

/** Examples whose runs in each filtered experiment match all of its filters; undefined when nothing is filtered. */
export async function matchingExamples(
  { reads, projects }: Pick<RunSources, "reads" | "projects">,
  filters: ResultFilters,
): Promise<ReadonlySet<string> | undefined> {
  let matching: ReadonlySet<string> | undefined;
  for (const [session, texts] of filters) {
    const bindings = new Bindings();
    const [only = ""] = texts;
    const filter = texts.length === 1 ? only : `and(${texts.join(", ")})`;
    const where = await conditionsOf({ session: [session], is_root: true, filter }, bindings, projects);
    const rows = await reads.rows(
      `SELECT DISTINCT lower(s.attributes['langsmith.reference_example_id']) AS example FROM spans AS s
WHERE ${where.join(" AND ")} AND s.attributes['langsmith.reference_example_id'] IS NOT NULL`,
      bindings.params,
    );
    const found = rows.flatMap((row) => textAt(row, "example") ?? []);
    const before = matching;
    matching = new Set(before === undefined ? found : found.filter((id) => before.has(id)));
  }
  return matching;
}

/** Version 1's `{sort_by, sort_order}` or version 2's `{by, order}`; undefined for none. Throws 422. */
export function sortIn(
  body: RunRecord,
  field: "sort" | "sort_params",
  experiments: readonly string[],
): ResultSort | undefined {
  const sort = objectOf(body[field] ?? null);
  if (sort === undefined || Object.keys(sort).length === 0) return undefined;
  const [by, order] = field === "sort" ? ["by", "order"] : ["sort_by", "sort_order"];
  const key = typeof sort[by] === "string" ? sort[by].replace(/^feedback\./, "") : "";
  if (key === "")
    throw badField(["body", field, by], "must be the key of a feedback, as feedback.correctness");
  const way = sort[order] ?? "DESC";
  if (typeof way !== "string" || !/^(asc|desc)$/i.test(way))
    throw badField(["body", field, order], "must be ASC or DESC");
  if (experiments.length !== 1) throw badField(["body", field], "needs one experiment alone");
  return { key, descending: way.toUpperCase() === "DESC" };
}

/** The examples in the order of the mean scores of their runs in a project; those without a score come last, equal ones stay. */
export async function sortedByScore(
  rows: Rows,
  ids: readonly string[],
  { project, sort }: { readonly project: string; readonly sort: ResultSort },
): Promise<readonly string[]> {
  const found = await rows(
    `SELECT lower(s.attributes['langsmith.reference_example_id']) AS example, avg(f.score) AS score
FROM spans AS s JOIN feedback AS f ON f.trace_id = s.trace_id AND f.span_id = s.span_id
WHERE f.key = $1 AND f.score IS NOT NULL AND s.parent_span_id IS NULL AND s.project = $2 GROUP BY ALL`,
    [sort.key, project],
  );
  const scores = new Map(found.map(({ example, score }) => [example, Number(score)]));
  const way = sort.descending ? -1 : 1;
  return ids.toSorted((left, right) => {
    const [a, b] = [scores.get(left), scores.get(right)];
    if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
    if (a === b) return 0;
    return a < b ? -way : way;
  });
}
