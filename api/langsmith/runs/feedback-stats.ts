import type { RunJson, RunRecord } from "../../../schema/index.js";
import { currentRecordsSql } from "../../../store/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";

/** Figures over the feedback of each run by key, as LangSmith gives them: by run id. Runs without any are missing. */
export async function feedbackStatsOf(
  reads: MirrorReads,
  runs: readonly Row[],
): Promise<ReadonlyMap<string, RunRecord>> {
  const stats = new Map<string, RunRecord>();
  if (runs.length === 0) return stats;
  const [found, open] = await Promise.all([
    reads.rows(...figuresByRun(LATEST, runs)),
    reads.rows(`SELECT 1 AS open FROM (${LATEST}) WHERE ${BY_RESPONSE} LIMIT 1`),
  ]);
  // What names a run by its response alone is found by the view, which reads the spans.
  const rows = open.length === 0 ? found : await reads.rows(...figuresByRun("SELECT * FROM feedback", runs));
  for (const row of rows) {
    const id = textAt(row, "of_run") ?? "";
    const known = stats.get(id) ?? {};
    known[textAt(row, "key") ?? ""] = figuresOf(row);
    stats.set(id, known);
  }
  return stats;
}

const LATEST = currentRecordsSql("feedback");
const BY_RESPONSE = "span_id IS NULL AND run_id IS NULL AND response_id IS NOT NULL";

/** Feedback names a run by its id, or by those of its span; without its trace, too. */
function figuresByRun(feedback: string, runs: readonly Row[]): [sql: string, params: string[]] {
  const params: string[] = [];
  const values = runs.map((row) => {
    const ids = ["run_id", "trace_id", "span_id"].map(
      (column) => `$${params.push(textAt(row, column) ?? "")}`,
    );
    return `(${ids.join(", ")})`;
  });
  return [
    `WITH f AS (${feedback}), k(run_id, trace_id, span_id) AS (VALUES ${values.join(", ")}), about AS (
  SELECT f.id, k.run_id FROM f JOIN k ON f.run_id = k.run_id
  UNION SELECT f.id, k.run_id FROM f JOIN k ON f.span_id = k.span_id WHERE coalesce(f.trace_id, k.trace_id) = k.trace_id
)
SELECT about.run_id AS of_run, key, ${FEEDBACK_FIGURES} FROM f JOIN about ON about.id = f.id GROUP BY of_run, key ORDER BY key`,
    params,
  ];
}

/** Columns over feedback that {@link figuresOf} reads. */
export const FEEDBACK_FIGURES = `count(*) AS n, avg(score) AS avg, min(score) AS min, max(score) AS max, stddev_pop(score) AS stdev,
  count(*) FILTER (error) AS errors, histogram(json_extract_string(value, '$')) FILTER (value IS NOT NULL) AS value_counts`;

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
