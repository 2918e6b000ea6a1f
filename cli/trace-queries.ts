import { CommandError, EXIT } from "./exit-codes.js";
import { shown } from "./options.js";
import { TRACE_STATE_COLUMNS, type TraceState } from "./output/trace-state.js";

/** A text as an SQL string literal: the only way that the command line's values enter SQL. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A time as an SQL literal of the mirror's timestamp type. */
export function sqlTime(time: Date): string {
  return `TIMESTAMP_NS ${sqlText(time.toISOString().replace("T", " ").replace("Z", ""))}`;
}

/** What `traces list` can be asked for. */
export interface TraceFilter {
  readonly project?: string;
  readonly service?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly status?: "ok" | "error" | "pending" | "incomplete";
  readonly thread?: string;
  readonly limit: number;
}

/** One row of {@link tracesListSql}. Times are text, UTC; 64-bit integers may come as decimal text. */
export interface TraceRow extends TraceState {
  readonly trace_id: string;
  /** Null while the root span has not arrived. */
  readonly name: string | null;
  readonly project: string | null;
  readonly service_name: string | null;
  readonly start_time: string | null;
  readonly duration_ns: number | string | null;
  readonly status_code: string | null;
  readonly span_count: number | string;
  readonly error_count: number | string;
  readonly input_tokens: number | string | null;
  readonly output_tokens: number | string | null;
  readonly cost_usd: number | null;
}

const STATUS_SQL: Readonly<Record<NonNullable<TraceFilter["status"]>, string>> = {
  ok: "error_count = 0",
  error: "error_count > 0",
  pending: "status = 'pending'",
  incomplete: "complete IS NOT true",
};

/** One row a trace, newest first, from the view `traces`. */
export function tracesListSql(filter: TraceFilter): string {
  const where: string[] = [];
  if (filter.project !== undefined) where.push(`project = ${sqlText(filter.project)}`);
  if (filter.service !== undefined) where.push(`service_name = ${sqlText(filter.service)}`);
  if (filter.since !== undefined) where.push(`start_time >= ${sqlTime(filter.since)}`);
  if (filter.until !== undefined) where.push(`start_time < ${sqlTime(filter.until)}`);
  if (filter.thread !== undefined) where.push(`thread_id = ${sqlText(filter.thread)}`);
  if (filter.status !== undefined) where.push(STATUS_SQL[filter.status]);
  return `SELECT trace_id, name, project, service_name, start_time, duration_ns, status_code, span_count, error_count,
  input_tokens, output_tokens, cost_usd, error, ${TRACE_STATE_COLUMNS}
FROM traces${where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`}
ORDER BY start_time DESC NULLS LAST, trace_id LIMIT ${filter.limit}`;
}

/** What `threads list` can be asked for. */
export interface ThreadFilter {
  readonly project?: string;
  readonly since?: Date;
  readonly limit: number;
}

/** One row of {@link threadsListSql}. */
export interface ThreadRow {
  readonly thread_id: string;
  readonly project: string | null;
  readonly last_active: string | null;
  readonly trace_count: number | string;
  readonly error_count: number | string;
  readonly total_tokens: number | string | null;
  readonly cost_usd: number | null;
  readonly status: string;
}

/** One row a thread, the last active first, from the view `threads`; with `content` also its first input and last output. */
export function threadsListSql(filter: ThreadFilter, content: boolean): string {
  const where: string[] = [];
  if (filter.project !== undefined) where.push(`project = ${sqlText(filter.project)}`);
  if (filter.since !== undefined) where.push(`coalesce(end_time, start_time) >= ${sqlTime(filter.since)}`);
  return `SELECT thread_id, project, start_time, coalesce(end_time, start_time) AS last_active, trace_count, error_count,
  incomplete_count, total_tokens, cost_usd, status, last_error, feedback${content ? ", first_input, last_output" : ""}
FROM threads${where.length === 0 ? "" : ` WHERE ${where.join(" AND ")}`}
ORDER BY last_active DESC NULLS LAST, thread_id, project LIMIT ${filter.limit}`;
}

/** Traces that {@link findTraceSql} gives at most: enough to show that an id is ambiguous. */
export const CANDIDATES_MAX = 6;
const PREFIX_MIN = 4;

/** The id, if it is as long as a whole trace id: then it most likely is one, and can be looked up quickly. */
export function wholeTraceId(id: string): string | undefined {
  const hex = id.trim().toLowerCase().replaceAll("-", "");
  return /^[0-9a-f]{32}$/.test(hex) ? hex : undefined;
}

/**
 * Finds the trace that an id means: a trace id or the start of one, a span id, or a LangSmith run id (a UUID). Gives
 * `trace_id`, exact matches alone when there are any.
 */
export function findTraceSql(id: string): string {
  const hex = id.trim().toLowerCase().replaceAll("-", "");
  if (!/^[0-9a-f]+$/.test(hex) || hex.length < PREFIX_MIN || hex.length > 32) {
    throw new CommandError(
      EXIT.usage,
      `"${shown(id)}" is no trace id, run id or span id: it must have ${PREFIX_MIN} to 32 hex digits (dashes are ignored).`,
    );
  }
  const exact = [`trace_id = ${sqlText(hex)}`];
  if (hex.length === 16) exact.push(`span_id = ${sqlText(hex)}`);
  if (hex.length === 32) exact.push(`run_id = ${sqlText(uuid(hex))}`);
  return `SELECT trace_id FROM (
  SELECT trace_id, bool_or(${exact.join(" OR ")}) AS exact FROM spans
  WHERE ${[...exact, `starts_with(trace_id, ${sqlText(hex)})`].join(" OR ")}
  GROUP BY trace_id
) QUALIFY exact OR NOT max(exact) OVER () ORDER BY trace_id LIMIT ${CANDIDATES_MAX}`;
}

function uuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const SHOWN = [
  "span_id",
  "parent_span_id",
  "name",
  "kind",
  "run_type",
  "operation",
  "start_time",
  "end_time",
  "duration_ns",
  "status_code",
  "status_message",
  "error_type",
  "coalesce(response_model, request_model) AS model",
  "input_tokens",
  "output_tokens",
  "cost_usd",
  "service_name",
  "project",
  "conversation_id",
  "user_id",
  "run_id",
];
const CONTENT = [
  "system_instructions",
  "input_messages",
  "output_messages",
  "tool_arguments",
  "tool_result",
  "retrieval_documents",
];

/** The spans of one trace in order of their start, with or without prompts, answers and tool data. */
export function traceSpansSql(traceId: string, content: boolean, limit: number): string {
  return `SELECT ${[...SHOWN, ...(content ? CONTENT : [])].join(", ")}
FROM spans WHERE trace_id = ${sqlText(traceId)}
ORDER BY start_time NULLS LAST, seq, seq_index
LIMIT ${limit}`;
}
