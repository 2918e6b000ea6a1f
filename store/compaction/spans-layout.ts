import {
  COMPACTED_SPAN_COLUMNS,
  CONTENT_COLUMN,
  PACKED_COLUMNS,
  TABLE_COLUMNS,
  TRACE_COLUMNS,
} from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";
import { LEAST_COLUMNS, ROOT_ORDER, TRACE_KEY, totalsOfRows } from "../views/trace-parts.js";

/**
 * SQL that gives compacted `spans` files their layout: the spans of a conversation side by side, their content in
 * one map, and on one row of each trace its totals.
 */

/** Columns of the totals that TRACE_COLUMNS name otherwise than `trace_<total>`. */
const STORED: Readonly<Record<string, string>> = {
  trace_spans: "p.span_count",
  trace_errors: "p.error_count",
  trace_models: "CAST(to_json(p.models) AS VARCHAR)",
  trace_key: "p.key",
};

/** The least value of a column, unless the row has it itself. */
const LEAST = new Map(
  LEAST_COLUMNS.map((column) => [
    `trace_${column}`,
    `CASE WHEN p.least_${column} IS DISTINCT FROM s.${column} THEN p.least_${column} END`,
  ]),
);

/** Rows of the inputs with the table's columns, whichever of them the files have, and `filename`. */
export function inputRows(inputs: readonly FileEntry[], present: ReadonlySet<string>): string {
  const packed = (name: string): string => `${CONTENT_COLUMN.name}[${sqlString(name)}]`;
  const column = ({ name, type }: { name: string; type: string }): string => {
    const own = present.has(name) ? [sqlIdentifier(name)] : [];
    if (PACKED_COLUMNS.includes(name) && present.has(CONTENT_COLUMN.name)) own.push(packed(name));
    const value =
      own.length === 0 ? `CAST(NULL AS ${type})` : own.length === 1 ? own[0] : `coalesce(${own.join(", ")})`;
    return `${value} AS ${sqlIdentifier(name)}`;
  };
  const columns = TABLE_COLUMNS.spans.map(column).join(", ");
  return `(SELECT ${columns}, filename FROM ${readFiles(inputs, ", filename = true")})`;
}

/**
 * Makes the table `parts`: one row for each trace and day among `rows` (which have `day`), with its totals, the row
 * that carries them (the earliest root, else the earliest span), its `place` (conversations in order of their first
 * span, within them traces), and the `chunk` of at most about `chunkRows` rows that goes into one file.
 */
export function partsTableSql(rows: string, others: readonly FileEntry[], chunkRows: number): string {
  const elsewhere =
    others.length === 0
      ? "false"
      : `${TRACE_KEY} IN (SELECT trace_key FROM ${readFiles(others)} WHERE trace_key IS NOT NULL)`;
  return `CREATE TEMP TABLE parts AS
WITH totals AS (
  SELECT day, trace_id, min(coalesce(conversation_id, trace_id)) AS conversation,
    arg_min({'seq': seq, 'seq_index': seq_index},
      {'child': parent_span_id IS NOT NULL, 'start': ${ROOT_ORDER}, 'seq': seq, 'seq_index': seq_index}) AS carrier,
    max(start_time) AS last_start,
    ${totalsOfRows().join(",\n    ")}
  FROM ${rows} GROUP BY day, trace_id
), begun AS (
  SELECT *, min(start_time) OVER (PARTITION BY day, conversation) AS begin FROM totals
), placed AS (
  SELECT *, row_number() OVER (ORDER BY begin, conversation, start_time, trace_id) AS place FROM begun
)
SELECT *, ${TRACE_KEY} AS key,
  count(*) OVER (PARTITION BY trace_id) > 1 OR ${elsewhere} AS continues,
  CAST(sum(span_count) OVER (PARTITION BY day ORDER BY place) - span_count AS BIGINT) // ${chunkRows} AS chunk
FROM placed`;
}

/** What each file to be written gets: its rows, times and inputs. Needs the table `parts`. */
export function chunksSql(rows: string): string {
  return `SELECT p.day, p.chunk, CAST(sum(p.span_count) AS BIGINT) AS rows,
  epoch_ns(min(p.start_time)) AS min_time, epoch_ns(max(p.last_start)) AS max_time, any_value(f.files) AS files
FROM parts AS p JOIN (
  SELECT p.day, p.chunk, list(DISTINCT s.filename) AS files
  FROM ${rows} AS s JOIN parts AS p ON p.day = s.day AND p.trace_id IS NOT DISTINCT FROM s.trace_id
  GROUP BY ALL
) AS f ON f.day = p.day AND f.chunk = p.chunk
GROUP BY p.day, p.chunk ORDER BY p.day, p.chunk`;
}

/**
 * SELECT of one file's compacted rows; `rows` is a relation with the table's columns and `day`. `sorted`: in the order
 * of `parts`; otherwise in that of the rows.
 */
export function compactedSelect(rows: string, file: { day: string; chunk: string }, sorted: boolean): string {
  const map = PACKED_COLUMNS.map((name) => `{'key': ${sqlString(name)}, 'value': s.${name}}`).join(", ");
  const carrier = "s.seq = p.carrier.seq AND s.seq_index = p.carrier.seq_index";
  const column = (name: string): string => {
    if (name === CONTENT_COLUMN.name) {
      return `map_from_entries(list_filter([${map}], lambda e: e.value IS NOT NULL)) AS ${name}`;
    }
    // On every row a number: see TRACE_COLUMNS.
    if (name === "trace_continues") {
      return `CASE WHEN ${carrier} AND p.continues THEN p.key ELSE -1 END AS ${name}`;
    }
    if (!TRACE_COLUMNS.some((trace) => trace.name === name)) return `s.${sqlIdentifier(name)}`;
    const value = STORED[name] ?? LEAST.get(name) ?? `p.${name.slice("trace_".length)}`;
    return `CASE WHEN ${carrier} THEN ${value} END AS ${name}`;
  };
  return `SELECT ${COMPACTED_SPAN_COLUMNS.map(({ name }) => column(name)).join(", ")}
FROM ${rows} AS s
JOIN (FROM parts WHERE day = ${file.day} AND chunk = ${file.chunk}) AS p ON p.trace_id IS NOT DISTINCT FROM s.trace_id
WHERE s.day = ${file.day}${sorted ? "\nORDER BY p.place, s.start_time NULLS LAST, s.seq, s.seq_index" : ""}`;
}
