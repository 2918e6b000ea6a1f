import { traceIdOf } from "./ids.js";
import type { RecordType } from "./types.js";

/** Characters of a tag. */
export const TAG_LENGTH_MAX = 200;

/** `pins`: traces that retention keeps. */
export const PINS: RecordType = {
  type: "pin",
  table: "pins",
  doc: "Pinned traces: retention keeps them, however old they are.",
  fields: [
    { name: "trace_id", kind: "trace_id", required: true, doc: "Trace." },
    { name: "reason", kind: "text", doc: "Why, in words." },
    { name: "rule_id", kind: "uuid", doc: "Rule that pinned it." },
    { name: "rule_name", kind: "text", doc: "Its name at that time." },
    { name: "created_at", kind: "time", doc: "When it was pinned." },
  ],
  columns: [
    {
      name: "trace_id",
      type: "VARCHAR",
      doc: "Trace, 32 hex digits.",
      read: (data) => traceIdOf(data["trace_id"]),
    },
    { name: "reason", type: "VARCHAR", doc: "Why, in words." },
    { name: "rule_id", type: "VARCHAR", doc: "Rule that pinned it." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was pinned, UTC." },
  ],
};

/** `run_tags`: tags that rules and people put on runs after they came. */
export const RUN_TAGS: RecordType = {
  type: "run_tag",
  table: "run_tags",
  doc: "Tags that were put on runs after they came; the view `spans` has them among `tags`.",
  fields: [
    { name: "tag", kind: "text", required: true, lengthMax: TAG_LENGTH_MAX, doc: "Tag." },
    { name: "trace_id", kind: "trace_id", required: true, doc: "Trace of the run." },
    { name: "span_id", kind: "span_id", required: true, doc: "Span of the run." },
    { name: "run_id", kind: "uuid", doc: "LangSmith id of the run." },
    { name: "rule_id", kind: "uuid", doc: "Rule that put it there." },
    { name: "rule_name", kind: "text", doc: "Its name at that time." },
    { name: "created_at", kind: "time", doc: "When it was put there." },
  ],
  columns: [
    { name: "tag", type: "VARCHAR", doc: "Tag." },
    {
      name: "trace_id",
      type: "VARCHAR",
      doc: "Trace of the run, 32 hex digits.",
      read: (data) => traceIdOf(data["trace_id"]),
    },
    { name: "span_id", type: "VARCHAR", doc: "Span of the run, 16 hex digits." },
    { name: "run_id", type: "VARCHAR", doc: "LangSmith id of the run." },
    { name: "rule_id", type: "VARCHAR", doc: "Rule that put it there." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was put there, UTC." },
  ],
};
