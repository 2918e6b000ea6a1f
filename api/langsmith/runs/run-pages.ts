import { ATTACHMENTS_COLUMN, Bindings, nativeRunOfRow, type ShareService } from "../../../loop/index.js";
import { type RunAttachment, type RunFields, runSpanId, runTraceId } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import { cursorOf } from "../cursor.js";
import type { ProjectNames } from "../projects/project-names.js";
import { feedbackStatsOf, spanKey } from "./feedback-stats.js";
import { positionsOf } from "./run-places.js";
import type { RunQuery } from "./run-query.js";
import { RUN_COLUMNS, runOfRow } from "./run-view.js";

/** What reading runs takes. */
export interface RunSources {
  readonly reads: MirrorReads;
  readonly projects: ProjectNames;
  readonly shares: ShareService;
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
    `SELECT ${KEY_COLUMNS} FROM spans AS s WHERE ${where} ORDER BY s.start_time ${way} NULLS ${ascending ? "FIRST" : "LAST"}, s.run_id ${way} LIMIT ${limit + 1}`,
    bindings.params,
  );
  const page = keys.slice(0, limit);
  const last = page.at(-1);
  const more = keys.length > limit && last !== undefined;
  return {
    runs: await runsOf(sources, page, select),
    next: more ? cursorOf({ time: textAt(last, "start_ns") ?? "0", id: textAt(last, "run_id") ?? "" }) : null,
  };
}

/** The run with that id; undefined when there is none. */
export async function readOne(sources: RunSources, id: string): Promise<RunFields | undefined> {
  const key = await keyOf(sources, id);
  return key && (await runsOf(sources, [key]))[0];
}

async function keyOf({ reads, projects }: RunSources, id: string): Promise<Row | undefined> {
  await projects.load();
  for (const condition of waysToRun(id)) {
    const bindings = new Bindings();
    const where = [condition(bindings), `s.run_id = ${bindings.bind(id)}`, projects.shownSql("s", bindings)];
    const [key] = await reads.rows(
      `SELECT ${KEY_COLUMNS} FROM spans AS s WHERE ${where.join(" AND ")} LIMIT 1`,
      bindings.params,
    );
    if (key !== undefined) return key;
  }
  return undefined;
}

/**
 * Where a run can be, the cheapest first. A root's trace follows from its id, and traces have indexes. A run's span follows
 * from its id, too; the ids of LangSmith's clients (UUID version 7) also tell about when it started.
 */
function waysToRun(id: string): ((bindings: Bindings) => string)[] {
  const isSpan = (bindings: Bindings): string => `s.span_id = ${bindings.bind(runSpanId(id))}`;
  const ms = id[14] === "7" ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : Number.NaN;
  const near = (bindings: Bindings): string => {
    const at = (offset: number): string => bindings.time(BigInt(Math.max(1, ms + offset)) * 1_000_000n);
    return `${isSpan(bindings)} AND s.start_time >= ${at(-HOUR_MS)} AND s.start_time <= ${at(HOUR_MS)}`;
  };
  const root = (bindings: Bindings): string => `s.trace_id = ${bindings.bind(runTraceId(id))}`;
  return [root, ...(ms < TIME_MS_MAX ? [near] : []), isSpan];
}

const HOUR_MS = 3_600_000;
/** Times of the mirror end in 2262. */
const TIME_MS_MAX = 9_200_000_000_000;

/** A file of a run; undefined when there is none of that name. */
export async function readFile(
  sources: RunSources,
  id: string,
  name: string,
): Promise<RunAttachment | undefined> {
  const key = await keyOf(sources, id);
  if (key === undefined) return undefined;
  const [row] = await sources.reads.rows(
    `SELECT attributes['langsmith.run'] AS native_run, ${ATTACHMENTS_COLUMN} FROM spans WHERE trace_id = $1 AND span_id = $2`,
    [textAt(key, "trace_id") ?? "", textAt(key, "span_id") ?? ""],
  );
  return row && nativeRunOfRow(row)?.attachments.find((file) => file.name === name);
}

const NAMED_SPANS_MAX = 1_000;
const KEY_COLUMNS =
  "s.trace_id, s.span_id, s.parent_span_id, s.source, s.run_id, epoch_ns(s.start_time)::VARCHAR AS start_ns";

/** Everything about these runs, in their order. */
async function rowsOf({ reads }: RunSources, keys: readonly Row[]): Promise<Row[]> {
  if (keys.length === 0) return [];
  const bindings = new Bindings();
  const traces = new Set(keys.map((key) => key["trace_id"]));
  // Of a whole trace there are too many to name each.
  const named = traces.size > 1 || keys.length <= NAMED_SPANS_MAX;
  const anyOf = (column: string): string =>
    `s.${column} IN (${[...new Set(keys.map((key) => textAt(key, column) ?? ""))].map((text) => bindings.bind(text)).join(", ")})`;
  const conditions = [
    anyOf("trace_id"),
    ...(named ? [anyOf("span_id")] : []),
    ...startsWithin(keys, bindings),
  ];
  const found = await reads.rows(
    `SELECT ${RUN_COLUMNS} FROM spans AS s WHERE ${conditions.join(" AND ")}`,
    bindings.params,
  );
  const byKey = new Map(found.map((row) => [spanKey(row), row]));
  return keys.flatMap((key): Row[] => {
    const row = byKey.get(spanKey(key));
    return row === undefined ? [] : [row];
  });
}

/** Rows lie in the order of their starts: their bounds leave out most row groups, which ids do not. */
function startsWithin(keys: readonly Row[], bindings: Bindings): string[] {
  const starts = keys.flatMap((key) => textAt(key, "start_ns") ?? []).map(BigInt);
  const [first] = starts;
  if (first === undefined || starts.length < keys.length) return [];
  const [least, most] = starts.reduce(
    ([low, high], start) => [start < low ? start : low, start > high ? start : high],
    [first, first],
  );
  return [`s.start_time >= ${bindings.time(least)}`, `s.start_time <= ${bindings.time(most)}`];
}

async function runsOf(
  sources: RunSources,
  keys: readonly Row[],
  select?: ReadonlySet<string>,
): Promise<RunFields[]> {
  const { reads, projects } = sources;
  await projects.load();
  const wantsStats = select?.has("feedback_stats") ?? true;
  const wantsShares = select?.has("share_token") ?? true;
  const [rows, positions, stats, tokens] = await Promise.all([
    rowsOf(sources, keys),
    positionsOf(reads, keys),
    feedbackStatsOf(reads, wantsStats ? keys : []),
    tokensOf(sources, wantsShares ? keys : []),
  ]);
  return rows.map((row) => {
    const id = textAt(row, "run_id") ?? "";
    const more = { feedback_stats: stats.get(id) ?? null, share_token: tokens.get(id) ?? null };
    return { ...runOfRow(row, projects, positions.get(id)), ...more };
  });
}

async function tokensOf(
  { reads, shares }: RunSources,
  keys: readonly Row[],
): Promise<ReadonlyMap<string, string>> {
  if (keys.length === 0 || !(await reads.has("shares"))) return new Map();
  return await shares.tokensOfRuns(keys.flatMap((key) => textAt(key, "run_id") ?? []));
}
