import type { RunJson, RunRecord } from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";

/** Figures over the feedback of each run by key, as LangSmith gives them: by run id. Runs without any are missing. */
export async function feedbackStatsOf(
  reads: MirrorReads,
  rows: readonly Row[],
): Promise<ReadonlyMap<string, RunRecord>> {
  const stats = new Map<string, RunRecord>();
  const traces = [...new Set(rows.flatMap((row) => textAt(row, "trace_id") ?? []))];
  if (traces.length === 0) return stats;
  const ids = new Map(rows.map((row) => [spanKey(row), textAt(row, "run_id") ?? ""]));
  const marks = traces.map((_, at) => `$${at + 1}`).join(", ");
  const found = await reads.rows(
    `SELECT trace_id, span_id, key, ${FIGURES} FROM feedback
WHERE trace_id IN (${marks}) AND span_id IS NOT NULL GROUP BY trace_id, span_id, key ORDER BY key`,
    traces,
  );
  for (const row of found) {
    const id = ids.get(spanKey(row));
    if (id === undefined) continue;
    const known = stats.get(id) ?? {};
    known[textAt(row, "key") ?? ""] = figuresOf(row);
    stats.set(id, known);
  }
  return stats;
}

const FIGURES = `count(*) AS n, avg(score) AS avg, min(score) AS min, max(score) AS max, stddev_pop(score) AS stdev,
  count(*) FILTER (error) AS errors, histogram(json_extract_string(value, '$')) FILTER (value IS NOT NULL) AS value_counts`;

function figuresOf(row: Row): RunRecord {
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
