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

/** Every example as it was at a time: the last change up to it, unless that was a delete. */
export function examplesAsOf(asOf: string | undefined, bind: Bind): string {
  const until = asOf === undefined ? "" : `WHERE time <= CAST(${bind(asOf)} AS TIMESTAMP_NS)`;
  return `SELECT * FROM (
  SELECT * FROM examples_history ${until}
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY time DESC, seq DESC, seq_index DESC) = 1
) WHERE op = 'put'`;
}

/** A page of examples in the order of their creation. `asOf` is a time here, no tag. Throws CF_USAGE for a wrong filter. */
export function examplesSql(filter: ExampleFilter, bindings: Bindings): string {
  const bind: Bind = (value) => bindings.bind(value);
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
  if (filter.filter !== undefined) conditions.push(exampleFilterSql(filter.filter, bindings));
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  return `SELECT id, dataset_id, data, ${TIME_TEXT("time")} AS modified_at FROM (${examplesAsOf(filter.asOf, bind)}) AS s ${where}
ORDER BY created_at, seq, seq_index, id LIMIT ${filter.limit} OFFSET ${filter.offset}`;
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
