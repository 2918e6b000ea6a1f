import { hexToUuid, type JsonObject, type JsonValue, uuidOf } from "../../schema/index.js";
import type { ReaderRow, SqlParameter } from "../../store/index.js";
import { Bindings } from "../filter/filter-sql.js";

/** Rows of one SELECT over the mirror's views, `params` bound to `$1`, `$2`, ... */
export type Rows = (sql: string, params: readonly SqlParameter[]) => Promise<readonly ReaderRow[]>;

/** Which feedback to list. Lists are any-of; all that is given must hold. */
export interface FeedbackFilter {
  readonly ids?: readonly string[];
  /** LangSmith run ids, also of runs whose feedback names only the span. */
  readonly runIds?: readonly string[];
  /** Trace ids, 32 lowercase hex digits. */
  readonly traceIds?: readonly string[];
  /** Span ids, 16 lowercase hex digits; give the trace with them. */
  readonly spanIds?: readonly string[];
  /** With `spanIds`: feedback on the trace alone, which names no span, too. */
  readonly orTraceAlone?: boolean;
  readonly keys?: readonly string[];
  readonly sources?: readonly string[];
  readonly sessions?: readonly string[];
  /** A condition over `s`, a row of `spans`: runs of these sessions. Feedback that names no session but such a run is listed, too. */
  readonly sessionRuns?: (bindings: Bindings) => string;
  /** Only feedback on projects, or only on what is in them. */
  readonly level?: "session" | "run";
  readonly projects?: readonly string[];
  readonly threads?: readonly string[];
  readonly examples?: readonly string[];
  readonly hasScore?: boolean;
  readonly hasComment?: boolean;
  /** RFC 3339, inclusive. */
  readonly createdFrom?: string;
  readonly createdUntil?: string;
  /** At most this many, after `offset` of them; newest first. */
  readonly limit: number;
  readonly offset?: number;
}

const CREATED = "coalesce(created_at, time)";

/** SQL and parameters of a page of feedback, newest first. */
export function pageSql(filter: FeedbackFilter): { sql: string; params: SqlParameter[] } {
  const bindings = new Bindings();
  const bind = (value: SqlParameter): string => bindings.bind(value);
  const anyOf = (sql: string, values: readonly string[] | undefined): string[] =>
    values === undefined || values.length === 0 ? [] : [`${sql} IN (${values.map(bind).join(", ")})`];
  const present = (column: string, wanted: boolean | undefined): string[] =>
    wanted === undefined ? [] : [`${column} IS ${wanted ? "NOT " : ""}NULL`];
  const conditions = [
    ...anyOf("id", filter.ids),
    ...runs(filter.runIds, anyOf),
    ...anyOf("trace_id", filter.traceIds),
    ...anyOf("span_id", filter.spanIds).map((spans) =>
      filter.orTraceAlone === true ? `(${spans} OR span_id IS NULL)` : spans,
    ),
    ...anyOf("key", filter.keys),
    ...anyOf("source_type", filter.sources),
    ...sessions(filter, bindings, anyOf),
    ...(filter.level === undefined
      ? []
      : [`target ${filter.level === "session" ? "" : "NOT "}IN ('session', 'experiment')`]),
    ...anyOf("project", filter.projects),
    ...anyOf("thread_id", filter.threads),
    ...anyOf("example_id", filter.examples),
    ...present("score", filter.hasScore),
    ...present("comment", filter.hasComment),
    ...(filter.createdFrom === undefined
      ? []
      : [`${CREATED} >= CAST(${bind(filter.createdFrom)} AS TIMESTAMP_NS)`]),
    ...(filter.createdUntil === undefined
      ? []
      : [`${CREATED} <= CAST(${bind(filter.createdUntil)} AS TIMESTAMP_NS)`]),
  ];
  const sql = `SELECT id, data, source, run_id, trace_id, span_id, time, ${CREATED} AS created
FROM feedback${conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`}
ORDER BY created DESC, id LIMIT ${filter.limit} OFFSET ${filter.offset ?? 0}`;
  return { sql, params: bindings.params };
}

type AnyOf = (sql: string, values: readonly string[] | undefined) => string[];

/** Feedback of a project names it, or a run of it, or a trace whose root is one. */
function sessions(
  { sessions: ids, sessionRuns }: FeedbackFilter,
  bindings: Bindings,
  anyOf: AnyOf,
): string[] {
  const [named] = anyOf("session_id", ids);
  if (named === undefined || sessionRuns === undefined) return named === undefined ? [] : [named];
  const spans = (more: string): string => `FROM spans AS s WHERE ${sessionRuns(bindings)}${more}`;
  return [
    `(${named} OR (session_id IS NULL AND trace_id IS NOT NULL AND (
  (span_id IS NOT NULL AND {'t': trace_id, 's': span_id} IN (SELECT {'t': s.trace_id, 's': s.span_id} ${spans("")}))
  OR (span_id IS NULL AND trace_id IN (SELECT s.trace_id ${spans(" AND s.parent_span_id IS NULL")})))))`,
  ];
}

/** Feedback on a run: by its id as given, or by the span that has this run id. */
function runs(runIds: readonly string[] | undefined, anyOf: AnyOf): string[] {
  if (runIds === undefined || runIds.length === 0) return [];
  const [named = ""] = anyOf("run_id", runIds);
  const [spans = ""] = anyOf("run_id", runIds);
  return [
    `(${named} OR (trace_id IS NOT NULL AND span_id IS NOT NULL AND {'t': trace_id, 's': span_id} IN (SELECT {'t': trace_id, 's': span_id} FROM spans WHERE ${spans})))`,
  ];
}

/** SQL of the run ids of these spans. */
export function runIdsSql(spans: readonly { traceId: string; spanId: string }[]): {
  sql: string;
  params: SqlParameter[];
} {
  const params: SqlParameter[] = [];
  const bind = (value: SqlParameter): string => `$${params.push(value)}`;
  const traces = spans.map(({ traceId }) => bind(traceId)).join(", ");
  const ids = spans.map(({ spanId }) => bind(spanId)).join(", ");
  const sql = `SELECT trace_id, span_id, run_id FROM spans WHERE trace_id IN (${traces}) AND span_id IN (${ids})`;
  return { sql, params };
}

/** Fields that LangSmith's clients find in every feedback. */
const ALWAYS = [
  "score",
  "value",
  "comment",
  "correction",
  "feedback_group_id",
  "comparative_experiment_id",
  "session_id",
  "feedback_source",
  "extra",
] as const;

/** A feedback as the API gives it: what was written, with ids in LangSmith's form and every field that its clients read. */
export function feedbackOf(
  id: string,
  data: JsonObject,
  known: {
    readonly runId?: string;
    readonly traceId?: string;
    readonly spanId?: string;
    readonly time: string;
  },
): JsonObject {
  const runId = uuidOf(data["run_id"]) ?? known.runId;
  const traceId =
    uuidOf(data["trace_id"]) ?? (known.traceId === undefined ? undefined : hexToUuid(known.traceId));
  const defaults: Record<string, JsonValue> = Object.fromEntries(ALWAYS.map((name) => [name, null]));
  return {
    id,
    ...defaults,
    ...data,
    run_id: runId ?? null,
    trace_id: traceId ?? null,
    span_id: known.spanId ?? data["span_id"] ?? null,
    created_at: data["created_at"] ?? known.time,
    modified_at: data["modified_at"] ?? known.time,
  };
}
