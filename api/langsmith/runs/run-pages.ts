import { ATTACHMENTS_COLUMN, Bindings, nativeRunOfRow, type ShareService } from "../../../loop/index.js";
import { type RunAttachment, type RunFields, runSpanId, runTraceId } from "../../../schema/index.js";
import type { SqlParameter, StartWindow } from "../../../store/index.js";
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
  const { limit, select } = query;
  // First which ones: sorting needs few columns, and the content of those that are not on the page is never read.
  const keys = await keysOf(sources.reads, query);
  const page = keys.slice(0, limit);
  const last = page.at(-1);
  const more = keys.length > limit && last !== undefined;
  return {
    runs: await runsOf(sources, page, select),
    next: more ? cursorOf({ time: textAt(last, "start_ns") ?? "0", id: textAt(last, "run_id") ?? "" }) : null,
  };
}

/** The runs of a page and the first one behind it. */
async function keysOf(reads: MirrorReads, query: RunQuery): Promise<readonly Row[]> {
  const { where, bindings, ascending, limit, anywhere } = query;
  const way = ascending ? "ASC" : "DESC";
  const ask = (condition: string, params: readonly SqlParameter[]): Promise<readonly Row[]> =>
    reads.rows(
      `SELECT ${KEY_COLUMNS} FROM spans AS s WHERE ${condition} ORDER BY s.start_time ${way} NULLS ${ascending ? "FIRST" : "LAST"}, s.run_id ${way} LIMIT ${limit + 1}`,
      params,
    );
  const after = anywhere ? reads.newestSpans(RUNS_LOOKED_AT_FIRST) : undefined;
  if (after !== undefined) {
    // Enough among those that began later than a time are the newest of all: nothing older need be looked at.
    const params = [...bindings.params, after.toString()];
    const keys = await ask(
      `${where} AND s.start_time > make_timestamp_ns(CAST($${params.length} AS BIGINT))`,
      params,
    );
    if (keys.length > limit) return keys;
  }
  return await ask(where, bindings.params);
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

/** Among so many of the newest spans a page of the newest runs is looked for, before it is among all. */
const RUNS_LOOKED_AT_FIRST = 32_768;
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
  const near = windowOf(keys);
  const conditions = [
    anyOf("trace_id"),
    ...(named ? [anyOf("span_id")] : []),
    ...(near === undefined ? [] : startsWithin(near, bindings)),
  ];
  const found = await reads.rows(
    `SELECT ${RUN_COLUMNS} FROM ${near === undefined ? "spans" : "near_spans"} AS s WHERE ${conditions.join(" AND ")}`,
    bindings.params,
    near === undefined ? {} : { near },
  );
  const byKey = new Map(found.map((row) => [spanKey(row), row]));
  return keys.flatMap((key): Row[] => {
    const row = byKey.get(spanKey(key));
    return row === undefined ? [] : [row];
  });
}

/** From the first start of these runs to their last one; undefined when some have none. */
function windowOf(keys: readonly Row[]): StartWindow | undefined {
  const starts = keys.flatMap((key) => textAt(key, "start_ns") ?? []).map(BigInt);
  const [first] = starts;
  if (first === undefined || starts.length < keys.length) return undefined;
  const [least, most] = starts.reduce(
    ([low, high], start) => [start < low ? start : low, start > high ? start : high],
    [first, first],
  );
  return { fromNs: least.toString(), toNs: most.toString() };
}

/** Rows lie in the order of their starts: their bounds leave out most row groups, which ids do not. */
function startsWithin({ fromNs, toNs }: StartWindow, bindings: Bindings): string[] {
  return [
    `s.start_time >= ${bindings.time(BigInt(fromNs))}`,
    `s.start_time <= ${bindings.time(BigInt(toNs))}`,
  ];
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
