import {
  CounterfoilError,
  type JsonObject,
  type JsonValue,
  REVIEW_TOOL_CALLS_MAX,
} from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import type { FeedbackService } from "../feedback/feedback-service.js";
import type { Rows } from "../feedback/feedback-query.js";
import { ERROR_SQL, STATUS_SQL } from "../filter/fields.js";
import { textIn } from "../records/text-in.js";
import { CONTENT_COLUMNS, runContentOf } from "../runs/run-content.js";
import { threadTurns } from "../rules/threads.js";
import type { QueueItem } from "./queue-types.js";

/** Feedback on one run that a reviewer is shown. */
const FEEDBACK_MAX = 100;

/** A run as a reviewer is shown it. Keys are those of the API. */
export interface ReviewedRun {
  readonly run: JsonObject;
  /** On the run, newest first. */
  readonly feedback: readonly JsonObject[];
  /** Of an item that stands for a thread: its last turns, oldest first; the run is the last of them. Else null. */
  readonly thread: JsonObject | null;
}

/** The run of an item, what was said about it, and the tool calls below it. Throws CF_NOT_FOUND when it is gone. */
export async function reviewedRun(
  ports: { readonly rows: Rows; readonly feedback: FeedbackService },
  item: QueueItem,
): Promise<ReviewedRun> {
  const traceId = textIn(item.data, "trace_id");
  const spanId = textIn(item.data, "span_id");
  const [row] = await ports.rows(
    `SELECT s.run_id, s.parent_span_id, s.name, coalesce(s.run_type, 'chain') AS run_type, s.project,
  strftime(s.start_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS start_time, s.duration_ns::DOUBLE / 1e6 AS duration_ms,
  ${STATUS_SQL} AS status, ${ERROR_SQL} AS error, s.request_model, s.cost_usd, ${CONTENT_COLUMNS}
FROM spans AS s WHERE s.trace_id = $1 AND s.span_id = $2`,
    [traceId, spanId],
  );
  if (row === undefined) {
    throw new CounterfoilError(
      "CF_NOT_FOUND",
      `Run ${textIn(item.data, "run_id")} not found: its trace is gone`,
    );
  }
  const isRoot = row["parent_span_id"] === null;
  const [feedback, toolCalls, thread] = await Promise.all([
    ports.feedback.list({
      traceIds: [traceId],
      spanIds: [spanId],
      orTraceAlone: isRoot,
      limit: FEEDBACK_MAX,
    }),
    toolCallsBelow(ports.rows, { traceId, spanId, isRoot }),
    threadOf(ports.rows, item),
  ]);
  const { inputs, outputs } = runContentOf(row);
  const run = {
    ...Object.fromEntries(FIELDS.map((field) => [field, (row[field] ?? null) as JsonValue])),
    trace_id: traceId,
    span_id: spanId,
    inputs: inputs as JsonValue,
    outputs: outputs as JsonValue,
    tool_calls: toolCalls,
  };
  return { run, feedback, thread };
}

/** The thread of an item that a rule over threads added. */
async function threadOf(rows: Rows, { data }: QueueItem): Promise<JsonObject | null> {
  const { thread_id: id } = (data["added_by"] ?? {}) as JsonObject;
  if (typeof id !== "string") return null;
  const key = {
    traceId: textIn(data, "trace_id"),
    spanId: textIn(data, "span_id"),
    runId: textIn(data, "run_id"),
  };
  const found = (await threadTurns(rows, [key])).get(key.traceId);
  return found === undefined ? null : { id: found.id, turns: found.turns };
}

const FIELDS = [
  "run_id",
  "name",
  "run_type",
  "project",
  "start_time",
  "duration_ms",
  "status",
  "error",
  "request_model",
  "cost_usd",
] as const;

async function toolCallsBelow(
  rows: Rows,
  {
    traceId,
    spanId,
    isRoot,
  }: { readonly traceId: string; readonly spanId: string; readonly isRoot: boolean },
): Promise<JsonObject[]> {
  const below = isRoot
    ? "t.span_id <> $2"
    : `t.span_id IN (WITH RECURSIVE below AS (
    SELECT span_id FROM spans WHERE trace_id = $1 AND parent_span_id = $2
    UNION SELECT s.span_id FROM spans AS s JOIN below ON s.trace_id = $1 AND s.parent_span_id = below.span_id
  ) SELECT span_id FROM below)`;
  const found = await rows(
    `SELECT t.tool_name, t.tool_arguments, t.tool_result, t.status_code, t.status_message FROM tool_calls AS t
WHERE t.trace_id = $1 AND ${below} ORDER BY t.start_time, t.span_id LIMIT ${REVIEW_TOOL_CALLS_MAX}`,
    [traceId, spanId],
  );
  return found.map(toolCall);
}

function toolCall(row: ReaderRow): JsonObject {
  const json = (column: string): JsonValue => {
    const text = textIn(row, column);
    if (text === "") return null;
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      return text;
    }
  };
  return {
    name: textIn(row, "tool_name"),
    arguments: json("tool_arguments"),
    result: json("tool_result"),
    error: row["status_code"] === "ERROR" ? textIn(row, "status_message") || "failed" : null,
  };
}
