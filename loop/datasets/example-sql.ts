import { CounterfoilError } from "../../schema/index.js";
import type { SqlParameter } from "../../store/index.js";
import { type Bindings, filterSql } from "../filter/filter-sql.js";
import { type FilterNode, parseFilter } from "../filter/parse-filter.js";
import type { ExampleFilter } from "./types.js";

/** Binds values of a statement. */
export type Bind = (value: SqlParameter) => string;

/** Times of records as text, to the microsecond. */
export const TIME_TEXT = (column: string): string =>
  `strftime(${column}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00')`;

/**
 * Every example as it was at a time: the last change up to it, unless that was a delete. With `ids` only those: the changes of
 * no other one are looked at.
 */
export function examplesAsOf(asOf: string | undefined, bind: Bind, ids?: readonly string[]): string {
  const conditions = [
    ...(asOf === undefined ? [] : [`time <= CAST(${bind(asOf)} AS TIMESTAMP_NS)`]),
    ...(ids === undefined ? [] : [anyOf("id", ids, bind)]),
  ];
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  return `SELECT * FROM (
  SELECT * FROM examples_history ${where}
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY time DESC, seq DESC, seq_index DESC) = 1
) WHERE op = 'put'`;
}

/** A page of examples in the order of their creation. `asOf` is a time here, no tag. Throws CF_USAGE for a wrong filter. */
export function examplesSql(filter: ExampleFilter, bindings: Bindings): string {
  const bind: Bind = (value) => bindings.bind(value);
  const conditions: string[] = [];
  if (filter.datasetId !== undefined) conditions.push(`dataset_id = ${bind(filter.datasetId)}`);
  if (filter.splits !== undefined) {
    const given = filter.splits.map(bind).join(", ");
    conditions.push(`list_has_any(${SPLITS}, [${given}])`);
  }
  for (const [key, value] of Object.entries(filter.metadata ?? {})) {
    const path = bind(`/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
    conditions.push(`CAST(json_extract(metadata, ${path}) AS VARCHAR) = ${bind(JSON.stringify(value))}`);
  }
  if (filter.filter !== undefined) conditions.push(exampleFilterSql(filter.filter, bindings));
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  // The page is found without what examples hold, which is then read of these alone.
  return `WITH page AS (
  SELECT id, dataset_id, created_at, time, seq, seq_index FROM (${examplesAsOf(filter.asOf, bind, filter.ids)}) AS s ${where}
  ORDER BY created_at, seq, seq_index, id LIMIT ${filter.limit} OFFSET ${filter.offset})
SELECT p.id, p.dataset_id, h.data, ${TIME_TEXT("p.time")} AS modified_at
FROM page AS p JOIN examples_history AS h ON h.id = p.id AND h.seq = p.seq AND h.seq_index = p.seq_index
ORDER BY p.created_at, p.seq, p.seq_index, p.id`;
}

const GROUPS = new Set(["and", "or", "not"]);
const FIELDS = new Set(["metadata", "metadata_key", "metadata_value"]);

/** LangSmith's filters over a row `s` of examples: they are about metadata only. */
function exampleFilterSql(filter: string, bindings: Bindings): string {
  const node = parseFilter(filter);
  checkFields(node);
  return filterSql(node, bindings);
}

function checkFields(node: FilterNode): void {
  if (node.kind !== "call") return;
  if (GROUPS.has(node.name)) {
    for (const arg of node.args) checkFields(arg);
    return;
  }
  const [field] = node.args;
  if (field?.kind === "field" && FIELDS.has(field.name)) return;
  throw new CounterfoilError(
    "CF_USAGE",
    `The filter of examples must be about ${[...FIELDS].join(", ")}, as in exists(metadata, "key") or has(metadata, '{"key": "value"}').`,
  );
}

/** Splits of an example: a list, or one name alone; `base` when there are none. */
export const SPLITS = `CASE json_type(metadata, '$.dataset_split')
  WHEN 'ARRAY' THEN from_json(json_extract(metadata, '$.dataset_split'), '["VARCHAR"]')
  WHEN 'VARCHAR' THEN [json_extract_string(metadata, '$.dataset_split')] ELSE ['base'] END`;

function anyOf(sql: string, values: readonly string[], bind: Bind): string {
  return values.length === 0 ? "false" : `${sql} IN (${values.map(bind).join(", ")})`;
}
