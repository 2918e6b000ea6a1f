import { TOTAL_TOKENS } from "./derived-views.js";
import { readFiles, RUN_ID, storedValue, type ViewFile } from "./files-relation.js";

/**
 * A *part* is what some of a trace's spans say of it: the values of the earliest root among them, the least of some
 * columns, and totals. Parts of one trace merge into one, so a trace is the merged parts of the files that have its
 * spans. Compacted files carry their parts ready-made (TRACE_COLUMNS).
 */

/** A number for a trace id, for quick look-ups. Traces that share one are only looked at together. */
export const TRACE_KEY = "coalesce(TRY_CAST('0x' || substr(trace_id, 1, 15) AS BIGINT), 0)";

/** Values of the root span: name in a part, SQL over its row, column of the view `traces`. */
const ROOT_VALUES: readonly (readonly [part: string, row: string])[] = [
  ["name", "name"],
  ["root_run_id", RUN_ID],
  ["root_project", "project"],
  ["root_service_name", "service_name"],
  ["root_environment", "environment"],
  ["root_status_code", "status_code"],
  ["root_error_type", "error_type"],
  ["status_message", "status_message"],
  ["root_conversation_id", "conversation_id"],
  ["root_user_id", "user_id"],
  ["tags", "tags"],
  ["metadata", "metadata"],
  ["input", "input_messages"],
  ["output", "output_messages"],
];

/** Columns of which a trace without a value on its root shows the least. */
export const LEAST_COLUMNS = [
  "project",
  "service_name",
  "environment",
  "error_type",
  "conversation_id",
  "user_id",
] as const;

/** Usage that is not the sum of what child spans report as well. */
const OWN = "FILTER (WHERE coalesce(usage_scope, 'own') = 'own')";
const IS_ROOT = "parent_span_id IS NULL";
/** Roots without a start come last. */
export const ROOT_ORDER = "coalesce(epoch_ns(start_time), 9223372036854775807)";

/** Totals of spans: name in a part, aggregate over rows, aggregate over parts. */
const TOTALS: readonly (readonly [part: string, overRows: string, overParts: string])[] = [
  ["span_count", "count(*)", "CAST(sum(span_count) AS BIGINT)"],
  ["error_count", "count(*) FILTER (WHERE status_code = 'ERROR')", "CAST(sum(error_count) AS BIGINT)"],
  ["llm_calls", "count(*) FILTER (WHERE run_type = 'llm')", "CAST(sum(llm_calls) AS BIGINT)"],
  ["tool_calls", "count(*) FILTER (WHERE run_type = 'tool')", "CAST(sum(tool_calls) AS BIGINT)"],
  ["start_time", "min(start_time)", "min(start_time)"],
  ["end_time", "max(end_time)", "max(end_time)"],
  ["input_tokens", `CAST(sum(input_tokens) ${OWN} AS BIGINT)`, "CAST(sum(input_tokens) AS BIGINT)"],
  ["output_tokens", `CAST(sum(output_tokens) ${OWN} AS BIGINT)`, "CAST(sum(output_tokens) AS BIGINT)"],
  [
    "total_tokens",
    `CAST(sum(${TOTAL_TOKENS}) FILTER (WHERE coalesce(usage_scope, 'own') = 'own' AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL)) AS BIGINT)`,
    "CAST(sum(total_tokens) AS BIGINT)",
  ],
  ["cost_usd", `sum(cost_usd) ${OWN}`, "sum(cost_usd)"],
  [
    "models",
    "list_sort(list(DISTINCT coalesce(response_model, request_model)) FILTER (WHERE response_model IS NOT NULL OR request_model IS NOT NULL))",
    "list_sort(list_distinct(flatten(list(models) FILTER (WHERE models IS NOT NULL))))",
  ],
  ["received_at", "max(received_at)", "max(received_at)"],
  ["seq", "max(seq)", "max(seq)"],
];

const line = (items: readonly string[]): string => items.join(",\n  ");

/** Aggregates over span rows that give a part's totals and least values. */
export function totalsOfRows(): string[] {
  return [
    ...TOTALS.map(([part, overRows]) => `${overRows} AS ${part}`),
    ...LEAST_COLUMNS.map((column) => `min(${column}) AS least_${column}`),
  ];
}

