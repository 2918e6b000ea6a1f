import { TABLE_COLUMNS } from "../../schema/index.js";
import { SUPERSEDED_COLUMNS } from "../superseded.js";
import { filesRelation, isCompacted, readFiles, spansSelect, type ViewFile } from "./files-relation.js";
import { mergedParts, partsOfRows, storedParts, TRACE_KEY, tracesOfParts } from "./trace-parts.js";

const HEAD = "-- traces: one row a trace.\nCREATE OR REPLACE VIEW traces AS\n";

/**
 * The view `traces`. No part of it is materialized: DuckDB would then read every column of every file, and could not
 * stop early in `ORDER BY start_time DESC LIMIT`. Where a trace lies in one compacted file alone, its row is there,
 * ready-made, so that lists read little. The others are put together: those with rows in files that aren't compacted,
 * in several files, or with a span that came twice.
 */
export function tracesView(spans: readonly ViewFile[], superseded: readonly ViewFile[]): string {
  const compacted = spans.filter(isCompacted);
  const fresh = spans.filter((file) => !isCompacted(file));
  if (compacted.length === 0) return `${HEAD}${tracesOfParts(`(${partsOfRows("spans")})`)};`;
  const twice =
    superseded.length === 0
      ? ""
      : `(SELECT ${TRACE_KEY} FROM ${filesRelation(SUPERSEDED_COLUMNS, superseded)})`;
  const open = [
    `SELECT trace_continues FROM ${readFiles(compacted)} WHERE trace_continues >= 0`,
    ...(fresh.length === 0 ? [] : [`SELECT ${TRACE_KEY} FROM ${filesRelation(TABLE_COLUMNS.spans, fresh)}`]),
    ...(twice === "" ? [] : [`FROM ${twice}`]),
  ];
  const but = (key: string): string => (twice === "" ? "" : `${key} NOT IN ${twice}`);
  const where = (condition: string): string => (condition === "" ? "" : `WHERE ${condition}`);
  const parts = [
    `SELECT * EXCLUDE (trace_key) FROM (${storedParts(compacted, `trace_key IN (FROM open)${twice === "" ? "" : ` AND ${but("trace_key")}`}`)})`,
    ...(fresh.length === 0
      ? []
      : [partsOfRows(`(${spansSelect(fresh, superseded)}) AS s ${where(but(TRACE_KEY))}`)]),
    ...(twice === "" ? [] : [partsOfRows(`spans WHERE ${TRACE_KEY} IN ${twice}`)]),
  ];
  return `${HEAD}WITH
open AS NOT MATERIALIZED (${open.join("\nUNION ALL ")}),
stored AS NOT MATERIALIZED (${storedParts(compacted)})
${tracesOfParts("stored WHERE trace_key NOT IN (FROM open)")}
UNION ALL
${tracesOfParts(`(${mergedParts(parts.join("\nUNION ALL\n"))})`)};`;
}
