import { Bindings } from "../../../loop/index.js";
import { isRunId, type RunFields } from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { STATS_COLUMNS, statsOf } from "../projects/project-routes.js";
import { badField, json, notFound, RefusedCall, runsJson } from "../replies.js";
import { readFile, readOne, readPage, type RunSources } from "./run-pages.js";
import { conditionsOf, readRunQuery } from "./run-query.js";
import { selectsOf, v1Body, v2Run, v2Selected } from "./run-v2.js";
import { selected } from "./run-view.js";

/** Routes that read runs. */
export function runReadHandlers(sources: RunSources): Readonly<Record<string, Handler>> {
  const { reads, projects } = sources;
  return {
    readRun: async (call) => runsJson(200, await runAt(sources, call)),
    readRunAttachment: async ({ params }) => {
      const id = runIdOf(params);
      const file = await readFile(sources, id, params["name"] ?? "");
      if (file === undefined) throw notFound(`Attachment ${params["name"]} of run ${id}`);
      return {
        status: 200,
        contentType: MEDIA_TYPE.test(file.mimeType) ? file.mimeType : "application/octet-stream",
        // What a client uploaded must not run as a page of this server.
        headers: { "content-disposition": "attachment", "x-content-type-options": "nosniff" },
        body: file.content,
      };
    },
    queryRuns: async ({ request }) => {
      const query = await readRunQuery(objectBody(request.body), projects);
      const { runs, next } = await readPage(sources, query);
      const page = runs.map((run) => selected(run, query.select));
      return runsJson(200, {
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
      return runsJson(200, { items: runs.map((run) => v2Selected(v2Run(run), selects)), next_cursor: next });
    },
    readRunV2: async (call) => {
      const selects = call.request.query.getAll("selects").flatMap((text) => text.split(","));
      const more = call.request.query.getAll("selects[]");
      return runsJson(200, v2Selected(v2Run(await runAt(sources, call)), [...selects, ...more]));
    },
  };
}

async function runAt(sources: RunSources, { params }: Call): Promise<RunFields> {
  const id = runIdOf(params);
  const run = await readOne(sources, id);
  if (run === undefined) throw notFound(`Run ${id}`);
  return run;
}

/** What may be written into a header. */
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+$/;

function runIdOf(params: Call["params"]): string {
  const id = params["run_id"]?.toLowerCase();
  if (!isRunId(id)) throw badField(["path", "run_id"], "must be a UUID");
  return id;
}
