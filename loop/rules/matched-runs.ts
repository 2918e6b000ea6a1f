import { createHash } from "node:crypto";
import { canonicalJson, type JsonValue, RULE_RUNS_PER_QUERY } from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { CONTENT_COLUMNS, runContentOf } from "../runs/run-content.js";
import { isSampled, ruleConditionSql } from "./rule-filter.js";
import type { MatchedRun, Rule, RunFeedback } from "./rule-types.js";
import { textIn } from "../records/text-in.js";

/** Which span: trace id and span id in hex, and the run's id. */
export interface RunKey {
  readonly traceId: string;
  readonly spanId: string;
  readonly runId: string;
}

/**
 * The runs of these traces that a rule takes, in parts, each in the order of their start. Traces may have more runs than
 * one answer may have rows; going on by ids, what comes meanwhile makes none be left out.
 */
export async function* matchingRuns(
  rows: Rows,
  { rule, traceIds }: { readonly rule: Rule; readonly traceIds: readonly string[] },
  runsMax = RULE_RUNS_PER_QUERY,
): AsyncGenerator<RunKey[]> {
  const sampled = traceIds.filter((id) => isSampled(id, rule.data["sampling_rate"]));
  if (sampled.length === 0) return;
  let last = { traceId: "", spanId: "" };
  for (;;) {
    const bindings = new Bindings();
    const traces = sampled.map((id) => bindings.bind(id)).join(", ");
    const condition = ruleConditionSql(rule.data, bindings, `s.trace_id IN (${traces})`);
    const [trace, span] = [bindings.bind(last.traceId), bindings.bind(last.spanId)];
    const found = await rows(
      `SELECT trace_id, span_id, run_id FROM (
  SELECT s.trace_id, s.span_id, s.run_id, s.start_time FROM spans AS s
  WHERE ${condition} AND (s.trace_id > ${trace} OR (s.trace_id = ${trace} AND s.span_id > ${span}))
  ORDER BY s.trace_id, s.span_id LIMIT ${runsMax}
) ORDER BY start_time, trace_id, span_id`,
      bindings.params,
    );
    const keys = found.map(keyOf);
    yield keys;
    if (keys.length < runsMax) return;
    last = keys.reduce((a, b) => (spanName(a) < spanName(b) ? b : a));
  }
}

/** What actions read of these runs, in their order; what is gone is left out. */
export async function loadRuns(rows: Rows, keys: readonly RunKey[]): Promise<MatchedRun[]> {
  const bindings = new Bindings();
  const spans = spansIn(keys, "s", bindings);
  const found = await rows(
    `SELECT s.trace_id, s.span_id, s.run_id, s.parent_span_id, s.name, s.kind, s.project, s.status_code, s.status_message,
  epoch_ns(s.start_time)::VARCHAR AS start_ns, epoch_ns(s.end_time)::VARCHAR AS end_ns, ${CONTENT_COLUMNS}
FROM spans AS s WHERE ${spans}`,
    bindings.params,
  );
  const feedback = await feedbackOn(rows, keys);
  const byKey = new Map(found.map((row) => [spanName(keyOf(row)), row]));
  return keys.flatMap((key): MatchedRun[] => {
    const row = byKey.get(spanName(key));
    if (row === undefined) return [];
    const { inputs, outputs } = runContentOf(row);
    const isRoot = row["parent_span_id"] === null;
    const given = [
      ...(feedback.get(spanName(key)) ?? []),
      ...(isRoot ? (feedback.get(spanName({ ...key, spanId: "" })) ?? []) : []),
    ];
    return [
      {
        ...key,
        name: textOrNull(row["name"]),
        project: textOrNull(row["project"]),
        inputs,
        outputs,
        spanSha256: spanHash(row, { inputs, outputs }),
        feedback: given.sort((left, right) => right.place - left.place).map(({ feedback: each }) => each),
      },
    ];
  });
}

/**
 * SHA-256 of the canonical JSON (RFC 8785) of what a span says: its ids, name, kind, times, status, inputs and outputs. It
 * stays the same through compaction, on every machine that has the span.
 */
function spanHash(row: ReaderRow, content: { readonly inputs: unknown; readonly outputs: unknown }): string {
  const said = {
    trace_id: row["trace_id"],
    span_id: row["span_id"],
    parent_span_id: row["parent_span_id"] ?? null,
    name: row["name"] ?? null,
    kind: row["kind"] ?? null,
    start_time_unix_nano: row["start_ns"] ?? null,
    end_time_unix_nano: row["end_ns"] ?? null,
    status_code: row["status_code"] ?? null,
    status_message: row["status_message"] ?? null,
    ...content,
  };
  return createHash("sha256").update(canonicalJson(said)).digest("hex");
}

/** Feedback by span; on a trace as a whole under an empty span id. */
async function feedbackOn(
  rows: Rows,
  keys: readonly RunKey[],
): Promise<Map<string, { readonly place: number; readonly feedback: RunFeedback }[]>> {
  const bindings = new Bindings();
  const traces = [...new Set(keys.map(({ traceId }) => traceId))].map((id) => bindings.bind(id));
  const found = await rows(
    `SELECT f.id, f.trace_id, coalesce(f.span_id, '') AS span_id, f.key, f.score, f.value, f.correction, f.source_type, f.user_id, f.seq,
  CASE WHEN json_valid(f.data) THEN json_extract_string(f.data, '$.feedback_source.metadata.role') END AS role
FROM feedback AS f WHERE f.trace_id IN (${traces.join(", ")}) AND f.target IN ('span', 'trace')`,
    bindings.params,
  );
  const bySpan = new Map<string, { readonly place: number; readonly feedback: RunFeedback }[]>();
  for (const row of found) {
    const name = spanName({ traceId: textIn(row, "trace_id"), spanId: textIn(row, "span_id") });
    bySpan.set(name, [...(bySpan.get(name) ?? []), { place: Number(row["seq"]), feedback: feedbackIn(row) }]);
  }
  return bySpan;
}

function feedbackIn(row: ReaderRow): RunFeedback {
  const correction = typeof row["correction"] === "string" ? jsonOf(row["correction"]) : undefined;
  return {
    id: textIn(row, "id"),
    key: textIn(row, "key"),
    score: typeof row["score"] === "number" ? row["score"] : null,
    value: typeof row["value"] === "string" ? jsonOf(row["value"]) : null,
    correction: correction ?? undefined,
    sourceType: textOrNull(row["source_type"]),
    userId: textOrNull(row["user_id"]),
    role: textOrNull(row["role"]),
  };
}

/** Both ids as lists: each has an index of its own, and pairs have none. */
function spansIn(keys: readonly RunKey[], alias: string, bindings: Bindings): string {
  const anyOf = (values: readonly string[]): string =>
    [...new Set(values)].map((value) => bindings.bind(value)).join(", ");
  return `${alias}.trace_id IN (${anyOf(keys.map(({ traceId }) => traceId))}) AND ${alias}.span_id IN (${anyOf(keys.map(({ spanId }) => spanId))})`;
}

/** Names a span within the mirror. */
export function spanName({ traceId, spanId }: { readonly traceId: string; readonly spanId: string }): string {
  return `${traceId}/${spanId}`;
}

/** The run of a row with its ids. */
export function keyOf(row: ReaderRow): RunKey {
  return {
    traceId: textIn(row, "trace_id"),
    spanId: textIn(row, "span_id"),
    runId: textIn(row, "run_id"),
  };
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function jsonOf(text: string): JsonValue {
  return JSON.parse(text) as JsonValue;
}
