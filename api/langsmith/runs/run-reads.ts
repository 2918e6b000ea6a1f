import { isRunId, type RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import type { Handler } from "../call.js";
import type { ProjectNames } from "../projects/project-names.js";
import { objectBody } from "../body.js";
import { badField, json, notFound } from "../replies.js";
import { cursorAfter, ORDER_SQL, readRunQuery, type RunQuery } from "./run-query.js";
import { positionsOf } from "./run-places.js";
import { RUN_COLUMNS, runOfRow, selected } from "./run-view.js";

/** Routes that read runs. */
export function runReadHandlers(
  reads: MirrorReads,
  projects: ProjectNames,
): Readonly<Record<string, Handler>> {
  return {
    readRun: async ({ params }) => {
      const id = params["run_id"]?.toLowerCase();
      if (!isRunId(id)) throw badField(["path", "run_id"], "must be a UUID");
      const [row] = await reads.rows(`SELECT ${RUN_COLUMNS} FROM spans AS s WHERE s.run_id = $1`, [id]);
      if (row === undefined) throw notFound(`Run ${id}`);
      return json(200, (await runsOf(reads, projects, [row]))[0]);
    },
    queryRuns: async ({ request }) => {
      const query = await readRunQuery(objectBody(request.body), projects);
      const { runs, next } = await pageOf(reads, projects, query);
      return json(200, { runs, cursors: { next, prev: null }, search_cursors: null, parsed_query: null });
    },
  };
}

/** Runs of one page, and the cursor of the next one; null when it was the last. */
async function pageOf(
  reads: MirrorReads,
  projects: ProjectNames,
  query: RunQuery,
): Promise<{ runs: RunRecord[]; next: string | null }> {
  const { where, bindings, ascending, limit, select } = query;
  const way = ascending ? "ASC" : "DESC";
  const rows = await reads.rows(
    `SELECT ${RUN_COLUMNS} FROM spans AS s WHERE ${where} ORDER BY ${ORDER_SQL} ${way}, s.run_id ${way} LIMIT ${limit + 1}`,
    bindings.params,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  const runs = await runsOf(reads, projects, page);
  return {
    runs: runs.map((run) => selected(run, select)),
    next: more ? cursorAfter(textAt(last, "start_ns") ?? "0", textAt(last, "run_id") ?? "") : null,
  };
}

async function runsOf(
  reads: MirrorReads,
  projects: ProjectNames,
  rows: readonly Row[],
): Promise<RunRecord[]> {
  await projects.load();
  const positions = await positionsOf(reads, rows);
  return rows.map((row) => runOfRow(row, projects, positions.get(textAt(row, "run_id") ?? "")));
}
