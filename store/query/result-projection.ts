import type { ChildRequest, QueryColumn } from "./query-types.js";
import { sqlIdentifier } from "../views/sql-text.js";

/** What DuckDB itself writes. */
export type CopyFormat = Exclude<ChildRequest["format"], "arrow">;

const TIMES = new Set(["TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP_S"]);
const FLOATS = new Set(["DOUBLE", "FLOAT"]);
/** Integer types whose values JavaScript's numbers can't all hold. */
export const BIG_INTEGERS: ReadonlySet<string> = new Set(["BIGINT", "UBIGINT", "HUGEINT", "UHUGEINT"]);

/** ISO 8601 text, UTC, with as many fraction digits as the value has; infinities stay words. */
function isoTime(column: string, type: string): string {
  const utc = type === "TIMESTAMP WITH TIME ZONE" ? `(${column} AT TIME ZONE 'UTC')` : column;
  const text = `CAST(${utc} AS VARCHAR)`;
  return `CASE WHEN ${text} LIKE '%:%' THEN replace(${text}, ' ', 'T') || 'Z' ELSE ${text} END`;
}

/** A finite number as it is, and NaN or an infinity, which JSON has no number for, as a string. */
function jsonFloat(column: string): string {
  return `CASE WHEN isfinite(${column}) THEN to_json(${column}) ELSE to_json(CAST(${column} AS VARCHAR)) END`;
}

function textColumn({ name, type }: QueryColumn, format: ChildRequest["format"]): string {
  const column = sqlIdentifier(name);
  if (TIMES.has(type) || type === "TIMESTAMP WITH TIME ZONE") return `${isoTime(column, type)} AS ${column}`;
  if (type === "BLOB") return `to_base64(${column}) AS ${column}`;
  if (format !== "csv" && FLOATS.has(type)) return `${jsonFloat(column)} AS ${column}`;
  if (format === "rows" && BIG_INTEGERS.has(type)) return `CAST(${column} AS VARCHAR) AS ${column}`;
  return column;
}

/** The select list that turns a result's columns into what the format can carry exactly. */
export function projectionSql(columns: readonly QueryColumn[], format: ChildRequest["format"]): string {
  if (format === "parquet" || format === "arrow")
    return columns.map(({ name }) => sqlIdentifier(name)).join(", ");
  if (format === "table") {
    return `[${columns.map(({ name }) => `CAST(${sqlIdentifier(name)} AS VARCHAR)`).join(", ")}] AS r`;
  }
  return columns.map((column) => textColumn(column, format)).join(", ");
}

const COPY_OPTIONS: Readonly<Record<CopyFormat, string>> = {
  parquet: "FORMAT parquet, COMPRESSION zstd",
  csv: "FORMAT csv, HEADER true",
  json: "FORMAT json, ARRAY true",
  jsonl: "FORMAT json, ARRAY false",
  table: "FORMAT json, ARRAY false",
  rows: "FORMAT json, ARRAY false",
};

/** COPY's options for the format. */
export function copyOptions(format: CopyFormat): string {
  return COPY_OPTIONS[format];
}
