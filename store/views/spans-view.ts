import { TABLE_COLUMNS } from "../../schema/columns.js";
import { LOG_CONTENT_TABLE } from "../../schema/log-content-columns.js";
import {
  contentBySpan,
  contentRows,
  filesInReach,
  joinedColumns,
  onSpan,
} from "../log-content/log-content-sql.js";
import { carriedBySpan, mayHoldLogContent } from "../log-content/carried-content.js";
import { RUN_TAGS } from "../../schema/records/marks.js";
import { columnsOf } from "../../schema/tables.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import {
  everySpan,
  filesRelation,
  isCompacted,
  RUN_ID,
  storedColumn,
  storedColumns,
  type ViewFile,
  winnersRelation,
} from "./files-relation.js";
import { sqlIdentifier } from "./sql-text.js";

/** Files whose rows change how those of `spans` show. */
export interface SpanOverlays {
  /** Of `superseded`: which row of a span counts. */
  readonly superseded: readonly ViewFile[];
  /** Of `log_content`: what log records say that is not in the rows yet. */
  readonly content: readonly ViewFile[];
  /** Of `spans`, when a span came twice: rows in them may hold what log records said of it. */
  readonly carried: readonly ViewFile[];
}

/** The overlays of a mirror. */
export function spanOverlays(files: (table: string) => readonly ViewFile[]): SpanOverlays {
  const superseded = files(SUPERSEDED_TABLE);
  const carried = superseded.length === 0 ? [] : files("spans").filter(mayHoldLogContent);
  return { superseded, content: files(LOG_CONTENT_TABLE), carried };
}

/**
 * SELECT of the rows that count among these `spans` files, as the view `spans` shows them. Only files that may hold spans
 * of pending log records are joined with them: nearly none of an old mirror. Files that are not compacted may hold a span
 * that was sent again after what log records said was written into its first row.
 */
export function spansSelect(files: readonly ViewFile[], overlays: SpanOverlays): string {
  const again = overlays.carried.length === 0 ? [] : files.filter((file) => !isCompacted(file));
  const near = new Set([...filesInReach(files, overlays.content), ...again]);
  const rest = files.filter((file) => !near.has(file));
  if (near.size === 0) return plainSelect(files, overlays);
  const joined = joinedSelect([...near], overlays);
  return rest.length === 0 ? joined : `${joined}\nUNION ALL\n${plainSelect(rest, overlays)}`;
}

function hidden({ superseded }: SpanOverlays): string {
  return superseded.length === 0 ? "" : `\nWHERE NOT ${isHidden("s", superseded)}`;
}

/** Condition that another row than that of `alias` counts of its span. */
function isHidden(alias: string, superseded: readonly ViewFile[]): string {
  return `EXISTS (
  FROM ${winnersRelation(superseded)} AS w
  WHERE w.trace_id = ${alias}.trace_id AND w.span_id = ${alias}.span_id
    AND (w.winner.seq <> ${alias}.seq OR w.winner.seq_index <> ${alias}.seq_index))`;
}

function plainSelect(files: readonly ViewFile[], overlays: SpanOverlays): string {
  const columns = TABLE_COLUMNS.spans.map((column) =>
    column.name === "run_id"
      ? `${RUN_ID} AS run_id`
      : `${storedColumn(column, files)} AS ${sqlIdentifier(column.name)}`,
  );
  return `SELECT ${columns.join(", ")}
FROM ${filesRelation(TABLE_COLUMNS.spans, files)} AS s${hidden(overlays)}`;
}

function joinedSelect(files: readonly ViewFile[], overlays: SpanOverlays): string {
  const { carried, content, superseded } = overlays;
  const contents = [
    ...(carried.length === 0 ? [] : [carriedBySpan(everySpan(carried), isHidden("s", superseded))]),
    ...(content.length === 0 ? [] : [contentBySpan(contentRows(content))]),
  ];
  const rows = contents.reduce((relation, one) => `(${withContent(relation, one)})`, everySpan(files));
  return `SELECT * FROM ${rows} AS s${hidden(overlays)}`;
}

/** The rows with what log records say in their columns. */
function withContent(rows: string, content: string): string {
  const joined = joinedColumns("add");
  const columns = TABLE_COLUMNS.spans.map(({ name }) =>
    name === "run_id"
      ? `${RUN_ID} AS run_id`
      : `${joined.get(name) ?? sqlIdentifier(name)} AS ${sqlIdentifier(name)}`,
  );
  return `SELECT ${columns.join(", ")}
FROM ${rows} AS s
LEFT JOIN ${content} AS l ON ${onSpan("l")}`;
}

/**
 * The rows of a SELECT of `spans` with the tags that were put on runs later behind those that they came with. Without any,
 * the SELECT itself: no query pays for what nobody uses.
 */
export function withRunTags(select: string, files: readonly ViewFile[]): string {
  if (files.length === 0) return select;
  const columns = columnsOf(RUN_TAGS.table);
  const history = `(SELECT ${storedColumns(columns, files)} FROM ${filesRelation(columns, files)})`;
  return `SELECT s.* REPLACE (CASE WHEN t.added IS NULL THEN s.tags ELSE CAST(to_json(list_concat(
    coalesce(from_json(s.tags, '["VARCHAR"]'), []),
    list_filter(t.added, lambda tag: NOT list_contains(coalesce(from_json(s.tags, '["VARCHAR"]'), []), tag)))) AS VARCHAR) END AS tags)
FROM (${select}) AS s LEFT JOIN (
  SELECT trace_id, span_id, list(tag ORDER BY seq, seq_index) AS added FROM (
    FROM ${history} QUALIFY row_number() OVER (PARTITION BY id ORDER BY seq DESC, seq_index DESC) = 1
  ) WHERE op = 'put' GROUP BY trace_id, span_id
) AS t ON t.trace_id = s.trace_id AND t.span_id = s.span_id`;
}
