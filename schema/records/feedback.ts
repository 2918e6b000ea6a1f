import { spanIdOf, spanIdOfRunId, traceIdOf, uuidOf } from "./ids.js";
import type { JsonObject, JsonValue, RecordType } from "./types.js";

/** What a feedback is about. */
export const FEEDBACK_TARGETS = ["span", "trace", "thread", "session", "example", "experiment"] as const;

/** LangSmith's bound on `key`, characters. */
const KEY_LENGTH_MAX = 180;
const ID_LENGTH_MAX = 200;

const source = (data: JsonObject): JsonObject => {
  const value = data["feedback_source"];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
};

/** What the feedback says it is about, or what its ids tell. */
function targetOf(data: JsonObject): string | undefined {
  if (typeof data["target"] === "string") return data["target"];
  const named = (name: string): boolean => typeof data[name] === "string";
  if (named("run_id") || named("span_id") || named("response_id")) return "span";
  if (named("trace_id")) return "trace";
  if (named("thread_id")) return "thread";
  if (named("example_id")) return "example";
  return named("session_id") || named("project") ? "session" : undefined;
}

function scoreOf(data: JsonObject): JsonValue {
  const score = data["score"] ?? null;
  return typeof score === "boolean" ? Number(score) : score;
}

/** `feedback`: what someone or something thinks of a run, a trace, a thread, ... LangSmith's words. */
export const FEEDBACK: RecordType = {
  type: "feedback",
  table: "feedback",
  doc: "What people, models and rules think of spans, traces, threads, projects, examples and experiments.",
  fields: [
    {
      name: "key",
      kind: "text",
      required: true,
      lengthMax: KEY_LENGTH_MAX,
      doc: "What is judged, for example `correctness`.",
    },
    { name: "score", kind: "score", doc: "A number, or true or false." },
    { name: "value", kind: "json", doc: "A value that is no score: a category, a text, an object." },
    { name: "comment", kind: "text", doc: "In words." },
    { name: "correction", kind: "json", doc: "What would have been right: a text or an object." },
    {
      name: "target",
      kind: "text",
      oneOf: FEEDBACK_TARGETS,
      doc: "What it is about; by default what the ids tell.",
    },
    { name: "run_id", kind: "uuid", doc: "LangSmith run id." },
    { name: "trace_id", kind: "trace_id", doc: "Trace id, 32 hex digits or a UUID." },
    { name: "span_id", kind: "span_id", doc: "Span id, 16 hex digits." },
    {
      name: "response_id",
      kind: "text",
      lengthMax: ID_LENGTH_MAX,
      doc: "`gen_ai.response.id` of the call, where no run or span is known.",
    },
    { name: "thread_id", kind: "text", lengthMax: ID_LENGTH_MAX, doc: "Thread (conversation)." },
    {
      name: "session_id",
      kind: "text",
      lengthMax: ID_LENGTH_MAX,
      doc: "LangSmith id of the project or experiment.",
    },
    { name: "project", kind: "text", doc: "Name of the project." },
    { name: "example_id", kind: "text", lengthMax: ID_LENGTH_MAX, doc: "Example of a dataset." },
    {
      name: "feedback_source",
      kind: "object",
      doc: "Who or what gave it.",
      fields: [
        { name: "type", kind: "text", doc: "human, api, app, model, rule, import, otel, ..." },
        { name: "metadata", kind: "object", doc: "More about the source." },
        { name: "user_id", kind: "text", doc: "Who." },
      ],
    },
    {
      name: "feedback_config",
      kind: "object",
      doc: "How to read score and value: type, min, max, categories.",
    },
    {
      name: "feedback_group_id",
      kind: "text",
      lengthMax: ID_LENGTH_MAX,
      doc: "Feedback that belongs together.",
    },
    {
      name: "comparative_experiment_id",
      kind: "text",
      lengthMax: ID_LENGTH_MAX,
      doc: "Comparison that it is part of.",
    },
    { name: "error", kind: "boolean", doc: "The evaluator failed, so there is no judgement." },
    { name: "extra", kind: "object", doc: "Anything else." },
    { name: "created_at", kind: "time", doc: "When it was first given." },
    { name: "modified_at", kind: "time", doc: "When it was last changed." },
  ],
  columns: [
    {
      name: "target",
      type: "VARCHAR",
      doc: "What it is about: span, trace, thread, session (a project), example or experiment.",
      read: targetOf,
    },
    {
      name: "run_id",
      type: "VARCHAR",
      doc: "LangSmith run id, as it was given.",
      read: (data) => uuidOf(data["run_id"]),
    },
    {
      name: "trace_id",
      type: "VARCHAR",
      doc: "Trace id, 32 lowercase hex digits.",
      read: (data) => traceIdOf(data["trace_id"]),
    },
    {
      name: "span_id",
      type: "VARCHAR",
      doc: "Span id, 16 lowercase hex digits; also where only a run id was given that was computed from it.",
      read: (data) => spanIdOf(data["span_id"]) ?? spanIdOfRunId(uuidOf(data["run_id"])),
    },
    {
      name: "response_id",
      type: "VARCHAR",
      doc: "`gen_ai.response.id` of the call, where no run or span was given.",
    },
    { name: "thread_id", type: "VARCHAR", doc: "Thread (conversation)." },
    { name: "session_id", type: "VARCHAR", doc: "LangSmith id of the project or experiment." },
    { name: "project", type: "VARCHAR", doc: "Name of the project." },
    { name: "example_id", type: "VARCHAR", doc: "Example of a dataset." },
    { name: "key", type: "VARCHAR", doc: "What is judged." },
    { name: "score", type: "DOUBLE", doc: "Score; true is 1, false is 0.", read: scoreOf },
    {
      name: "score_boolean",
      type: "BOOLEAN",
      doc: "The score when it was given as true or false. Null for a number.",
      read: (data) => (typeof data["score"] === "boolean" ? data["score"] : null),
    },
    {
      name: "value",
      type: "VARCHAR",
      json: true,
      doc: "Value that is no score, as JSON: a text is a JSON string.",
    },
    { name: "comment", type: "VARCHAR", content: true, doc: "In words." },
    {
      name: "correction",
      type: "VARCHAR",
      json: true,
      content: true,
      doc: "What would have been right, as JSON.",
    },
    {
      name: "source_type",
      type: "VARCHAR",
      doc: "human, api, app, model, rule, import, otel, ...",
      read: (data) => source(data)["type"],
    },
    {
      name: "source_metadata",
      type: "VARCHAR",
      json: true,
      doc: "More about the source: JSON object.",
      read: (data) => source(data)["metadata"],
    },
    { name: "user_id", type: "VARCHAR", doc: "Who gave it.", read: (data) => source(data)["user_id"] },
    {
      name: "feedback_config",
      type: "VARCHAR",
      json: true,
      doc: "How to read score and value: JSON object.",
    },
    { name: "feedback_group_id", type: "VARCHAR", doc: "Feedback that belongs together." },
    { name: "comparative_experiment_id", type: "VARCHAR", doc: "Comparison that it is part of." },
    { name: "error", type: "BOOLEAN", doc: "The evaluator failed, so there is no judgement." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was first given, UTC." },
    { name: "modified_at", type: "TIMESTAMP_NS", doc: "When it was last changed, UTC." },
  ],
  check: (data) =>
    targetOf(data) === undefined
      ? "names nothing that it is about: give run_id, span_id, response_id, trace_id, thread_id, session_id, project or example_id"
      : undefined,
};
