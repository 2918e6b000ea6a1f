import { type Column, SPAN_COLUMNS } from "./columns.js";

/** Format version of the `spans` files that compaction writes: those with the columns of {@link COMPACTED_SPAN_COLUMNS}. */
export const COMPACTED_FORMAT_VERSION = 2;

/**
 * Columns that a compacted file keeps in one map, in this order. An agent's histories repeat what its tools were asked
 * and gave; only within one physical column does the compression see that (docs/adr/005-compacted-spans.md).
 */
export const PACKED_COLUMNS: readonly string[] = [
  "input_messages",
  "tool_arguments",
  "tool_result",
  "retrieval_documents",
];

/** The map that holds {@link PACKED_COLUMNS}. */
export const CONTENT_COLUMN: Column = {
  name: "content",
  type: "MAP(VARCHAR, VARCHAR)",
  content: true,
  doc: `${PACKED_COLUMNS.map((name) => `\`${name}\``).join(", ")}, by name, those that are not null; instead of columns of their own. On the row that has a trace's totals, and only when it has no such text itself, also \`trace_input\` and \`trace_output\`: the first input and last output among those spans, with their places in time (\`trace_input_order\`, \`trace_output_order\`).`,
};

const count = (name: string, doc: string): Column => ({ name, type: "BIGINT", doc });
const least = (column: string): Column => ({
  name: `trace_${column}`,
  type: "VARCHAR",
  doc: `Smallest \`${column}\` of those spans. Null when it is the row's own.`,
});

/** {@link COLUMNS_VERSION} from which compacted files say what is wrong with a trace. */
export const TRACE_REPAIR_SINCE = 4;
/** {@link COLUMNS_VERSION} from which a trace's totals count each call once. Older files are compacted again. */
export const TRACE_USAGE_SINCE = 5;

const repair = (column: Column): Column => ({ ...column, since: TRACE_REPAIR_SINCE });

/** Totals of a trace within one compacted file. */
export const TRACE_COLUMNS: readonly Column[] = [
  count("trace_spans", "Spans of the trace in this file. Not null on exactly one row a trace."),
  count("trace_errors", "Of them, those with status ERROR."),
  count("trace_llm_calls", "Of them, those with run_type llm; several reports of one call are one."),
  count("trace_tool_calls", "Of them, those with run_type tool."),
  { name: "trace_start_time", type: "TIMESTAMP_NS", doc: "Earliest start of those spans." },
  { name: "trace_end_time", type: "TIMESTAMP_NS", doc: "Latest end of those spans." },
  count(
    "trace_input_tokens",
    "Sum of input_tokens; roll-ups, and all but one of several reports of one call, left out.",
  ),
  count("trace_output_tokens", "Sum of output_tokens of the same."),
  count("trace_total_tokens", "Sum of total tokens of the same, as in the view `llm_calls`."),
  { name: "trace_cost_usd", type: "DOUBLE", doc: "Sum of cost_usd, each call's once." },
  { name: "trace_models", type: "VARCHAR", json: true, doc: "Models that answered: sorted JSON array." },
  repair(count("trace_roots", "Of those spans, the roots.")),
  repair(count("trace_open", "Of those spans, the ones without an end.")),
  repair(
    count(
      "trace_orphans",
      "Of those spans, the ones whose parent is in no compacted file. Null for huge traces.",
    ),
  ),
  repair(
    count(
      "trace_clock_skew_ns",
      "The most that one of those spans starts before its parent, nanoseconds; 0 when none does.",
    ),
  ),
  repair({
    name: "trace_error",
    type: "VARCHAR",
    doc: "Status message, else error type, of the earliest span with status ERROR.",
  }),
  repair({
    name: "trace_error_order",
    type: "VARCHAR",
    doc: "Place of that span in time: start in nanoseconds times 2^64, plus the span id as a number; decimal.",
  }),
  repair({
    name: "trace_links",
    type: "VARCHAR",
    json: true,
    doc: "Spans of the trace here, as lists of numbers: ids, parents, starts (the last `found` of them are in other files), and `reports`: what spans say of the calls that they report. Null when the trace looked whole to the writer: a root, every parent, and no part elsewhere.",
  }),
  least("project"),
  least("service_name"),
  least("environment"),
  least("error_type"),
  least("conversation_id"),
  least("user_id"),
  { name: "trace_received_at", type: "TIMESTAMP_NS", doc: "Latest received_at of those spans." },
  count("trace_seq", "Largest seq of those spans."),
  count("trace_key", "The first 15 hex digits of trace_id as a number: quicker to look for than the text."),
  // Not null: DuckDB skips row groups by their largest value, but not by their number of nulls.
  count(
    "trace_continues",
    "trace_key again when an older compacted file, or another one of the same commit, has spans of this trace, too; otherwise -1, or null in files of earlier builds.",
  ),
];

/** Columns of a compacted `spans` file. */
export const COMPACTED_SPAN_COLUMNS: readonly Column[] = [
  ...SPAN_COLUMNS.filter(({ name }) => !PACKED_COLUMNS.includes(name)),
  CONTENT_COLUMN,
  ...TRACE_COLUMNS,
];
