import { CONTENT_COLUMN, TRACE_REPAIR_SINCE } from "../../schema/compacted-columns.js";
import { TOTAL_TOKENS } from "./derived-views.js";
import { storedUsage, USAGE_OF_PARTS, USAGE_OF_ROWS, withCounted } from "./trace-usage.js";
import { isKnown, readFiles, RUN_ID, storedValue, type ViewFile } from "./files-relation.js";
import {
  LISTS_OF_PARTS,
  LISTS_OF_ROWS,
  MERGED_LISTS,
  OWN_LISTS,
  spanOrder,
  spanOrderLast,
  storedLists,
  withGaps,
} from "./trace-gaps.js";

/**
 * A *part* is what some of a trace's spans say of it: the values of the earliest root among them, the least of some
 * columns, and totals. Parts of one trace merge into one, so a trace is the merged parts of the files that have its
 * spans. Compacted files carry their parts ready-made (TRACE_COLUMNS).
 */

/** Values of the root span: name in a part, SQL over its row, column of the view `traces`. */
const ROOT_VALUES: readonly (readonly [part: string, row: string])[] = [
  ["name", "name"],
  ["root_run_id", RUN_ID],
  ["root_project", "project"],
  ["root_service_name", "service_name"],
  ["root_environment", "environment"],
  ["root_status_code", "status_code"],
  ["root_error_type", "error_type"],
  ["root_end_time", "end_time"],
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

/** The thread of a trace: its conversation, else what LangSmith takes for one in the metadata. */
const THREAD_ID = `coalesce(root_conversation_id, least_conversation_id, CASE WHEN json_valid(metadata) THEN
    coalesce(metadata ->> '$.thread_id', metadata ->> '$.session_id', metadata ->> '$.conversation_id') END)`;

/** Usage that is not the sum of what child spans report as well. */
const OWN = "FILTER (WHERE coalesce(usage_scope, 'own') = 'own')";
const IS_ROOT = "parent_span_id IS NULL";
/** The order of starts; the first root is the one that counts. */
export const START_ORDER = spanOrder("start_time");
/** The order of ends. */
export const END_ORDER = spanOrderLast("end_time");
const FAILED = "status_code = 'ERROR'";
/** What went wrong with a span, in a line. */
const ERROR_TEXT = "coalesce(status_message, error_type)";

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
  ["roots", `count(*) FILTER (WHERE ${IS_ROOT})`, "CAST(sum(roots) AS BIGINT)"],
  ["open_spans", "count(*) FILTER (WHERE end_time IS NULL)", "CAST(sum(open_spans) AS BIGINT)"],
  [
    "first_error",
    `arg_min_null(${ERROR_TEXT}, ${START_ORDER}) FILTER (WHERE ${FAILED})`,
    "arg_min_null(first_error, error_order) FILTER (WHERE error_order IS NOT NULL)",
  ],
  ["error_order", `min(${START_ORDER}) FILTER (WHERE ${FAILED})`, "min(error_order)"],
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

/** Texts that a trace shows of any span when its root has none: aggregates over rows, and over parts. */
const TEXTS: readonly (readonly [part: string, overRows: string, overParts: string])[] = [
  [
    "any_input",
    `arg_min(input_messages, ${START_ORDER})`,
    "arg_min(any_input, input_order) FILTER (WHERE any_input IS NOT NULL)",
  ],
  ["input_order", `min(${START_ORDER}) FILTER (WHERE input_messages IS NOT NULL)`, "min(input_order)"],
  [
    "any_output",
    `arg_max(output_messages, ${END_ORDER})`,
    "arg_max(any_output, output_order) FILTER (WHERE any_output IS NOT NULL)",
  ],
  ["output_order", `max(${END_ORDER}) FILTER (WHERE output_messages IS NOT NULL)`, "max(output_order)"],
];

/** One part a trace, from rows of the view `spans`. */
export function partsOfRows(rows: string): string {
  return `SELECT
  trace_id,
  ${line([
    `count(*) FILTER (WHERE ${IS_ROOT}) > 0 AS has_root`,
    `min(${START_ORDER}) FILTER (WHERE ${IS_ROOT}) AS root_order`,
    ...ROOT_VALUES.map(
      ([part, row]) => `arg_min_null(${row}, ${START_ORDER}) FILTER (WHERE ${IS_ROOT}) AS ${part}`,
    ),
    ...totalsOfRows(),
    ...TEXTS.map(([part, overRows]) => `${overRows} AS ${part}`),
    ...LISTS_OF_ROWS,
    ...USAGE_OF_ROWS,
  ])}
FROM ${rows}
GROUP BY trace_id`;
}

/** `<column>` of compacted rows; null when it is newer than all of these files. */
function repairColumn(name: string, type: string, files: readonly ViewFile[]): string {
  return isKnown(TRACE_REPAIR_SINCE, files) ? name : `CAST(NULL AS ${type})`;
}

/** A text that is the row's own unless the row names another one for its trace; with the order that goes with it. */
function storedText(which: "input" | "output", order: string, files: readonly ViewFile[]): string[] {
  const own = storedValue(`${which}_messages`, files);
  const other = `${CONTENT_COLUMN.name}['trace_${which}']`;
  return [
    `coalesce(${other}, ${own}) AS any_${which}`,
    `CASE WHEN ${other} IS NOT NULL THEN CAST(${CONTENT_COLUMN.name}['trace_${which}_order'] AS HUGEINT)
    WHEN ${own} IS NOT NULL THEN ${order} END AS ${which}_order`,
  ];
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
    roots: repairColumn("trace_roots", "BIGINT", files),
    open_spans: repairColumn("trace_open", "BIGINT", files),
    first_error: repairColumn("trace_error", "VARCHAR", files),
    error_order: `CAST(${repairColumn("trace_error_order", "VARCHAR", files)} AS HUGEINT)`,
  };
  const skew = repairColumn("trace_clock_skew_ns", "BIGINT", files);
  const orphans = repairColumn("trace_orphans", "BIGINT", files);
  const links = repairColumn("trace_links", "VARCHAR", files);
  const rootValue = (row: string): string => (row === RUN_ID ? row : storedValue(row, files));
  return `SELECT
  trace_id,
  trace_key,
  ${line([
    `${IS_ROOT} AS has_root`,
    `CASE WHEN ${IS_ROOT} THEN ${START_ORDER} END AS root_order`,
    ...ROOT_VALUES.map(([part, row]) => `CASE WHEN ${IS_ROOT} THEN ${rootValue(row)} END AS ${part}`),
    ...TOTALS.map(([part]) => `${stored[part] ?? `trace_${part}`} AS ${part}`),
    ...LEAST_COLUMNS.map((column) => `coalesce(trace_${column}, ${column}) AS least_${column}`),
    ...storedText("input", START_ORDER, files),
    ...storedText("output", END_ORDER, files),
    ...storedLists(links, skew, orphans),
    ...storedUsage(links),
    `${orphans} AS orphans`,
    `${skew} AS clock_skew_ns`,
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

/** Parts of the same trace as one, and what is missing of it. */
export function mergedParts(parts: string): string {
  const merged = `SELECT
  trace_id,
  ${line([
    "bool_or(has_root) AS has_root",
    "min(root_order) AS root_order",
    ...ROOT_VALUES.map(([part]) => `arg_min_null(${part}, root_order) FILTER (WHERE has_root) AS ${part}`),
    ...[...TOTALS, ...TEXTS].map(([part, , overParts]) => `${overParts} AS ${part}`),
    ...LEAST_COLUMNS.map((column) => `min(least_${column}) AS least_${column}`),
    ...LISTS_OF_PARTS,
    ...USAGE_OF_PARTS,
  ])}
FROM (${parts})
GROUP BY trace_id`;
  return withGaps(withCounted(merged, { unseen: true }), MERGED_LISTS);
}

/** Rows of the view `traces`, from rows of the view `spans` alone. */
export function tracesOfRows(rows: string): string {
  return tracesOfParts(withGaps(withCounted(partsOfRows(rows), { unseen: false }), OWN_LISTS));
}

/** Rows of the view `traces`, from one part a trace with `orphans` and `clock_skew_ns`. */
export function tracesOfParts(parts: string): string {
  const rootElseLeast = (column: (typeof LEAST_COLUMNS)[number]): string =>
    `coalesce(root_${column}, least_${column}) AS ${column}`;
  const status =
    "CASE WHEN has_root THEN coalesce(root_status_code, 'UNSET') WHEN error_count > 0 THEN 'ERROR' ELSE 'UNSET' END";
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
    `CASE WHEN ${status} = 'ERROR' THEN 'error' WHEN has_root AND root_end_time IS NOT NULL THEN 'success' ELSE 'pending' END AS status`,
    `${status} AS status_code`,
    rootElseLeast("error_type"),
    "status_message",
    "coalesce(CASE WHEN root_status_code = 'ERROR' THEN coalesce(status_message, root_error_type) END, first_error) AS error",
    "has_root",
    "has_root AND open_spans = 0 AND orphans = 0 AS complete",
    "roots AS root_count, open_spans, orphans",
    "clock_skew_ns / 1e6 AS clock_skew_ms",
    "span_count, error_count, llm_calls, tool_calls",
    "input_tokens, output_tokens, total_tokens, cost_usd, models",
    rootElseLeast("conversation_id"),
    `${THREAD_ID} AS thread_id`,
    rootElseLeast("user_id"),
    "tags, metadata, input, output",
    "coalesce(input, any_input) AS first_input",
    "coalesce(output, any_output) AS last_output",
    "received_at, seq",
  ])}
FROM ${parts}`;
}
