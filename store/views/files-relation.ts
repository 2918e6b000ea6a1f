import { type Column, TABLE_COLUMNS } from "../../schema/columns.js";
import { COMPACTED_FORMAT_VERSION, CONTENT_COLUMN, PACKED_COLUMNS } from "../../schema/compacted-columns.js";
import { SUPERSEDED_COLUMNS } from "../superseded.js";
import type { FileEntry } from "../types.js";
import { sqlIdentifier, sqlString } from "./sql-text.js";

/** What a view's SQL needs to know of a file: its path as DuckDB opens it, which columns it has, and of what time it is. */
export type ViewFile = Pick<
  FileEntry,
  "path" | "formatVersion" | "columnsVersion" | "minTimeUnixNano" | "maxTimeUnixNano" | "logContent"
>;

/** LangSmith run id: the root's is its trace id as a UUID, any other run's its span id, zero-padded (invariant I6). */
export const RUN_ID = `coalesce(run_id, CASE WHEN parent_span_id IS NULL
    THEN substr(trace_id, 1, 8) || '-' || substr(trace_id, 9, 4) || '-' || substr(trace_id, 13, 4) || '-' || substr(trace_id, 17, 4) || '-' || substr(trace_id, 21, 12)
    ELSE '00000000-0000-0000-' || substr(span_id, 1, 4) || '-' || substr(span_id, 5, 12) END)`;

/** Whether a `spans` file has the columns of COMPACTED_SPAN_COLUMNS. */
export function isCompacted(file: Pick<FileEntry, "formatVersion">): boolean {
  return file.formatVersion >= COMPACTED_FORMAT_VERSION;
}

/**
 * `read_parquet` over exactly these files, in their order; `more` are further options. Compacted files of the
 * same two versions all have the same columns: DuckDB need not compare those of each file every time that a view is bound.
 */
export function readFiles(files: readonly ViewFile[], more = ""): string {
  const list = files.map(({ path }) => `\n  ${sqlString(path)}`).join(",");
  const [first] = files;
  const alike =
    first !== undefined &&
    isCompacted(first) &&
    files.every(
      ({ columnsVersion, formatVersion }) =>
        formatVersion === first.formatVersion && columnsVersion === first.columnsVersion,
    );
  return `read_parquet([${list}\n], ${alike ? "" : "union_by_name = true, "}hive_partitioning = false${more})`;
}

/**
 * A relation over exactly the listed files. Without files it is typed and empty. There is deliberately no
 * `UNION ALL` with an empty part for columns that no file has yet: it makes `ORDER BY start_time LIMIT 20` over all
 * columns eight times slower, because DuckDB then reads every column of every row first.
 */
export function filesRelation(columns: readonly Column[], files: readonly ViewFile[]): string {
  if (files.length > 0) return readFiles(files);
  const nulls = columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${sqlIdentifier(name)}`);
  return `(SELECT ${nulls.join(", ")} WHERE false)`;
}

/** SQL of a column of `spans` over these files, whichever layout they have. */
export function storedValue(name: string, files: readonly ViewFile[]): string {
  const column = sqlIdentifier(name);
  if (!PACKED_COLUMNS.includes(name) || !files.some(isCompacted)) return column;
  const packed = `${CONTENT_COLUMN.name}[${sqlString(name)}]`;
  return files.every(isCompacted) ? packed : `coalesce(${column}, ${packed})`;
}

/** Whether any of these files has the columns of that COLUMNS_VERSION; true when there are none. */
export function isKnown(since: number, files: readonly ViewFile[]): boolean {
  return files.length === 0 || files.some(({ columnsVersion = 1 }) => columnsVersion >= since);
}

/** SQL of one column over these files: null when it is newer than all of them, as no file has it then. */
export function storedColumn({ name, since = 1, type }: Column, files: readonly ViewFile[]): string {
  return isKnown(since, files) ? storedValue(name, files) : `CAST(NULL AS ${type})`;
}

/** Select list of a table's columns over these files, whichever layout they have and however old they are. */
export function storedColumns(columns: readonly Column[], files: readonly ViewFile[]): string {
  return columns
    .map((column) => `${storedColumn(column, files)} AS ${sqlIdentifier(column.name)}`)
    .join(", ");
}

/** Every row of these `spans` files, also those that lost against another, with exactly the table's columns. */
export function everySpan(files: readonly ViewFile[]): string {
  return `(SELECT ${storedColumns(TABLE_COLUMNS.spans, files)} FROM ${filesRelation(TABLE_COLUMNS.spans, files)})`;
}

/** The rows that count, one for each span that came more than once. */
export function winnersRelation(superseded: readonly ViewFile[]): string {
  return `(SELECT trace_id, span_id, max({'seq': seq, 'seq_index': seq_index}) AS winner
  FROM ${filesRelation(SUPERSEDED_COLUMNS, superseded)}
  GROUP BY trace_id, span_id)`;
}
