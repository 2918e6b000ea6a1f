import { Bindings } from "../../../loop/index.js";
import { isRunId, type RunRecord } from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { STATS_COLUMNS, statsOf } from "../projects/project-routes.js";
import { badField, json, notFound, RefusedCall } from "../replies.js";
import { readOne, readPage, type RunSources } from "./run-pages.js";
import { conditionsOf, readRunQuery } from "./run-query.js";
import { selectsOf, v1Body, v2Run, v2Selected } from "./run-v2.js";
import { selected } from "./run-view.js";

/** Routes that read runs. */
export function runReadHandlers(sources: RunSources): Readonly<Record<string, Handler>> {
  const { reads, projects } = sources;
  return {
    readRun: async (call) => json(200, await runAt(sources, call)),
    queryRuns: async ({ request }) => {
      const query = await readRunQuery(objectBody(request.body), projects);
      const { runs, next } = await readPage(sources, query);
      const page = runs.map((run) => selected(run, query.select));
      return json(200, {
        runs: page,
        cursors: { next, prev: null },
        search_cursors: null,
        parsed_query: null,
      });
    },
    runStats: async ({ request }) => {
      const body = objectBody(request.body);
      if (body["group_by"] !== undefined && body["group_by"] !== null) {
        throw new RefusedCall(501, "Counterfoil does not group statistics of runs yet (group_by).");
      }
      const bindings = new Bindings();
      const conditions = await conditionsOf(body, bindings, projects);
      const where = conditions.length === 0 ? "true" : conditions.join(" AND ");
      const [row] = await reads.rows(
        `SELECT ${STATS_COLUMNS}, count(*) AS chosen, strftime(max(s.start_time)::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS last_run_start_time
FROM spans AS s WHERE ${where}`,
        bindings.params,
      );
      // Here all runs that were chosen count, not only roots.
      const stats = { ...statsOf(row ?? {}), run_count: Number(row?.["chosen"] ?? 0) };
      return json(200, {
        ...stats,
        last_run_start_time: row?.["last_run_start_time"] ?? null,
        run_facets: [],
      });
    },
    queryRunsV2: async ({ request }) => {
      const given = objectBody(request.body);
      const { body, pageSize } = v1Body(given, Date.now());
      const query = { ...(await readRunQuery(body, projects)), limit: pageSize };
      const { runs, next } = await readPage(sources, query);
      const selects = selectsOf(given["selects"]);
      return json(200, { items: runs.map((run) => v2Selected(v2Run(run), selects)), next_cursor: next });
    },
    readRunV2: async (call) => {
      const selects = call.request.query.getAll("selects").flatMap((text) => text.split(","));
      const more = call.request.query.getAll("selects[]");
      return json(200, v2Selected(v2Run(await runAt(sources, call)), [...selects, ...more]));
    },
  };
}

async function runAt(sources: RunSources, { params }: Call): Promise<RunRecord> {
  const id = params["run_id"]?.toLowerCase();
  if (!isRunId(id)) throw badField(["path", "run_id"], "must be a UUID");
  const run = await readOne(sources, id);
  if (run === undefined) throw notFound(`Run ${id}`);
  return run;
}
