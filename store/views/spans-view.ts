import { TABLE_COLUMNS } from "../../schema/columns.js";
import { LOG_CONTENT_TABLE } from "../../schema/log-content-columns.js";
import {
  contentBySpan,
  contentRows,
  filesInReach,
  joinedColumns,
  onSpan,
} from "../log-content/log-content-sql.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import {
  everySpan,
  filesRelation,
  RUN_ID,
  storedColumn,
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
}

/** The overlays of a mirror. */
export function spanOverlays(files: (table: string) => readonly ViewFile[]): SpanOverlays {
  return { superseded: files(SUPERSEDED_TABLE), content: files(LOG_CONTENT_TABLE) };
}

/**
 * SELECT of the rows that count among these `spans` files, as the view `spans` shows them. Only files that may hold spans
 * of pending log records are joined with them: nearly none of an old mirror.
 */
export function spansSelect(files: readonly ViewFile[], overlays: SpanOverlays): string {
  const near = new Set(filesInReach(files, overlays.content));
  const rest = files.filter((file) => !near.has(file));
  if (near.size === 0) return plainSelect(files, overlays);
  const joined = joinedSelect([...near], overlays);
  return rest.length === 0 ? joined : `${joined}\nUNION ALL\n${plainSelect(rest, overlays)}`;
}

function hidden({ superseded }: SpanOverlays): string {
  return superseded.length === 0
    ? ""
    : `
WHERE NOT EXISTS (
  FROM ${winnersRelation(superseded)} AS w
  WHERE w.trace_id = s.trace_id AND w.span_id = s.span_id
    AND (w.winner.seq <> s.seq OR w.winner.seq_index <> s.seq_index))`;
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
  const joined = joinedColumns("add");
  const columns = TABLE_COLUMNS.spans.map(({ name }) =>
    name === "run_id"
      ? `${RUN_ID} AS run_id`
      : `${joined.get(name) ?? sqlIdentifier(name)} AS ${sqlIdentifier(name)}`,
  );
  return `SELECT ${columns.join(", ")}
FROM ${everySpan(files)} AS s
LEFT JOIN ${contentBySpan(contentRows(overlays.content))} AS l ON ${onSpan("l")}${hidden(overlays)}`;
}
