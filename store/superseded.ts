import type { Column } from "../schema/index.js";

/** Name of the table that says which row of a span sent more than once counts. */
export const SUPERSEDED_TABLE = "superseded";

/**
 * `superseded`: one row for each arrival of a span that had arrived before. It names the *winning* row; every other
 * row of that span is hidden by the `spans` view. With several rows for one span, the highest (seq, seq_index)
 * counts: later arrivals only ever replace the winner by themselves or leave it.
 */
export const SUPERSEDED_COLUMNS: readonly Column[] = [
  { name: "trace_id", type: "VARCHAR", doc: "Trace id of the span." },
  { name: "span_id", type: "VARCHAR", doc: "Span id of the span." },
  { name: "seq", type: "BIGINT", doc: "Journal sequence number of the winning row." },
  { name: "seq_index", type: "INTEGER", doc: "Position of the winning row within that request." },
];
