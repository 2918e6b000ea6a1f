import type { RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import type { ProjectNames } from "../projects/project-names.js";
import { feedbackStatsOf } from "./feedback-stats.js";
import { positionsOf } from "./run-places.js";
import { cursorAfter, ORDER_SQL, type RunQuery } from "./run-query.js";
import { RUN_COLUMNS, runOfRow } from "./run-view.js";

/** What reading runs takes. */
export interface RunSources {
  readonly reads: MirrorReads;
  readonly projects: ProjectNames;
}

/** Runs of one page, whole, and the cursor of the next one; null when it was the last. */
export async function readPage(
  sources: RunSources,
  query: RunQuery,
): Promise<{ runs: RunRecord[]; next: string | null }> {
  const { where, bindings, ascending, limit } = query;
  const way = ascending ? "ASC" : "DESC";
  const rows = await sources.reads.rows(
    `SELECT ${RUN_COLUMNS} FROM spans AS s WHERE ${where} ORDER BY ${ORDER_SQL} ${way}, s.run_id ${way} LIMIT ${limit + 1}`,
    bindings.params,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    runs: await runsOf(sources, page),
    next: more ? cursorAfter(textAt(last, "start_ns") ?? "0", textAt(last, "run_id") ?? "") : null,
  };
}

/** The run with that id; undefined when there is none. */
export async function readOne(sources: RunSources, id: string): Promise<RunRecord | undefined> {
  const rows = await sources.reads.rows(`SELECT ${RUN_COLUMNS} FROM spans AS s WHERE s.run_id = $1 LIMIT 1`, [
    id,
  ]);
  return (await runsOf(sources, rows))[0];
}

async function runsOf({ reads, projects }: RunSources, rows: readonly Row[]): Promise<RunRecord[]> {
  await projects.load();
  const positions = await positionsOf(reads, rows);
  const stats = await feedbackStatsOf(reads, rows);
  return rows.map((row) => {
    const id = textAt(row, "run_id") ?? "";
    return { ...runOfRow(row, projects, positions.get(id)), feedback_stats: stats.get(id) ?? null };
  });
}
