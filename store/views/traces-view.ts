import { TABLE_COLUMNS } from "../../schema/columns.js";
import { SUPERSEDED_COLUMNS } from "../superseded.js";
import { contentRows, filesInReach } from "../log-content/log-content-sql.js";
import { TRACE_KEY } from "./trace-gaps.js";
import { filesRelation, isCompacted, readFiles, type ViewFile } from "./files-relation.js";
import { type SpanOverlays, spansSelect } from "./spans-view.js";
import { mergedParts, partsOfRows, storedParts, tracesOfParts, tracesOfRows } from "./trace-parts.js";

/** What the view `traces` reads. */
export interface TraceSources {
  readonly spans: readonly ViewFile[];
  readonly overlays: SpanOverlays;
  /** Whether there is any feedback: the view `feedback` exists then. */
  readonly feedback: boolean;
}

/** Average scores by key, for each trace that has feedback on itself or on one of its spans. */
const SCORES = `SELECT trace_id, map_from_entries(list({'key': key, 'value': score} ORDER BY key)) AS feedback
FROM (SELECT trace_id, key, CAST(avg(score) AS DOUBLE) AS score FROM feedback
  WHERE trace_id IS NOT NULL AND score IS NOT NULL GROUP BY ALL)
GROUP BY trace_id`;

/** The statement that makes the view `traces`, which uses the view `spans`. Without feedback nobody pays for it. */
export function tracesView({ spans, overlays, feedback }: TraceSources): string {
  const traces = tracesSelect(spans, overlays);
  const select = feedback
    ? `SELECT t.*, f.feedback FROM (${traces}) AS t LEFT JOIN (${SCORES}) AS f ON f.trace_id = t.trace_id`
    : `SELECT *, CAST(NULL AS MAP(VARCHAR, DOUBLE)) AS feedback FROM (${traces})`;
  return `-- traces: one row a trace.\nCREATE OR REPLACE VIEW traces AS\n${select};`;
}

/**
 * Rows of `traces`. No part of it is materialized: DuckDB would then read every column of every file, and could not
 * stop early in `ORDER BY start_time DESC LIMIT`. Where a trace lies in one compacted file alone, its row is there,
 * ready-made, so that lists read little. The others are put together: those with rows in files that aren't compacted,
 * in several files, or with a span that came twice.
 */
function tracesSelect(spans: readonly ViewFile[], overlays: SpanOverlays): string {
  const compacted = spans.filter(isCompacted);
  const fresh = spans.filter((file) => !isCompacted(file));
  if (compacted.length === 0) return tracesOfRows("spans");
  const changed = changedKeys(filesInReach(compacted, overlays.content), overlays);
  const twice = changed.length === 0 ? "" : `(${changed.join("\nUNION ALL ")})`;
  const open = [
    `SELECT trace_continues FROM ${readFiles(compacted)} WHERE trace_continues >= 0`,
    ...(fresh.length === 0 ? [] : [`SELECT ${TRACE_KEY} FROM ${filesRelation(TABLE_COLUMNS.spans, fresh)}`]),
    ...(twice === "" ? [] : [`FROM ${twice}`]),
  ];
  const but = (key: string): string => (twice === "" ? "" : `${key} NOT IN ${twice}`);
  const where = (condition: string): string => (condition === "" ? "" : `WHERE ${condition}`);
  const parts = [
    `SELECT * EXCLUDE (trace_key, orphans, clock_skew_ns) FROM (${storedParts(compacted, `trace_key IN (FROM open)${twice === "" ? "" : ` AND ${but("trace_key")}`}`)})`,
    ...(fresh.length === 0
      ? []
      : [partsOfRows(`(${spansSelect(fresh, overlays)}) AS s ${where(but(TRACE_KEY))}`)]),
    ...(twice === "" ? [] : [partsOfRows(`spans WHERE ${TRACE_KEY} IN ${twice}`)]),
  ];
  return `WITH
open AS NOT MATERIALIZED (${open.join("\nUNION ALL ")}),
stored AS NOT MATERIALIZED (${storedParts(compacted)})
${tracesOfParts("stored WHERE trace_key NOT IN (FROM open)")}
UNION ALL
${tracesOfParts(mergedParts(parts.join("\nUNION ALL\n")))}`;
}

/** Keys of traces of which compacted files don't tell all: a span came twice, or log records are still to be joined. */
function changedKeys(inReach: readonly ViewFile[], { superseded, content }: SpanOverlays): string[] {
  return [
    ...(superseded.length === 0
      ? []
      : [`SELECT ${TRACE_KEY} FROM ${filesRelation(SUPERSEDED_COLUMNS, superseded)}`]),
    ...(inReach.length === 0
      ? []
      : [
          `SELECT trace_key FROM ${readFiles(inReach)} WHERE trace_key IN (SELECT ${TRACE_KEY} FROM ${contentRows(content)})`,
        ]),
  ];
}
