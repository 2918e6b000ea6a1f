import type { SqlParameter } from "../../store/index.js";
import type { ExampleFilter } from "./types.js";

/** Binds values of a statement. */
export type Bind = (value: SqlParameter) => string;

/** Times of records as text, to the microsecond. */
export const TIME_TEXT = (column: string): string =>
  `strftime(${column}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00')`;

/** Every example as it was at a time: the last change up to it, unless that was a delete. */
export function examplesAsOf(asOf: string | undefined, bind: Bind): string {
  const until = asOf === undefined ? "" : `WHERE time <= CAST(${bind(asOf)} AS TIMESTAMP_NS)`;
  return `SELECT * FROM (
  SELECT * FROM examples_history ${until}
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY time DESC, seq DESC, seq_index DESC) = 1
) WHERE op = 'put'`;
}

/** A page of examples in the order of their creation. `asOf` is a time here, no tag. */
export function examplesSql(filter: ExampleFilter, bind: Bind): string {
  const conditions: string[] = [];
  if (filter.datasetId !== undefined) conditions.push(`dataset_id = ${bind(filter.datasetId)}`);
  if (filter.ids !== undefined) conditions.push(anyOf("id", filter.ids, bind));
  if (filter.splits !== undefined) {
    const given = filter.splits.map(bind).join(", ");
    conditions.push(`list_has_any(${SPLITS}, [${given}])`);
  }
  for (const [key, value] of Object.entries(filter.metadata ?? {})) {
    const path = bind(`/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    conditions.push(`CAST(json_extract(metadata, ${path}) AS VARCHAR) = ${bind(JSON.stringify(value))}`);
  }
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  return `SELECT id, dataset_id, data, ${TIME_TEXT("time")} AS modified_at FROM (${examplesAsOf(filter.asOf, bind)}) ${where}
ORDER BY created_at, seq, seq_index, id LIMIT ${filter.limit} OFFSET ${filter.offset}`;
}

/** Splits of an example: a list, or one name alone; `base` when there are none. */
export const SPLITS = `CASE json_type(metadata, '$.dataset_split')
  WHEN 'ARRAY' THEN from_json(json_extract(metadata, '$.dataset_split'), '["VARCHAR"]')
  WHEN 'VARCHAR' THEN [json_extract_string(metadata, '$.dataset_split')] ELSE ['base'] END`;

function anyOf(sql: string, values: readonly string[], bind: Bind): string {
  return values.length === 0 ? "false" : `${sql} IN (${values.map(bind).join(", ")})`;
}
