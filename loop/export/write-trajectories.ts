import { open } from "node:fs/promises";
import { join } from "node:path";
import type { Rows } from "../feedback/feedback-query.js";
import { textIn } from "../records/text-in.js";
import { spanOfRow, TRACE_SPAN_COLUMNS, type TraceSpan } from "./trace-spans.js";
import { trajectoryOf } from "./trajectory.js";

/** What {@link writeTrajectories} works with. */
export interface TrajectoriesOptions {
  readonly rows: Rows;
  /** The file is made in it. */
  readonly folder: string;
  /** Only traces with a span that started then or later, RFC 3339. */
  readonly since?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What became of the traces. */
export interface TrajectoriesReport {
  readonly trajectories: number;
  /** Traces without a call of a model, which are no trajectory. */
  readonly without_model_call: number;
  readonly spans: number;
  readonly bytes: number;
}

const FILE = "trajectories.jsonl";
/** Spans that are read at once, and traces that are listed at once. */
const SPANS_PER_QUERY = 1_000;
const TRACES_PER_QUERY = 5_000;

/** Writes every trace that has a call of a model as one trajectory (ATIF 1.7) a line, by trace id. */
export async function writeTrajectories(options: TrajectoriesOptions): Promise<TrajectoriesReport> {
  const { folder, onProgress, rows, signal } = options;
  const since = options.since === undefined ? "" : "AND start_time >= CAST($2 AS TIMESTAMP_NS)";
  const params = (last: string) => [last, ...(options.since === undefined ? [] : [options.since])];
  const [counted] = await rows(
    `SELECT count(DISTINCT trace_id) AS traces FROM spans WHERE trace_id > $1 ${since}`,
    params(""),
  );
  const total = Number(counted?.["traces"] ?? 0);
  const file = await open(join(folder, FILE), "wx", 0o600);
  let [trajectories, empty, spans, bytes] = [0, 0, 0, 0];
  try {
    for (let last = ""; ;) {
      const page = await rows(
        `SELECT trace_id, count(*) AS spans FROM spans WHERE trace_id IN (
  SELECT DISTINCT trace_id FROM spans WHERE trace_id > $1 ${since} ORDER BY trace_id LIMIT ${TRACES_PER_QUERY})
GROUP BY trace_id ORDER BY trace_id`,
        params(last),
      );
      for (const ids of grouped(
        page.map((row) => ({ id: textIn(row, "trace_id"), spans: Number(row["spans"]) })),
      )) {
        signal?.throwIfAborted();
        for (const trace of await tracesOf(rows, ids)) {
          const found = trajectoryOf(trace);
          if (found === undefined) {
            empty++;
            continue;
          }
          const line = `${JSON.stringify(found)}\n`;
          await file.appendFile(line);
          bytes += Buffer.byteLength(line);
          trajectories++;
          spans += trace.length;
        }
        onProgress?.(trajectories + empty, total);
      }
      if (page.length < TRACES_PER_QUERY) break;
      last = textIn(page.at(-1), "trace_id");
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { trajectories, without_model_call: empty, spans, bytes };
}

/** Traces whose spans are read together. */
function* grouped(traces: readonly { readonly id: string; readonly spans: number }[]): Generator<string[]> {
  let ids: string[] = [];
  let size = 0;
  for (const { id, spans } of traces) {
    if (size > 0 && size + spans > SPANS_PER_QUERY) {
      yield ids;
      ids = [];
      size = 0;
    }
    ids.push(id);
    size += spans;
  }
  if (ids.length > 0) yield ids;
}

async function tracesOf(rows: Rows, ids: readonly string[]): Promise<TraceSpan[][]> {
  const marks = ids.map((_, at) => `$${at + 1}`).join(", ");
  const found = await rows(
    `SELECT ${TRACE_SPAN_COLUMNS} FROM spans AS s WHERE s.trace_id IN (${marks}) ORDER BY s.trace_id, s.seq, s.seq_index`,
    ids,
  );
  const traces = new Map<string, TraceSpan[]>();
  for (const row of found) {
    const span = spanOfRow(row);
    const trace = traces.get(span.traceId);
    if (trace === undefined) traces.set(span.traceId, [span]);
    else trace.push(span);
  }
  return [...traces.values()];
}
