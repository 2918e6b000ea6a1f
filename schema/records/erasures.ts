import type { RecordType } from "./types.js";

const REFERENCE_LENGTH_MAX = 1_000;

/** `erasures`: that something was erased, and how much; never whose it was or what it said. */
export const ERASURES: RecordType = {
  type: "erasure",
  table: "erasures",
  doc: "Erasures of a person's, a trace's or a thread's data, without that data.",
  fields: [
    {
      name: "by",
      kind: "text",
      required: true,
      oneOf: ["user_id", "trace_id", "thread_id", "several"],
      doc: "What was asked for.",
    },
    { name: "reference", kind: "text", lengthMax: REFERENCE_LENGTH_MAX, doc: "Number of a request or case." },
    { name: "traces", kind: "integer", required: true, doc: "Traces that were erased." },
    { name: "rows", kind: "object", required: true, doc: "Rows that were erased, by table." },
    { name: "dead_letters", kind: "integer", doc: "Dead letters that were erased." },
    { name: "begun_at", kind: "time", required: true, doc: "When it was asked for." },
  ],
  columns: [
    { name: "by", type: "VARCHAR", doc: "What was asked for: user_id, trace_id, thread_id or several." },
    { name: "reference", type: "VARCHAR", doc: "Number of a request or case." },
    { name: "traces", type: "BIGINT", doc: "Traces that were erased." },
    { name: "rows", type: "VARCHAR", json: true, doc: "Rows that were erased, by table: JSON object." },
    { name: "dead_letters", type: "BIGINT", doc: "Dead letters that were erased." },
    { name: "begun_at", type: "TIMESTAMP_NS", doc: "When it was asked for, UTC." },
  ],
};
