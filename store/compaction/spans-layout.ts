import {
  COMPACTED_SPAN_COLUMNS,
  CONTENT_COLUMN,
  PACKED_COLUMNS,
  TABLE_COLUMNS,
  TRACE_COLUMNS,
  TRACE_REPAIR_SPANS_MAX,
} from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";
import { idNumber, LISTS_OF_ROWS, TRACE_KEY, withGaps } from "../views/trace-gaps.js";
import { USAGE_LINKS, USAGE_OF_ROWS, withCounted } from "../views/trace-usage.js";
import { END_ORDER, LEAST_COLUMNS, START_ORDER, totalsOfRows } from "../views/trace-parts.js";

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
  trace_open: "p.open_spans",
  trace_error: "p.first_error",
  trace_error_order: "CAST(p.error_order AS VARCHAR)",
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

/** A row's name for ever. */
const ROW = "{'seq': seq, 'seq_index': seq_index}";

/**
 * Makes the table `totals`: one row for each trace and day among `rows` (which have `day`), with its totals, the row
 * that carries them (the earliest root, else the earliest span), and the rows with its first input and last output.
 * `elsewhere`: other compacted files have spans of it, too.
 */
export function totalsTableSql(rows: string, others: readonly FileEntry[]): string {
  const elsewhere =
    others.length === 0
      ? "false"
      : `${TRACE_KEY} IN (SELECT trace_key FROM ${readFiles(others)} WHERE trace_key IS NOT NULL)`;
  return `CREATE TEMP TABLE totals AS
WITH totals AS (
  SELECT day, trace_id, min(coalesce(conversation_id, trace_id)) AS conversation,
    arg_min(${ROW}, {'child': parent_span_id IS NOT NULL, 'start': ${START_ORDER}, 'seq': seq, 'seq_index': seq_index}) AS carrier,
    arg_min(${ROW}, ${START_ORDER}) FILTER (WHERE input_messages IS NOT NULL) AS input_row,
    min(${START_ORDER}) FILTER (WHERE input_messages IS NOT NULL) AS input_order,
    arg_max(${ROW}, ${END_ORDER}) FILTER (WHERE output_messages IS NOT NULL) AS output_row,
    max(${END_ORDER}) FILTER (WHERE output_messages IS NOT NULL) AS output_order,
    max(start_time) AS last_start,
    ${[...totalsOfRows(), ...LISTS_OF_ROWS, ...USAGE_OF_ROWS].join(",\n    ")}
  FROM ${rows} GROUP BY day, trace_id
)
SELECT *, ${TRACE_KEY} AS key, count(*) OVER (PARTITION BY trace_id) > 1 AS divided, ${elsewhere} AS elsewhere,
  list_filter(parents, lambda p: p IS NOT NULL AND NOT list_contains(ids, p)) AS wanted
FROM (${withCounted(`FROM ${withinBound("totals")}`, { unseen: false })})`;
}

/** Totals without the lists of huge traces, which take too long to look through. */
function withinBound(totals: string): string {
  const lists = ["ids", "parents", "starts", "certain", "tree_ids", "tree_parents", "reports"];
  return `(SELECT * REPLACE (${lists
    .map((name) => `CASE WHEN span_count <= ${TRACE_REPAIR_SPANS_MAX} THEN ${name} END AS ${name}`)
    .join(", ")}) FROM ${totals})`;
}

/** The files among `others` that may have parents that the table `totals` wants. */
export function filesWithParentsSql(others: readonly FileEntry[]): string {
  return `SELECT DISTINCT filename FROM ${readFiles(others, ", filename = true")}
WHERE trace_key IN (SELECT key FROM totals WHERE elsewhere AND len(wanted) > 0)`;
}

/** Makes the table `found`: of the parents that `totals` wants, those in these files. */
export function foundTableSql(files: readonly FileEntry[]): string {
  const id = idNumber("span_id");
  const source =
    files.length === 0
      ? "SELECT NULL::VARCHAR AS trace_id, NULL::UBIGINT AS id, NULL::BIGINT AS start WHERE false"
      : `SELECT DISTINCT trace_id, ${id} AS id, epoch_ns(start_time) AS start FROM ${readFiles(files)}
    WHERE (trace_id, ${id}) IN (SELECT trace_id, unnest(wanted) FROM totals WHERE elsewhere)`;
  return `CREATE TEMP TABLE found AS
SELECT trace_id, list(id) AS found_ids, list(start) AS found_starts FROM (${source}) GROUP BY trace_id`;
}

/**
 * Makes the table `parts` of `totals` and `found`: also with what is missing, its `place` (conversations in order of
 * their first span, within them traces), and the `chunk` of at most about `chunkRows` rows that goes into one file.
 */
