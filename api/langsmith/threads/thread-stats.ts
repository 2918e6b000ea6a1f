import { nanosToRunTime, type RunJson, type RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import { badField, RefusedCall } from "../replies.js";
import type { TraceScope } from "./trace-scope.js";

/** Figures over traces that a caller may select: name in upper case, field of the answer, SQL, form. */
interface Figure {
  readonly field: string;
  /** Over rows `t` of `traces`, or rows `s` of `spans` for those that traces do not have. */
  readonly sql: string;
  readonly of: "traces" | "spans";
  readonly form?: "time" | "details";
}

const traces = (field: string, sql: string): Figure => ({ field, sql, of: "traces" });
const OWN = "FILTER (WHERE coalesce(s.usage_scope, 'own') = 'own')";

/** Prompt tokens include those of the cache: what is left of all without those of the answer. */
const PROMPT_TOKENS = "CAST(sum(t.total_tokens - coalesce(t.output_tokens, 0)) AS BIGINT)";

const SAME: Readonly<Record<string, Figure>> = {
  PROMPT_TOKENS: traces("prompt_tokens", PROMPT_TOKENS),
  COMPLETION_TOKENS: traces("completion_tokens", "CAST(sum(t.output_tokens) AS BIGINT)"),
  TOTAL_TOKENS: traces("total_tokens", "CAST(sum(t.total_tokens) AS BIGINT)"),
  TOTAL_COST: traces("total_cost", "sum(t.cost_usd)"),
  LATENCY_P50: traces("latency_p50_seconds", "quantile_cont(t.duration_ns / 1e9, 0.5)"),
  LATENCY_P99: traces("latency_p99_seconds", "quantile_cont(t.duration_ns / 1e9, 0.99)"),
  PROMPT_TOKEN_DETAILS: {
    field: "prompt_token_details",
    sql: `{'cache_read': CAST(sum(s.cache_read_tokens) ${OWN} AS BIGINT), 'cache_creation': CAST(sum(s.cache_write_tokens) ${OWN} AS BIGINT)}`,
    of: "spans",
    form: "details",
  },
  COMPLETION_TOKEN_DETAILS: {
    field: "completion_token_details",
    sql: `{'reasoning': CAST(sum(s.reasoning_tokens) ${OWN} AS BIGINT)}`,
    of: "spans",
    form: "details",
  },
};

/** Of one thread. */
export const THREAD_FIGURES: Readonly<Record<string, Figure>> = {
  ...SAME,
  TURNS: traces("turns", "count(*)"),
  FIRST_START_TIME: { ...traces("first_start_time", "epoch_ns(min(t.start_time))::VARCHAR"), form: "time" },
  LAST_START_TIME: { ...traces("last_start_time", "epoch_ns(max(t.start_time))::VARCHAR"), form: "time" },
  LAST_END_TIME: { ...traces("last_end_time", "epoch_ns(max(t.end_time))::VARCHAR"), form: "time" },
};

/** Of all threads of a project. */
export const ALL_THREADS_FIGURES: Readonly<Record<string, Figure>> = {
  ...SAME,
  THREAD_COUNT: traces("thread_count", "count(DISTINCT t.thread_id)"),
  TRACE_COUNT: traces("trace_count", "count(*)"),
  ERROR_RATE: traces("error_rate", "avg(CASE WHEN t.status = 'error' THEN 1.0 ELSE 0.0 END)"),
  MEDIAN_TOKENS: traces("median_tokens", "quantile_cont(t.total_tokens, 0.5)"),
  FIRST_TOKEN_P50: {
    field: "first_token_p50_seconds",
    sql: "quantile_cont(s.time_to_first_token_ms / 1e3, 0.5)",
    of: "spans",
  },
  FIRST_TOKEN_P99: {
    field: "first_token_p99_seconds",
    sql: "quantile_cont(s.time_to_first_token_ms / 1e3, 0.99)",
    of: "spans",
  },
};

/** The figures that a caller selects, over the traces of a scope. Throws 422 for none, 501 for what there is no data for. */
export async function figuresOver(
  reads: MirrorReads,
  { where, bindings }: TraceScope,
  {
    known,
    selects,
  }: { readonly known: Readonly<Record<string, Figure>>; readonly selects: readonly string[] },
): Promise<RunRecord> {
  if (selects.length === 0) throw badField(["selects"], "must name at least one figure");
  const figures = selects.map((name) => {
    const figure = Object.hasOwn(known, name) ? known[name] : undefined;
    if (figure === undefined) {
      throw new RefusedCall(
        501,
        `Counterfoil does not have the figure ${name}; known are ${Object.keys(known).join(", ")}.`,
      );
    }
    return figure;
  });
  const answer: RunRecord = {};
  for (const of of ["traces", "spans"] as const) {
    const chosen = figures.filter((figure) => figure.of === of);
    if (chosen.length === 0) continue;
    const columns = chosen.map(({ sql, field }) => `${sql} AS ${field}`).join(", ");
    const from =
      of === "traces"
        ? `traces AS t WHERE ${where}`
        : `spans AS s WHERE s.trace_id IN (SELECT t.trace_id FROM traces AS t WHERE ${where})`;
    const [row] = await reads.rows(`SELECT ${columns} FROM ${from}`, bindings.params);
    for (const figure of chosen) {
      const value = valueOf(figure, row ?? {});
      if (value !== null) answer[figure.field] = value;
    }
  }
  return answer;
}

function valueOf({ field, form }: Figure, row: Row): RunJson {
  const value = row[field];
  if (value === null || value === undefined) return null;
  if (form === "time") return nanosToRunTime(BigInt(textAt(row, field) ?? 0));
  if (form !== "details") return Number(value);
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  return {
    raw: Object.fromEntries(
      entries.flatMap(([key, count]) => (count === null ? [] : [[key, Number(count)]])),
    ),
  };
}
