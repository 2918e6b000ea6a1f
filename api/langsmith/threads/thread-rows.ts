import { INPUTS_SQL, OUTPUTS_SQL } from "../../../loop/index.js";
import { nanosToRunTime, type RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import { cursorOf, type PagePlace } from "../cursor.js";
import { FEEDBACK_FIGURES, figuresOf } from "../runs/feedback-stats.js";
import { uuidOf } from "../runs/run-view.js";
import type { TraceScope } from "./trace-scope.js";

/** Which threads of a scope: those after a place, or after so many. */
export interface ThreadPage {
  readonly limit: number;
  readonly offset?: number;
  readonly after?: PagePlace | undefined;
}

/** Characters of a preview. */
const PREVIEW_CHARS = 1_000;

const SUMMARY = `t.thread_id, count(*) AS count, CAST(sum(t.total_tokens) AS BIGINT) AS total_tokens, sum(t.cost_usd) AS total_cost,
  epoch_ns(min(t.start_time))::VARCHAR AS min_start, epoch_ns(max(t.start_time))::VARCHAR AS max_start,
  quantile_cont(t.duration_ns / 1e9, 0.5) AS latency_p50, quantile_cont(t.duration_ns / 1e9, 0.99) AS latency_p99,
  count(*) FILTER (WHERE t.status = 'error') AS errored,
  arg_min(t.trace_id, t.start_time) AS first_trace, arg_max(t.trace_id, t.start_time) AS last_trace,
  arg_max(t.error, t.start_time) FILTER (WHERE t.status = 'error') AS last_error`;

/** Threads of one page, those with the newest trace first, and the cursor of the next one; null when it was the last. */
export async function threadsOf(
  reads: MirrorReads,
  { where, bindings }: TraceScope,
  { limit, offset = 0, after }: ThreadPage,
): Promise<{ threads: RunRecord[]; next: string | null }> {
  const having =
    after === undefined
      ? ""
      : ((time, id) =>
          ` HAVING max(t.start_time) < ${time} OR (max(t.start_time) = ${time} AND t.thread_id > ${id})`)(
          bindings.time(BigInt(after.time)),
          bindings.bind(after.id),
        );
  const rows = await reads.rows(
    `SELECT ${SUMMARY} FROM traces AS t WHERE t.thread_id IS NOT NULL AND ${where}
GROUP BY t.thread_id${having} ORDER BY max(t.start_time) DESC, t.thread_id LIMIT ${limit + 1} OFFSET ${offset}`,
    bindings.params,
  );
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const more = rows.length > limit && last !== undefined;
  const [said, feedback] = await Promise.all([previewsOf(reads, page), feedbackOf(reads, page)]);
  return {
    threads: page.map((row) => threadOf(row, said, feedback)),
    next: more
      ? cursorOf({ time: textAt(last, "max_start") ?? "0", id: textAt(last, "thread_id") ?? "" })
      : null,
  };
}

/** How many threads a scope has. */
export async function threadCount(reads: MirrorReads, { where, bindings }: TraceScope): Promise<number> {
  const [row] = await reads.rows(
    `SELECT count(DISTINCT t.thread_id) AS threads FROM traces AS t WHERE t.thread_id IS NOT NULL AND ${where}`,
    bindings.params,
  );
  return Number(row?.["threads"] ?? 0);
}

interface Said {
  readonly inputs: string;
  readonly outputs: string;
}

function threadOf(
  row: Row,
  said: ReadonlyMap<string, Said>,
  feedback: ReadonlyMap<string, RunRecord>,
): RunRecord {
  const first = textAt(row, "first_trace") ?? "";
  const last = textAt(row, "last_trace") ?? "";
  const thread = textAt(row, "thread_id") ?? "";
  const time = (column: string): string => nanosToRunTime(BigInt(textAt(row, column) ?? 0));
  return {
    thread_id: thread,
    trace_id: uuidOf(last),
    count: Number(row["count"]),
    total_tokens: Number(row["total_tokens"] ?? 0),
    total_cost: row["total_cost"] === null ? null : Number(row["total_cost"]),
    start_time: time("max_start"),
    min_start_time: time("min_start"),
    max_start_time: time("max_start"),
    latency_p50: row["latency_p50"] === null ? null : Number(row["latency_p50"]),
    latency_p99: row["latency_p99"] === null ? null : Number(row["latency_p99"]),
    num_errored_turns: Number(row["errored"]),
    first_trace_id: uuidOf(first),
    last_trace_id: uuidOf(last),
    first_inputs: said.get(first)?.inputs ?? "",
    last_outputs: said.get(last)?.outputs ?? "",
    last_error: textAt(row, "last_error") ?? null,
    feedback_stats: feedback.get(thread) ?? null,
  };
}

/** The time of a page's traces: it leaves out most of the mirror. */
function within(page: readonly Row[], alias: string): string {
  const nanos = (column: string): bigint[] => page.map((row) => BigInt(textAt(row, column) ?? 0));
  const least = nanos("min_start").reduce((low, each) => (each < low ? each : low));
  const most = nanos("max_start").reduce((high, each) => (each > high ? each : high));
  return `${alias}.start_time >= make_timestamp_ns(${least}) AND ${alias}.start_time <= make_timestamp_ns(${most})`;
}

/** What went into and came out of the first and last traces. */
async function previewsOf(reads: MirrorReads, page: readonly Row[]): Promise<ReadonlyMap<string, Said>> {
  const traces = [
    ...new Set(
      page.flatMap((row) => [textAt(row, "first_trace") ?? [], textAt(row, "last_trace") ?? []].flat()),
    ),
  ];
  if (traces.length === 0) return new Map();
  const marks = traces.map((_, at) => `$${at + 1}`).join(", ");
  const rows = await reads.rows(
    `SELECT s.trace_id, substr(${INPUTS_SQL}, 1, ${PREVIEW_CHARS}) AS inputs, substr(${OUTPUTS_SQL}, 1, ${PREVIEW_CHARS}) AS outputs
FROM spans AS s WHERE s.parent_span_id IS NULL AND s.trace_id IN (${marks}) AND ${within(page, "s")}`,
    traces,
  );
  return new Map(
    rows.map((row) => [
      textAt(row, "trace_id") ?? "",
      { inputs: textAt(row, "inputs") ?? "", outputs: textAt(row, "outputs") ?? "" },
    ]),
  );
}

/** Figures over the feedback of the threads of a page and of their traces, by thread. */
async function feedbackOf(reads: MirrorReads, page: readonly Row[]): Promise<ReadonlyMap<string, RunRecord>> {
  const threads = page.flatMap((row) => textAt(row, "thread_id") ?? []);
  const stats = new Map<string, RunRecord>();
  if (threads.length === 0) return stats;
  // Mostly there is none: not worth looking for the threads' traces.
  const [some] = await reads.rows("SELECT 1 AS some FROM feedback_history LIMIT 1");
  if (some === undefined) return stats;
  const marks = threads.map((_, at) => `$${at + 1}`).join(", ");
  const rows = await reads.rows(
    `SELECT thread, key, bool_or(of_thread) AS of_thread, ${FEEDBACK_FIGURES} FROM (
  SELECT t.thread_id AS thread, false AS of_thread, f.* FROM feedback AS f JOIN traces AS t ON t.trace_id = f.trace_id
  WHERE t.thread_id IN (${marks}) AND ${within(page, "t")}
  UNION ALL SELECT f.thread_id AS thread, true AS of_thread, f.* FROM feedback AS f
  WHERE f.trace_id IS NULL AND f.thread_id IN (${marks})
) GROUP BY thread, key ORDER BY key`,
    threads,
  );
  for (const row of rows) {
    const thread = textAt(row, "thread") ?? "";
    const known = stats.get(thread) ?? {};
    known[textAt(row, "key") ?? ""] = {
      ...figuresOf(row),
      contains_thread_feedback: row["of_thread"] === true,
    };
    stats.set(thread, known);
  }
  return stats;
}
