import type { DuckDBConnection } from "@duckdb/node-api";
import { COMPACTION_ROW_GROUP_ROWS_MAX, CONTENT_COLUMN, PACKED_COLUMNS } from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { sqlString } from "../views/sql-text.js";
import { rowsOf } from "./parquet-output.js";

/** What a row of about 60 columns takes in a sort besides its texts, bytes. */
const SORTED_ROW_BYTES = 1_024;
/** From this much content a row on, sorting pays: below it there are no histories to find again. */
const CONTENT_BYTES_MIN = 64;
/** DuckDB's vectors: row groups are multiples of them. */
const VECTOR_ROWS = 2_048;

/** How much data files hold before compression. */
export interface RawSize {
  readonly rows: number;
  readonly bytes: number;
  /** Bytes of the columns that compacted files pack. */
  readonly contentBytes: number;
}

/** Reads the footers of the files: their raw sizes together. */
export async function rawSize(connection: DuckDBConnection, files: readonly FileEntry[]): Promise<RawSize> {
  if (files.length === 0) return { rows: 0, bytes: 0, contentBytes: 0 };
  const content = [...PACKED_COLUMNS, CONTENT_COLUMN.name].map(sqlString).join(", ");
  const [found] = await rowsOf(
    connection,
    `SELECT CAST(sum(total_uncompressed_size) AS DOUBLE) AS bytes,
       CAST(sum(total_uncompressed_size) FILTER (WHERE split_part(path_in_schema, ', ', 1) IN (${content})) AS DOUBLE) AS content
     FROM parquet_metadata([${files.map(({ path }) => sqlString(path)).join(", ")}])`,
  );
  return {
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    bytes: Number(found?.["bytes"] ?? 0),
    contentBytes: Number(found?.["content"] ?? 0),
  };
}

/** Whether spans of this size are worth sorting by conversation. */
export function worthSorting({ rows, contentBytes }: RawSize): boolean {
  return contentBytes >= rows * CONTENT_BYTES_MIN;
}

/** Rows that can be sorted within `bytesMax`. */
export function sortableRows({ rows, bytes }: RawSize, bytesMax: number): number {
  return Math.max(1, Math.floor(bytesMax / (bytes / rows + SORTED_ROW_BYTES)));
}

/**
 * Rows of a row group: as many as hold `bytes`. To read one value of a column its whole row group is unpacked, so rows
 * with content want small groups; lean rows want the largest that DuckDB makes.
 */
export function rowGroupRowsFor({ rows, bytes }: RawSize, groupBytes: number): number {
  const wanted = rows === 0 ? Number.POSITIVE_INFINITY : groupBytes / (bytes / rows);
  const vectors = Math.floor(Math.min(wanted, COMPACTION_ROW_GROUP_ROWS_MAX) / VECTOR_ROWS);
  return Math.max(1, vectors) * VECTOR_ROWS;
}
