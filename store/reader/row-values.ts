import type { DuckDBResultReader, DuckDBValue } from "@duckdb/node-api";
import { duckdb } from "../duckdb.js";
import type { SqlValue } from "../query/query-types.js";
import type { ReaderRow } from "./reader-types.js";

/** ISO 8601 text, UTC; infinities stay words. */
function isoTime(text: string): string {
  return text.includes(":") ? `${text.replace(" ", "T")}Z` : text;
}

function sqlValue(value: DuckDBValue): SqlValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : floatWord(value);
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  const api = duckdb();
  if (value instanceof api.DuckDBTimestampTZValue)
    return isoTime(new api.DuckDBTimestampValue(value.micros).toString());
  if (
    value instanceof api.DuckDBTimestampNanosecondsValue ||
    value instanceof api.DuckDBTimestampValue ||
    value instanceof api.DuckDBTimestampMillisecondsValue ||
    value instanceof api.DuckDBTimestampSecondsValue
  ) {
    return isoTime(value.toString());
  }
  if (value instanceof api.DuckDBBlobValue) return Buffer.from(value.bytes).toString("base64");
  if (value instanceof api.DuckDBDecimalValue) return value.toDouble();
  if (value instanceof api.DuckDBListValue || value instanceof api.DuckDBArrayValue)
    return value.items.map(sqlValue);
  if (value instanceof api.DuckDBStructValue) return objectOf(Object.entries(value.entries));
  if (value instanceof api.DuckDBMapValue) {
    return objectOf(value.entries.map(({ key, value: item }) => [String(key), item]));
  }
  if (value instanceof api.DuckDBUnionValue) return sqlValue(value.value);
  return value.toString();
}

/** How DuckDB writes what JSON has no number for. */
function floatWord(value: number): string {
  return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

/** An object whose every name is its own property, `__proto__` as well. */
function objectOf(entries: readonly (readonly [string, DuckDBValue])[]): ReaderRow {
  return Object.fromEntries(entries.map(([name, value]) => [name, sqlValue(value)]));
}

/** Rows as objects; what DuckDB types as JSON is parsed. */
export function rowObjects(reader: DuckDBResultReader): ReaderRow[] {
  const columns = reader
    .deduplicatedColumnNames()
    .map((name, at) => ({ name, json: reader.columnType(at).alias === "JSON" }));
  return reader.getRows().map((row) =>
    Object.fromEntries(
      columns.map(({ name, json }, at) => {
        const value = sqlValue(row[at] ?? null);
        return [name, json && typeof value === "string" ? (JSON.parse(value) as SqlValue) : value];
      }),
    ),
  );
}

/** About how much memory a value takes, characters: for the bound on a result. */
export function sizeOf(value: SqlValue): number {
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object") return 8;
  return Object.entries(value).reduce((sum, [name, item]) => sum + name.length + sizeOf(item), 16);
}
