import type { RecordType } from "./types.js";

const KEY_LENGTH_MAX = 180;

/**
 * `feedback_tokens`: permissions to give one key of feedback on one thing without an API key. The id is the token: who
 * can read it can use it until it expires. One for a single use is deleted by that use.
 */
export const FEEDBACK_TOKENS: RecordType = {
  type: "feedback_token",
  table: "feedback_tokens",
  doc: "Addresses at which feedback is given without an API key: one key, on one thing, for a time.",
  fields: [
    {
      name: "feedback_key",
      kind: "text",
      required: true,
      lengthMax: KEY_LENGTH_MAX,
      doc: "Key of the feedback.",
    },
    { name: "expires_at", kind: "time", required: true, doc: "From when on it is not valid." },
    { name: "run_id", kind: "uuid", doc: "LangSmith run id that the feedback is on." },
    { name: "trace_id", kind: "trace_id", doc: "Trace id, where no run id is known." },
    { name: "span_id", kind: "span_id", doc: "Span id within the trace." },
    { name: "thread_id", kind: "text", doc: "Thread (conversation)." },
    { name: "once", kind: "boolean", doc: "Valid for one use." },
    {
      name: "feedback_id",
      kind: "text",
      doc: "Id of the feedback: each use replaces it. Without it each use gives a feedback of its own.",
    },
    { name: "feedback_config", kind: "object", doc: "Config that the key gets when it has none." },
    { name: "created_at", kind: "time", doc: "When it was made." },
  ],
  columns: [
    { name: "feedback_key", type: "VARCHAR", doc: "Key of the feedback." },
    { name: "run_id", type: "VARCHAR", doc: "LangSmith run id that the feedback is on." },
    { name: "trace_id", type: "VARCHAR", doc: "Trace id, where no run id is known." },
    { name: "span_id", type: "VARCHAR", doc: "Span id within the trace." },
    { name: "thread_id", type: "VARCHAR", doc: "Thread (conversation)." },
    { name: "once", type: "BOOLEAN", doc: "Valid for one use." },
    { name: "expires_at", type: "TIMESTAMP_NS", doc: "From when on it is not valid, UTC." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was made, UTC." },
  ],
  check: ({ run_id: run, trace_id: trace, thread_id: thread }) =>
    [run, trace, thread].some((id) => typeof id === "string")
      ? undefined
      : "names nothing that its feedback is about: give run_id, trace_id or thread_id",
};