/** One part a trace, from rows of the view `spans`. */
export function partsOfRows(rows: string): string {
  return `SELECT
  trace_id,
  ${line([
    `count(*) FILTER (WHERE ${IS_ROOT}) > 0 AS has_root`,
    `min(${ROOT_ORDER}) FILTER (WHERE ${IS_ROOT}) AS root_order`,
    ...ROOT_VALUES.map(
      ([part, row]) => `arg_min_null(${row}, ${ROOT_ORDER}) FILTER (WHERE ${IS_ROOT}) AS ${part}`,
    ),
    ...totalsOfRows(),
  ])}
FROM ${rows}
GROUP BY trace_id`;
}

/**
 * The parts that compacted files carry in TRACE_COLUMNS and in the columns of the row that has them: all, or those for
 * whose `trace_key` the condition `only` holds. These few are looked up first: with one filter over all columns DuckDB
 * decompresses most of them for most row groups.
 */
export function storedParts(files: readonly ViewFile[], only?: string): string {
  const stored: Readonly<Record<string, string>> = {
    span_count: "trace_spans",
    error_count: "trace_errors",
    models: `from_json(trace_models, '["VARCHAR"]')`,
  };
  const rootValue = (row: string): string => (row === RUN_ID ? row : storedValue(row, files));
  return `SELECT
  trace_id,
  trace_key,
  ${line([
    `${IS_ROOT} AS has_root`,
    `CASE WHEN ${IS_ROOT} THEN ${ROOT_ORDER} END AS root_order`,
    ...ROOT_VALUES.map(([part, row]) => `CASE WHEN ${IS_ROOT} THEN ${rootValue(row)} END AS ${part}`),
    ...TOTALS.map(([part]) => `${stored[part] ?? `trace_${part}`} AS ${part}`),
    ...LEAST_COLUMNS.map((column) => `coalesce(trace_${column}, ${column}) AS least_${column}`),
  ])}
FROM ${readFiles(files)} AS s
${
  only === undefined
    ? ""
    : `SEMI JOIN (SELECT filename, file_row_number FROM ${readFiles(files)} WHERE ${only}) AS o
ON o.filename = s.filename AND o.file_row_number = s.file_row_number
`
}WHERE trace_spans IS NOT NULL`;
}

/** Parts of the same trace as one. */
export function mergedParts(parts: string): string {
  return `SELECT
  trace_id,
  ${line([
    "bool_or(has_root) AS has_root",
    "min(root_order) AS root_order",
    ...ROOT_VALUES.map(([part]) => `arg_min_null(${part}, root_order) FILTER (WHERE has_root) AS ${part}`),
    ...TOTALS.map(([part, , overParts]) => `${overParts} AS ${part}`),
    ...LEAST_COLUMNS.map((column) => `min(least_${column}) AS least_${column}`),
  ])}
FROM (${parts})
GROUP BY trace_id`;
}

/** Rows of the view `traces`, from one part a trace. */
export function tracesOfParts(parts: string): string {
  const rootElseLeast = (column: (typeof LEAST_COLUMNS)[number]): string =>
    `coalesce(root_${column}, least_${column}) AS ${column}`;
  return `SELECT
  ${line([
    "trace_id",
    "name",
    "root_run_id",
    rootElseLeast("project"),
    rootElseLeast("service_name"),
    rootElseLeast("environment"),
    "start_time",
    "end_time",
    "CAST(epoch_ns(end_time) - epoch_ns(start_time) AS BIGINT) AS duration_ns",
    "CASE WHEN has_root THEN coalesce(root_status_code, 'UNSET') WHEN error_count > 0 THEN 'ERROR' ELSE 'UNSET' END AS status_code",
    rootElseLeast("error_type"),
    "status_message, has_root, span_count, error_count, llm_calls, tool_calls",
    "input_tokens, output_tokens, total_tokens, cost_usd, models",
    rootElseLeast("conversation_id"),
    rootElseLeast("user_id"),
    "tags, metadata, input, output, received_at, seq",
  ])}
FROM ${parts}`;
}
