import { type Column, TABLE_COLUMNS } from "./columns.js";
import { LOG_COLUMN_NAMES } from "./genai/log-columns.js";

/** Name of the table with what log records say of spans that are still to be joined with it. */
export const LOG_CONTENT_TABLE = "log_content";

/** What a column of `spans` holds, for a log record that says it. */
function spanColumn(name: string): Column {
  const column = TABLE_COLUMNS.spans.find((known) => known.name === name);
  if (column === undefined) throw new Error(`no column ${name}`);
  const { json, content, type } = column;
  const flags = { ...(json === undefined ? {} : { json }), ...(content === undefined ? {} : { content }) };
  return { name, type, ...flags, doc: `What the record says for \`spans.${name}\`.` };
}

/**
 * `log_content`: one row a log record that says something of its span's columns. The view `spans` joins it; compaction
 * writes it into the spans' own rows and takes it away.
 */
export const LOG_CONTENT_COLUMNS: readonly Column[] = [
  { name: "trace_id", type: "VARCHAR", doc: "Trace id of the span." },
  { name: "span_id", type: "VARCHAR", doc: "Span id of the span." },
  {
    name: "time",
    type: "TIMESTAMP_NS",
    doc: "When it happened, else when it was observed: the order of messages.",
  },
  { name: "event_name", type: "VARCHAR", doc: "Name of the event." },
  {
    name: "whole",
    type: "BOOLEAN",
    doc: "Whether the record holds a whole exchange: then the last one of a span counts. Messages of others are put in a row.",
  },
  {
    name: "digest",
    type: "VARCHAR",
    doc: "The same for a record that came twice: of time, name, content, and its number among equal ones of the request.",
  },
  {
    name: "choice",
    type: "INTEGER",
    since: 5,
    doc: "Of a `gen_ai.choice`: which answer it is, from 0. Finish reasons of several are put in that order.",
  },
  ...LOG_COLUMN_NAMES.map(spanColumn),
  {
    name: "price_usd",
    type: "DOUBLE",
    since: 5,
    doc: "What the usage costs by the price table, US dollars. Null when the record has a cost or no usage, or when no price is known.",
  },
  { name: "price_version", type: "VARCHAR", since: 5, doc: "Version of the price table of price_usd." },
  { name: "received_at", type: "TIMESTAMP_NS", doc: "When the collector received the record, UTC." },
  { name: "seq", type: "BIGINT", doc: "Journal sequence number of the request that the record came in." },
  { name: "seq_index", type: "INTEGER", doc: "Position of the record within that request." },
];
