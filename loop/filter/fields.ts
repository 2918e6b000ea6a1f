/** How a field is compared. */
export type FieldKind = "text" | "number" | "time" | "seconds" | "boolean";

/** A field of a run in the filter language, over a row `s` of the view `spans`. */
export interface RunField {
  readonly kind: FieldKind;
  readonly sql: string;
}

const TRACE_UUID =
  "(substr(s.trace_id, 1, 8) || '-' || substr(s.trace_id, 9, 4) || '-' || substr(s.trace_id, 13, 4) || '-' || substr(s.trace_id, 17, 4) || '-' || substr(s.trace_id, 21, 12))";

/** Project of a run that names none. */
export const DEFAULT_PROJECT = "default";

/** pending, success or error, as LangSmith says it. */
export const STATUS_SQL =
  "CASE WHEN s.status_code = 'ERROR' THEN 'error' WHEN s.end_time IS NULL THEN 'pending' ELSE 'success' END";
/** The error's text; null when there is none. */
export const ERROR_SQL =
  "CASE WHEN s.status_code = 'ERROR' THEN coalesce(s.status_message, s.error_type, 'Error') END";
/** Tokens of the call; cache tokens count where the emitter says that its input does not include them. */
export const PROMPT_TOKENS_SQL =
  "(coalesce(s.input_tokens, 0) + CASE WHEN s.input_includes_cache = false THEN coalesce(s.cache_read_tokens, 0) + coalesce(s.cache_write_tokens, 0) ELSE 0 END)";
const COMPLETION_TOKENS_SQL = "coalesce(s.output_tokens, 0)";

/** Fields with one value. */
export const RUN_FIELDS: Readonly<Record<string, RunField>> = {
  id: { kind: "text", sql: "s.run_id" },
  trace_id: { kind: "text", sql: TRACE_UUID },
  name: { kind: "text", sql: "s.name" },
  run_type: { kind: "text", sql: "coalesce(s.run_type, 'chain')" },
  status: { kind: "text", sql: STATUS_SQL },
  error: { kind: "text", sql: ERROR_SQL },
  is_root: { kind: "boolean", sql: "(s.parent_span_id IS NULL)" },
  start_time: { kind: "time", sql: "s.start_time" },
  end_time: { kind: "time", sql: "s.end_time" },
  latency: { kind: "seconds", sql: "(s.duration_ns / 1e9)" },
  first_token_latency: { kind: "seconds", sql: "(s.time_to_first_token_ms / 1e3)" },
  total_tokens: { kind: "number", sql: `(${PROMPT_TOKENS_SQL} + ${COMPLETION_TOKENS_SQL})` },
  prompt_tokens: { kind: "number", sql: PROMPT_TOKENS_SQL },
  completion_tokens: { kind: "number", sql: COMPLETION_TOKENS_SQL },
  total_cost: { kind: "number", sql: "s.cost_usd" },
  thread_id: { kind: "text", sql: "s.conversation_id" },
  reference_example_id: { kind: "text", sql: "s.attributes['langsmith.reference_example_id']" },
};

/** Inputs and outputs as they are searched: as sent, else what the columns have. */
export const INPUTS_SQL = "coalesce(s.attributes['gen_ai.prompt'], s.input_messages, s.tool_arguments)";
export const OUTPUTS_SQL =
  "coalesce(s.attributes['gen_ai.completion'], s.output_messages, s.tool_result, s.retrieval_documents)";

/** JSON objects of which `x_key` and `x_value` are the entries. */
export const ENTRY_SOURCES: Readonly<Record<string, string>> = {
  metadata: "s.metadata",
  input: INPUTS_SQL,
  output: OUTPUTS_SQL,
};

/** Fields of one feedback on a run, over a row `f` of the view `feedback`; those in one `and` are about the same one. */
export const FEEDBACK_FIELDS: Readonly<Record<string, RunField>> = {
  feedback_key: { kind: "text", sql: "f.key" },
  feedback_score: { kind: "number", sql: "f.score" },
  feedback_value: {
    kind: "text",
    sql: "CASE WHEN json_valid(f.value) THEN json_extract_string(f.value, '$') END",
  },
  feedback_comment: { kind: "text", sql: "f.comment" },
  feedback_source: { kind: "text", sql: "f.source_type" },
  /** As whoever gave it says in the source's metadata: judges that know how sure they are. */
  feedback_confidence: {
    kind: "number",
    sql: "TRY_CAST(json_extract_string(f.source_metadata, '$.confidence') AS DOUBLE)",
  },
  /** How far its score is from one under the same key, about the same, of another type of source: judge and human. */
  feedback_disagreement: {
    kind: "number",
    sql: `(SELECT max(abs(f.score - o.score)) FROM feedback AS o WHERE o.trace_id = f.trace_id
  AND o.span_id IS NOT DISTINCT FROM f.span_id AND o.key = f.key AND o.source_type IS DISTINCT FROM f.source_type)`,
  },
};
