import { type Column } from "../../schema/index.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";

/** A column as JSON carries it without loss, the way `schema/json-schema.ts` describes it. */
function toJson({ name, type }: Column): string {
  const column = sqlIdentifier(name);
  switch (type) {
    case "TIMESTAMP_NS": {
      // DuckDB's own %n loses the last digits.
      const nanos = `lpad(CAST(epoch_ns(${column}) % 1000000000 AS VARCHAR), 9, '0')`;
      return `strftime(${column}, '%Y-%m-%dT%H:%M:%S') || '.' || ${nanos} || 'Z' AS ${column}`;
    }
    case "DOUBLE":
      return `CASE WHEN isnan(${column}) THEN '"NaN"'::JSON WHEN ${column} = 'infinity' THEN '"Infinity"'::JSON
        WHEN ${column} = '-infinity' THEN '"-Infinity"'::JSON ELSE to_json(${column}) END AS ${column}`;
    case "BLOB":
      return `base64(${column}) AS ${column}`;
    case "VARCHAR":
    case "BIGINT":
    case "INTEGER":
    case "BOOLEAN":
    case "MAP(VARCHAR, VARCHAR)":
      return column;
  }
}

/** The select list that makes the rows of a relation rows of JSON. */
export function toJsonColumns(columns: readonly Column[]): string {
  return columns.map(toJson).join(", ");
}

function fromJson({ name, type }: Column): string {
  const column = sqlIdentifier(name);
  switch (type) {
    case "TIMESTAMP_NS":
      return `CAST(rtrim(${column}, 'Z') AS TIMESTAMP_NS) AS ${column}`;
    case "DOUBLE":
      return `CAST(${column} AS DOUBLE) AS ${column}`;
    case "BLOB":
      return `from_base64(${column}) AS ${column}`;
    case "VARCHAR":
    case "BIGINT":
    case "INTEGER":
    case "BOOLEAN":
    case "MAP(VARCHAR, VARCHAR)":
      return column;
  }
}

const READ_AS_TEXT: ReadonlySet<string> = new Set(["TIMESTAMP_NS", "DOUBLE", "BLOB"]);

/** DuckDB takes buffers of twice the longest line. */
const LINE_BYTES_MIN = 1024 * 1024;

/** A relation over a JSON Lines file, whose longest line has so many bytes, with the columns' own types. A value of another type is an error of DuckDB. */
export function jsonlRelation(columns: readonly Column[], path: string, lineBytes: number): string {
  const types = columns.map(
    ({ name, type }) => `${sqlString(name)}: ${sqlString(READ_AS_TEXT.has(type) ? "VARCHAR" : type)}`,
  );
  return `(SELECT ${columns.map(fromJson).join(", ")} FROM read_json(${sqlString(path)},
    format = 'newline_delimited', auto_detect = false, columns = {${types.join(", ")}},
    maximum_object_size = ${Math.max(lineBytes + 1, LINE_BYTES_MIN)}))`;
}
