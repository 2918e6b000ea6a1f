import { ATTACHMENTS_COLUMN, Bindings, nativeRunOfRow } from "../../../loop/index.js";
import { type RunAttachment, type RunFields, runSpanId, runTraceId } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import type { ProjectNames } from "../projects/project-names.js";
import { feedbackStatsOf, spanKey } from "./feedback-stats.js";
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
): Promise<{ runs: RunFields[]; next: string | null }> {
  const { where, bindings, ascending, limit, select } = query;
  const way = ascending ? "ASC" : "DESC";
  // First which ones: sorting needs few columns, and the content of those that are not on the page is never read.
  const keys = await sources.reads.rows(
    `SELECT ${KEY_COLUMNS} FROM spans AS s WHERE ${where} ORDER BY ${ORDER_SQL} ${way}, s.run_id ${way} LIMIT ${limit + 1}`,
    bindings.params,
  );
  const page = keys.slice(0, limit);
  const last = page.at(-1);
  const more = keys.length > limit && last !== undefined;
  return {
    runs: await runsOf(sources, page, select),
    next: more ? cursorAfter(textAt(last, "start_ns") ?? "0", textAt(last, "run_id") ?? "") : null,
  };
}

/** The run with that id; undefined when there is none. */
export async function readOne(sources: RunSources, id: string): Promise<RunFields | undefined> {
  // A run's span follows from its id, but that of a root that came as a span, whose trace does. Both have indexes.
  const keys = await sources.reads.rows(
    `SELECT ${KEY_COLUMNS} FROM spans AS s WHERE s.span_id = $1 AND s.run_id = $3
UNION ALL SELECT ${KEY_COLUMNS} FROM spans AS s WHERE s.trace_id = $2 AND s.span_id <> $1 AND s.run_id = $3`,
    [runSpanId(id), runTraceId(id), id],
  );
  return (await runsOf(sources, keys.slice(0, 1)))[0];
}

/** A file of a run; undefined when there is none of that name. */
export async function readFile(
  { reads }: RunSources,
  id: string,
  name: string,
): Promise<RunAttachment | undefined> {
  const columns = `attributes['langsmith.run'] AS native_run, ${ATTACHMENTS_COLUMN}`;
  const [row] = await reads.rows(`SELECT ${columns} FROM spans WHERE span_id = $1 AND run_id = $2`, [
    runSpanId(id),
    id,
  ]);
  return row && nativeRunOfRow(row)?.attachments.find((file) => file.name === name);
}

const KEY_COLUMNS = "s.trace_id, s.span_id, s.run_id, epoch_ns(s.start_time)::VARCHAR AS start_ns";

/** Everything about these runs, in their order. */
async function rowsOf({ reads }: RunSources, keys: readonly Row[]): Promise<Row[]> {
  if (keys.length === 0) return [];
  const bindings = new Bindings();
  const anyOf = (column: string): string =>
    `s.${column} IN (${[...new Set(keys.map((key) => textAt(key, column) ?? ""))].map((text) => bindings.bind(text)).join(", ")})`;
  const found = await reads.rows(
    `SELECT ${RUN_COLUMNS} FROM spans AS s WHERE ${anyOf("trace_id")} AND ${anyOf("span_id")}`,
    bindings.params,
  );
  const byKey = new Map(found.map((row) => [spanKey(row), row]));
  return keys.flatMap((key): Row[] => {
    const row = byKey.get(spanKey(key));
    return row === undefined ? [] : [row];
  });
}

async function runsOf(
  sources: RunSources,
  keys: readonly Row[],
  select?: ReadonlySet<string>,
): Promise<RunFields[]> {
  const { reads, projects } = sources;
  await projects.load();
  const rows = await rowsOf(sources, keys);
  const wantsStats = select?.has("feedback_stats") ?? true;
  const [positions, stats] = await Promise.all([
    positionsOf(reads, rows),
    feedbackStatsOf(reads, wantsStats ? rows : []),
  ]);
  return rows.map((row) => {
    const id = textAt(row, "run_id") ?? "";
    return { ...runOfRow(row, projects, positions.get(id)), feedback_stats: stats.get(id) ?? null };
  });
}
