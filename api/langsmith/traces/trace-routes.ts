import { isRunId, type RunRecord, TRACE_REPAIR_SPANS_MAX } from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { badField, RefusedCall, runsJson } from "../replies.js";
import { readPage, type RunSources } from "../runs/run-pages.js";
import { readRunQuery } from "../runs/run-query.js";
import { selectsOf, v1Body, v2Run, v2Selected } from "../runs/run-v2.js";
import { traceTotals } from "./trace-totals.js";

/** Routes of traces in version 2. */
export function traceHandlers(sources: RunSources): Readonly<Record<string, Handler>> {
  return {
    queryTraces: async ({ request }) => {
      const given = objectBody(request.body);
      if (typeof given["ai_search"] === "string" && given["ai_search"] !== "") {
        throw new RefusedCall(
          501,
          "Counterfoil does not have ai_search; trace_filter and tree_filter choose traces.",
        );
      }
      const { project_id: project, trace_ids: traces, ...rest } = given;
      if (!isRunId(project))
        throw badField(["body", "project_id"], "is required, and must be the id of a project");
      const wish: RunRecord = {
        ...rest,
        project_ids: [project],
        is_root: true,
        // Named traces are found whenever they were.
        ...(Array.isArray(traces) ? { trace_id: traces } : {}),
      };
      const { body, pageSize } = v1Body(wish, Date.now());
      const query = { ...(await readRunQuery(body, sources.projects)), limit: pageSize };
      const { runs, next } = await readPage(sources, query);
      const totals = await traceTotals(sources.reads, runs);
      const selects = selectsOf(given["selects"]);
      const items = runs.map((run) => {
        const { total_tokens, total_cost, first_token_time } =
          totals.get(textAt(run, "trace_id") ?? "") ?? {};
        return {
          root_run: v2Selected(v2Run(run), selects),
          trace_aggregates: { total_tokens, total_cost, first_token_time },
          query_metadata: null,
        };
      });
      return runsJson(200, { items, next_cursor: next });
    },
    traceRuns: async ({ request, params }) => {
      const { query } = request;
      const trace = params["trace_id"];
      if (!isRunId(trace)) throw badField(["path", "trace_id"], "must be a UUID");
      const project = query.get("project_id");
      const wish: RunRecord = {
        trace,
        session: project === null ? null : [project],
        order: "asc",
        filter: query.get("filter"),
        start_time: query.get("min_start_time"),
        max_start_time: query.get("max_start_time"),
      };
      const asked = await readRunQuery(wish, sources.projects);
      const { runs } = await readPage(sources, { ...asked, limit: TRACE_REPAIR_SPANS_MAX });
      const selects = [...query.getAll("selects"), ...query.getAll("selects[]")].flatMap((text) =>
        text.split(","),
      );
      return runsJson(200, { items: runs.map((run) => v2Selected(v2Run(run), selects)) });
    },
  };
}
