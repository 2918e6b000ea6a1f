import type { RunJson, RunRecord } from "../../../schema/index.js";
import { currentRecordsSql } from "../../../store/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";

/** Figures over the feedback of each run by key, as LangSmith gives them: by run id. Runs without any are missing. */
export async function feedbackStatsOf(
  reads: MirrorReads,
  runs: readonly Row[],
): Promise<ReadonlyMap<string, RunRecord>> {
  const stats = new Map<string, RunRecord>();
  if (runs.length === 0 || !(await reads.has("feedback"))) return stats;
  const near = await reads.rows(...figuresByRun(NEAR, runs));
  // What names a run by its response alone is found by the view, which reads the spans.
  const open = near.some((row) => row["open"] === true);
  const rows = open ? await reads.rows(...figuresByRun("SELECT * FROM feedback", runs)) : near;
  for (const row of rows) {
    const id = textAt(row, "of_run");
    if (id === undefined) continue;
    const known = stats.get(id) ?? {};
    known[textAt(row, "key") ?? ""] = figuresOf(row);
    stats.set(id, known);
  }
  return stats;
}

const BY_RESPONSE = "span_id IS NULL AND run_id IS NULL AND response_id IS NOT NULL";
/** Feedback that can be about one of the spans `k`. Which is the last change of each takes a sort: only of these. */
const NEAR = currentRecordsSql(
  "feedback",
  `id IN (SELECT id FROM feedback_history WHERE run_id IN (SELECT run_id FROM k) OR span_id IN (SELECT span_id FROM k) OR (${BY_RESPONSE}))`,
);

/** Feedback names a run by its id, or by those of its span; without its trace, too. The first row is there without any. */
function figuresByRun(feedback: string, runs: readonly Row[]): [sql: string, params: string[]] {
  const params: string[] = [];
  const values = runs.map((row) => {
    const ids = ["run_id", "trace_id", "span_id"].map(
      (column) => `$${params.push(textAt(row, column) ?? "")}`,
    );
    return `(${ids.join(", ")})`;
  });
  return [
    `WITH k(run_id, trace_id, span_id) AS (VALUES ${values.join(", ")}), f AS MATERIALIZED (${feedback}), about AS (
  SELECT f.id, k.run_id FROM f JOIN k ON f.run_id = k.run_id
  UNION SELECT f.id, k.run_id FROM f JOIN k ON f.span_id = k.span_id WHERE coalesce(f.trace_id, k.trace_id) = k.trace_id
)
SELECT * FROM (SELECT coalesce(bool_or(${BY_RESPONSE}), false) AS open FROM f) LEFT JOIN (
  SELECT about.run_id AS of_run, key, ${FEEDBACK_FIGURES} FROM f JOIN about ON about.id = f.id GROUP BY of_run, key
) ON true ORDER BY key`,
    params,
  ];
}

/** Columns over feedback that {@link figuresOf} reads. */
export const FEEDBACK_FIGURES = `count(*) AS n, avg(score) AS avg, min(score) AS min, max(score) AS max, stddev_pop(score) AS stdev,
  count(*) FILTER (error) AS errors, histogram(CASE WHEN json_valid(value) THEN json_extract_string(value, '$') END) FILTER (json_valid(value)) AS value_counts`;

/** What LangSmith says of the feedback of one key. */
export function figuresOf(row: Row): RunRecord {
  const number = (column: string): RunJson => (row[column] === null ? null : Number(row[column]));
  return {
    n: number("n"),
    avg: number("avg"),
    min: number("min"),
    max: number("max"),
    stdev: number("stdev"),
    errors: number("errors"),
    values: (row["value_counts"] ?? {}) as RunJson,
  };
}

/** Names a span: its trace id and its own. */
export function spanKey(row: Row): string {
  return `${textAt(row, "trace_id") ?? ""} ${textAt(row, "span_id") ?? ""}`;
}
