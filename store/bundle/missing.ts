import { TABLE_COLUMNS, type TelemetryTable } from "../../schema/index.js";
import { sqlIdentifier } from "../views/sql-text.js";
import { CHANGE_IDENTITY } from "./change-rows.js";

/** Columns that only say where in the journal a row is. */
const PLACE = new Set(["seq", "seq_index", "received_at"]);

/**
 * The rows of a bundle's relation that the view of the same name lacks. A span is there when a row of it is that is as
 * good by the mirror's own rule (ended, then later received). Log records and data points have no ids: as many of the same
 * content and time of receipt as there are here already are left out.
 */
export function missingRows(table: TelemetryTable, relation: string): string {
  if (table === "spans") {
    return `(SELECT * FROM ${relation} AS b WHERE NOT EXISTS (FROM spans AS t
      WHERE t.trace_id = b.trace_id AND t.span_id = b.span_id
        AND ((t.end_time IS NOT NULL AND b.end_time IS NULL)
          OR ((t.end_time IS NULL) = (b.end_time IS NULL) AND t.received_at >= b.received_at))))`;
  }
  const columns = TABLE_COLUMNS[table].map(({ name }) => name).filter((name) => !PLACE.has(name));
  return lacking({ relation, here: table, columns });
}

/** Rows of `relation` beyond those that `here` has with the same `columns` and time of receipt. */
function lacking({
  relation,
  here,
  columns,
}: {
  readonly relation: string;
  readonly here: string;
  readonly columns: readonly string[];
}): string {
  const hash = `hash(${columns.map(sqlIdentifier).join(", ")})`;
  return `(SELECT * EXCLUDE (content_hash, n) FROM (
      SELECT *, ${hash} AS content_hash,
        row_number() OVER (PARTITION BY received_at, ${hash} ORDER BY seq, seq_index) AS n FROM ${relation}) AS b
    WHERE NOT EXISTS (
      FROM (SELECT received_at, ${hash} AS content_hash, count(*) AS times FROM ${here} GROUP BY ALL) AS t
      WHERE t.received_at = b.received_at AND t.content_hash = b.content_hash AND t.times >= b.n))`;
}

/** Changes of `bundle_changes` that people and rules decided and `changes_here` lacks. */
export const missingChanges = `FROM ${lacking({
  relation: "(SELECT * FROM bundle_changes WHERE seq IS NOT NULL)",
  here: "changes_here",
  columns: CHANGE_IDENTITY,
})}`;

/** Of a change `b` of the bundle: whether the same thing was changed here after the last change that the bundle knows. */
export const newerHere = `EXISTS (
  FROM (SELECT type, id, max(received_at) AS last FROM changes_here WHERE coalesce(source, '') <> 'otlp' GROUP BY ALL) AS t
  JOIN (SELECT type, id, max(received_at) AS last FROM bundle_changes WHERE seq IS NOT NULL GROUP BY ALL) AS o USING (type, id)
  WHERE t.type = b.type AND t.id = b.id AND t.last > o.last)`;

/** Readings of telemetry in `bundle_changes` that the telemetry here does not give. */
export const missingReadings = `SELECT * FROM bundle_changes AS b WHERE seq IS NULL AND NOT EXISTS (
  FROM changes_here AS t WHERE t.type = b.type AND t.id = b.id AND t.source = 'otlp'
    AND (t.time > b.time OR (t.time IS NOT DISTINCT FROM b.time AND t.op = b.op AND t.data IS NOT DISTINCT FROM b.data)))`;
