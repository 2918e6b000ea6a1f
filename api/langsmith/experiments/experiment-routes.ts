import {
  type DatasetService,
  examplesOfExperiments,
  type Example,
  type FeedbackConfigCache,
  type Rows,
  scoreDeltas,
} from "../../../loop/index.js";
import {
  EXPERIMENT_SORT_MAX,
  isRunId,
  objectOf,
  type RunFields,
  type RunRecord,
} from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { datasetId } from "../datasets/dataset-routes.js";
import { exampleView } from "../datasets/dataset-view.js";
import { decodeOffset, encodeOffset, PAGE_MAX } from "../paging.js";
import { badField, json, notFound, RefusedCall, runsJson } from "../replies.js";
import { readPage, type RunSources } from "../runs/run-pages.js";
import { readRunQuery } from "../runs/run-query.js";
import {
  filtersIn,
  matchingExamples,
  type ResultFilters,
  type ResultSort,
  sortedByScore,
  sortIn,
} from "./result-filters.js";
import { selectsOf, v2Run, v2Selected } from "../runs/run-v2.js";

/** What the routes of experiments' results work with. */
export interface ExperimentParts {
  readonly datasets: DatasetService;
  readonly sources: RunSources;
  readonly configs: FeedbackConfigCache;
  readonly rows: Rows;
}

/** One example and its runs in some experiments. */
interface ExampleRuns {
  readonly example: Example;
  readonly runs: readonly RunFields[];
}

/** Routes that give the results of experiments, by example. */
export function experimentHandlers(parts: ExperimentParts): Readonly<Record<string, Handler>> {
  return {
    experimentRuns: async (call) => {
      const body = objectBody(call.request.body);
      const experiments = idsOf(body, "session_ids");
      notTaken(body, ["comparative_experiment_id"]);
      const page = { offset: wholeNumber(body, "offset", 0), limit: wholeNumber(body, "limit", PAGE_MAX) };
      const which = { filters: filtersIn(body, experiments), sort: sortIn(body, "sort_params", experiments) };
      const found = await resultsOf(parts, call, { experiments, ...page, ...which });
      return runsJson(
        200,
        found.map(({ example, runs }) => ({ ...exampleView(example), runs })),
      );
    },
    experimentRunsV2: async (call) => {
      const body = objectBody(call.request.body);
      const experiments = idsOf(body, "experiment_ids");
      notTaken(body, ["comparative_experiment_id"]);
      const only = body["example_ids"] === undefined ? undefined : idsOf(body, "example_ids");
      const limit = wholeNumber(body, "page_size", PAGE_MAX);
      // Its cursor would be the one that came, for ever.
      if (limit === 0) throw badField(["body", "page_size"], "must be at least 1");
      const offset = decodeOffset(body["cursor"], ["body", "cursor"]);
      const which = { only, filters: filtersIn(body, experiments), sort: sortIn(body, "sort", experiments) };
      const found = await resultsOf(parts, call, { experiments, offset, limit, ...which });
      const selects = selectsOf(body["selects"]);
      return runsJson(200, {
        items: found.map(({ example, runs }) => ({
          ...exampleView(example),
          runs: runs.map((run) => v2Selected(v2Run(run), selects)),
        })),
        next_cursor: found.length < Math.min(limit, PAGE_MAX) ? null : encodeOffset(offset + found.length),
      });
    },
    experimentDeltas: async (call) => {
      await parts.datasets.get(datasetId(call));
      const body = objectBody(call.request.body);
      const { baseline_session_id: baseline, feedback_key: key } = body;
      if (!isRunId(baseline)) throw badField(["body", "baseline_session_id"], "must be a UUID");
      if (typeof key !== "string" || key === "") throw badField(["body", "feedback_key"], "is required");
      notTaken(body, ["comparative_experiment_id"]);
      const others = idsOf(body, "comparison_session_ids");
      const filters = filtersIn(body, [baseline.toLowerCase(), ...others]);
      const names = await namesOf(parts, [baseline.toLowerCase(), ...others]);
      const config = (await parts.configs.byKey()).get(key);
      const deltas = await scoreDeltas(parts.rows, {
        baseline: names.get(baseline.toLowerCase()) ?? "",
        others: others.map((id) => names.get(id) ?? ""),
        key,
        lowerIsBetter: config?.data["is_lower_score_better"] === true,
      });
      const matching = await matchingExamples(parts.sources, filters);
      const chosen = (ids: readonly string[] = []): readonly string[] =>
        matching === undefined ? ids : ids.filter((id) => matching.has(id));
      const entries = others.map((id) => {
        const delta = deltas.get(names.get(id) ?? "");
        return [
          id,
          { improved_examples: chosen(delta?.improved), regressed_examples: chosen(delta?.regressed) },
        ];
      });
      return json(200, { feedback_deltas: Object.fromEntries(entries) });
    },
  };
}