export function partsTableSql(chunkRows: number): string {
  const joined = `SELECT t.*, found_ids, found_starts, list_concat(ids, found_ids) AS known_ids, list_concat(starts, found_starts) AS known_starts,
    list_concat(parents, list_transform(found_ids, lambda f: CAST(NULL AS UBIGINT))) AS known_parents
  FROM totals AS t LEFT JOIN found AS f ON f.trace_id = t.trace_id`;
  const gaps = withGaps(joined, { ids: "known_ids", starts: "known_starts", hidden: "false" });
  return `CREATE TEMP TABLE parts AS
WITH begun AS (
  SELECT *, divided OR elsewhere AS continues, min(start_time) OVER (PARTITION BY day, conversation) AS begin FROM ${gaps}
), placed AS (
  SELECT *, row_number() OVER (ORDER BY begin, conversation, start_time, trace_id) AS place FROM begun
)
SELECT * EXCLUDE (ids, parents, starts, certain, tree_ids, tree_parents, reports, repeated_calls, found_ids, found_starts, known_ids, known_starts, known_parents, wanted),
  CASE WHEN continues OR roots = 0 OR orphans > 0
    THEN CAST(to_json({'ids': known_ids, 'parents': known_parents, 'starts': known_starts, ${USAGE_LINKS}}) AS VARCHAR) END AS links,
  CAST(sum(span_count) OVER (PARTITION BY day ORDER BY place) - span_count AS BIGINT) // ${chunkRows} AS chunk
FROM placed`;
}

/** Condition that a trace's first input or last output is not on the row that carries its totals. */
const OTHER_ROW = {
  input: "input_row IS DISTINCT FROM carrier",
  output: "output_row IS DISTINCT FROM carrier",
};

/** Condition that a row of `parts` has a text on another row than the one that carries its totals. */
const HAS_OTHER_TEXTS = `(input_row IS NOT NULL AND ${OTHER_ROW.input} OR output_row IS NOT NULL AND ${OTHER_ROW.output})`;

/** What each file to be written gets: its rows, times and inputs. Needs the table `parts`. */
export function chunksSql(rows: string): string {
  return `SELECT p.day, p.chunk, CAST(sum(p.span_count) AS BIGINT) AS rows,
  epoch_ns(min(p.start_time)) AS min_time, epoch_ns(max(p.last_start)) AS max_time, any_value(f.files) AS files,
  bool_or(${HAS_OTHER_TEXTS}) AS other_texts
FROM parts AS p JOIN (
  SELECT p.day, p.chunk, list(DISTINCT s.filename) AS files
  FROM ${rows} AS s JOIN parts AS p ON p.day = s.day AND p.trace_id IS NOT DISTINCT FROM s.trace_id
  GROUP BY ALL
) AS f ON f.day = p.day AND f.chunk = p.chunk
GROUP BY p.day, p.chunk ORDER BY p.day, p.chunk`;
}

/** Joins that bring first inputs and last outputs from other rows to the totals of their traces, and their map entries. */
function textsOf(rows: string, chunk: string): { joins: string; entries: (carrier: string) => string[] } {
  const which = ["input", "output"] as const;
  const text = (name: (typeof which)[number]): string => `
LEFT JOIN (
  SELECT p.trace_id, any_value(r.${name}_messages) AS text
  FROM ${rows} AS r JOIN ${chunk} AS p ON p.trace_id IS NOT DISTINCT FROM r.trace_id
    AND p.${name}_row.seq = r.seq AND p.${name}_row.seq_index = r.seq_index AND p.${OTHER_ROW[name]}
  GROUP BY p.trace_id
) AS ${name}_text ON ${name}_text.trace_id IS NOT DISTINCT FROM p.trace_id`;
  return {
    joins: which.map(text).join(""),
    entries: (carrier) =>
      which.flatMap((name) => [
        `{'key': 'trace_${name}', 'value': CASE WHEN ${carrier} THEN ${name}_text.text END}`,
        `{'key': 'trace_${name}_order', 'value': CASE WHEN ${carrier} AND ${name}_text.text IS NOT NULL THEN CAST(p.${name}_order AS VARCHAR) END}`,
      ]),
  };
}

/**
 * SELECT of one file's compacted rows; `rows` is a relation with the table's columns and `day`. `sorted`: in the order
 * of `parts`, the newest conversation first; otherwise in that of the rows.
 */
export function compactedSelect(
  rows: string,
  file: { day: string; chunk: string; otherTexts: boolean },
  sorted: boolean,
): string {
  const packed = PACKED_COLUMNS.map((name) => `{'key': ${sqlString(name)}, 'value': s.${name}}`);
  const carrier = "s.seq = p.carrier.seq AND s.seq_index = p.carrier.seq_index";
  const chunk = `(FROM parts WHERE day = ${file.day} AND chunk = ${file.chunk})`;
  const texts = file.otherTexts ? textsOf(rows, chunk) : undefined;
  const map = [...packed, ...(texts?.entries(carrier) ?? [])].join(", ");
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
JOIN ${chunk} AS p ON p.trace_id IS NOT DISTINCT FROM s.trace_id${texts?.joins ?? ""}
WHERE s.day = ${file.day}${sorted ? "\nORDER BY p.place DESC, s.start_time NULLS LAST, s.seq, s.seq_index" : ""}`;
}