/** Examples that the experiments have runs of, as they were when the first of them ran. */
async function resultsOf(
  parts: ExperimentParts,
  call: Call,
  query: {
    readonly experiments: readonly string[];
    readonly offset: number;
    readonly limit: number;
    readonly only?: readonly string[] | undefined;
    readonly filters: ResultFilters;
    readonly sort: ResultSort | undefined;
  },
): Promise<ExampleRuns[]> {
  const { datasets, sources, rows } = parts;
  const dataset = datasetId(call);
  await datasets.get(dataset);
  const names = await namesOf(parts, query.experiments);
  const all = await examplesOfExperiments(rows, [...names.values()]);
  const matching = await matchingExamples(sources, query.filters);
  const ids = all.filter((id) => query.only?.includes(id) !== false && matching?.has(id) !== false);
  const examples = await examplesOf(parts, { dataset, ids, project: [...names.values()][0] ?? "", ...query });
  const wanted = {
    session: [...query.experiments],
    reference_example: examples.map(({ id }) => id),
    is_root: true,
    order: "asc",
  };
  const byExample = new Map<string, RunFields[]>();
  let cursor: string | null = null;
  do {
    const body: RunRecord = cursor === null ? wanted : { ...wanted, cursor };
    const page = await readPage(sources, await readRunQuery(body, sources.projects));
    for (const run of page.runs) {
      const example = (textAt(run, "reference_example_id") ?? "").toLowerCase();
      byExample.set(example, [...(byExample.get(example) ?? []), run]);
    }
    cursor = page.next;
  } while (cursor !== null);
  return examples.map((example) => ({ example, runs: byExample.get(example.id) ?? [] }));
}

/** A page of these examples, as they were when the first experiment ran; in the order of scores where that is asked for. */
async function examplesOf(
  parts: ExperimentParts,
  query: {
    readonly dataset: string;
    readonly ids: readonly string[];
    readonly project: string;
    readonly experiments: readonly string[];
    readonly offset: number;
    readonly limit: number;
    readonly sort: ResultSort | undefined;
  },
): Promise<readonly Example[]> {
  const { datasets, rows } = parts;
  const { dataset: datasetId, ids, offset, sort, project } = query;
  const limit = Math.min(query.limit, PAGE_MAX);
  const asOf = await versionOf(parts, query.experiments[0] ?? "");
  const version = { datasetId, ...(asOf === undefined ? {} : { asOf }) };
  if (sort === undefined) return datasets.listExamples({ ...version, ids, offset, limit });
  if (ids.length > EXPERIMENT_SORT_MAX)
    throw badField(["body"], `sorts at most ${EXPERIMENT_SORT_MAX} examples; filter them`);
  // Examples that the version lacks have no place on a page.
  const there = await datasets.listExamples({ ...version, ids, offset: 0, limit: ids.length });
  const byId = new Map(there.map((example) => [example.id, example]));
  const order = await sortedByScore(rows, [...byId.keys()], { project, sort });
  return order.slice(offset, offset + limit).flatMap((id) => byId.get(id) ?? []);
}

/** The version of the dataset that an experiment says it ran over. */
async function versionOf({ rows }: ExperimentParts, experiment: string): Promise<string | undefined> {
  const [row] = await rows(
    "SELECT json_extract_string(extra, '$.metadata.dataset_version') AS version FROM projects WHERE id = $1",
    [experiment],
  );
  return textAt(row, "version");
}

/** Names of experiments by id. Throws 404 for one that is none. */
async function namesOf(
  { sources }: ExperimentParts,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const names = await sources.projects.resolve(ids);
  const missing = ids.find((id) => !names.has(id));
  if (missing !== undefined) throw notFound(`Experiment ${missing}`);
  return names;
}

/** What would change the answer and is not done is refused, not left out. */
function notTaken(body: RunRecord, fields: readonly string[]): void {
  for (const field of fields) {
    const value = body[field] ?? null;
    if (value === null || Object.keys(objectOf(value) ?? { given: value }).length === 0) continue;
    throw new RefusedCall(501, `Counterfoil does not take ${field} for the results of experiments yet.`);
  }
}

function idsOf(body: RunRecord, field: string): string[] {
  const list = body[field];
  if (!Array.isArray(list) || list.length === 0 || !list.every(isRunId))
    throw badField(["body", field], "must be a list of ids");
  return list.map((id) => id.toLowerCase());
}

function wholeNumber(body: RunRecord, field: string, fallback: number): number {
  const value = body[field] ?? fallback;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw badField(["body", field], "must be a whole number");
}
