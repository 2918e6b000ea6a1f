/**
 * The views over `spans` that analysts start from, as DuckDB SQL that runs in DuckDB 1.4 and later with no extension
 * beyond the built-in json and parquet. Each aggregate is a column of its own, so a query reads only the columns it
 * names.
 */

/** Tokens of one call; cache tokens are added only where the emitter says that the input does not include them. */
export const TOTAL_TOKENS =
  "coalesce(input_tokens, 0) + coalesce(output_tokens, 0) + CASE WHEN input_includes_cache = false THEN coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0) ELSE 0 END";

const AGO = `-- ago(INTERVAL 1 DAY): that long before now, as the type of the time columns (TIMESTAMP_NS, UTC). Comparing them
-- with now() itself is an error in DuckDB, because now() carries a time zone.
CREATE OR REPLACE MACRO ago(duration) AS
  CAST(CAST(make_timestamp_ns(epoch_ns(now())) AS TIMESTAMP) - duration AS TIMESTAMP_NS);`;

const THREADS = `-- threads: one row a conversation (session, thread) of a project.
CREATE OR REPLACE VIEW threads AS
SELECT
  thread_id,
  thread_id AS conversation_id,
  project,
  min(start_time) AS start_time,
  max(end_time) AS end_time,
  CASE WHEN bool_or(status = 'pending') THEN 'pending' ELSE arg_max(status, start_time) END AS status,
  count(*) AS trace_count,
  count(*) FILTER (WHERE status_code = 'ERROR') AS error_count,
  count(*) FILTER (WHERE NOT complete) AS incomplete_count,
  CAST(sum(span_count) AS BIGINT) AS span_count,
  CAST(sum(llm_calls) AS BIGINT) AS llm_calls,
  CAST(sum(tool_calls) AS BIGINT) AS tool_calls,
  CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
  CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
  CAST(sum(total_tokens) AS BIGINT) AS total_tokens,
  sum(cost_usd) AS cost_usd,
  min(user_id) AS user_id,
  arg_min(trace_id, start_time) AS first_trace_id,
  arg_max(trace_id, start_time) AS last_trace_id,
  arg_min(first_input, start_time) AS first_input,
  arg_max(last_output, start_time) AS last_output,
  arg_max(error, start_time) AS last_error,
  map_from_entries(list_transform(
    list_sort(list_distinct(flatten(list(map_keys(feedback)) FILTER (WHERE feedback IS NOT NULL)))),
    lambda k: {'key': k, 'value': list_avg(list_transform(
      list_filter(list(feedback) FILTER (WHERE feedback IS NOT NULL), lambda f: map_contains(f, k)),
      lambda f: f[k]))})) AS feedback
FROM traces
WHERE thread_id IS NOT NULL
GROUP BY thread_id, project;`;

const LLM_CALLS = `-- llm_calls: one row a call of a model.
CREATE OR REPLACE VIEW llm_calls AS
SELECT
  trace_id, span_id, parent_span_id, run_id, name, project, service_name, environment, start_time, end_time,
  duration_ns, status_code, status_message, error_type, operation, provider, request_model, response_model,
  agent_name, conversation_id, user_id, input_tokens, output_tokens,
  CASE WHEN input_tokens IS NULL AND output_tokens IS NULL THEN NULL ELSE ${TOTAL_TOKENS} END AS total_tokens,
  cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, cost_source, time_to_first_token_ms,
  finish_reasons,
  tags, metadata, input_messages, output_messages, system_instructions, tool_definitions
FROM spans
WHERE run_type = 'llm';`;

const TOOL_CALLS = `-- tool_calls: one row a tool execution.
CREATE OR REPLACE VIEW tool_calls AS
SELECT
  trace_id, span_id, parent_span_id, run_id, name, coalesce(tool_name, name) AS tool_name, project, service_name,
  environment, start_time, end_time, duration_ns, status_code, status_message, error_type, agent_name,
  conversation_id, user_id, tool_arguments, tool_result, tags, metadata
FROM spans
WHERE run_type = 'tool';`;

/**
 * A message's `parts`: the GenAI convention's `parts`, else the parts of an array `content`, else one text part.
 * A value that is no JSON counts as one text message, an object with `messages` as that list.
 */
const MESSAGES = `-- messages: one row a part of a message, in and out.
CREATE OR REPLACE VIEW messages AS
WITH documents AS (
  SELECT trace_id, span_id, project, service_name, conversation_id, start_time, 'input' AS direction, input_messages AS document
  FROM spans WHERE input_messages IS NOT NULL
  UNION ALL
  SELECT trace_id, span_id, project, service_name, conversation_id, start_time, 'output', output_messages
  FROM spans WHERE output_messages IS NOT NULL
), parsed AS (
  SELECT * EXCLUDE (document),
    CASE WHEN json_valid(document) THEN CAST(document AS JSON) ELSE to_json(document) END AS document
  FROM documents
), lists AS (
  SELECT * EXCLUDE (document),
    CASE
      WHEN json_type(document) = 'ARRAY' THEN json_extract(document, '$[*]')
      WHEN json_type(document, '$.messages') = 'ARRAY' THEN json_extract(document, '$.messages[*]')
      ELSE [document]
    END AS message_list
  FROM parsed
), single AS (
  SELECT * EXCLUDE (message_list),
    generate_subscripts(message_list, 1) - 1 AS message_index,
    unnest(message_list) AS message
  FROM lists
), part_lists AS (
  SELECT * EXCLUDE (message),
    json_extract_string(message, '$.role') AS role,
    json_extract_string(message, '$.finish_reason') AS finish_reason,
    CASE
      WHEN json_type(message) <> 'OBJECT' THEN [message]
      WHEN json_type(message, '$.parts') = 'ARRAY' THEN json_extract(message, '$.parts[*]')
      WHEN json_type(message, '$.content') = 'ARRAY' THEN json_extract(message, '$.content[*]')
      WHEN json_type(message, '$.content') IS NOT NULL THEN [json_extract(message, '$.content')]
      ELSE [message]
    END AS part_list
  FROM single
), parts AS (
  SELECT * EXCLUDE (part_list),
    generate_subscripts(part_list, 1) - 1 AS part_index,
    unnest(part_list) AS part
  FROM part_lists
)
SELECT
  trace_id, span_id, project, service_name, conversation_id, start_time, direction,
  CAST(message_index AS INTEGER) AS message_index, role, finish_reason, CAST(part_index AS INTEGER) AS part_index,
  CASE WHEN json_type(part) = 'OBJECT' THEN json_extract_string(part, '$.type') ELSE 'text' END AS part_type,
  CASE WHEN json_type(part) = 'OBJECT'
    THEN coalesce(json_extract_string(part, '$.content'), json_extract_string(part, '$.text'))
    ELSE json_extract_string(part, '$') END AS content,
  CASE WHEN json_type(part) = 'OBJECT' THEN json_extract_string(part, '$.name') END AS tool_name,
  CASE WHEN json_type(part) = 'OBJECT' THEN json_extract_string(part, '$.id') END AS tool_call_id,
  CAST(part AS VARCHAR) AS part
FROM parts;`;

const COSTS = `-- costs: usage and cost by day, project, service, model and user.
CREATE OR REPLACE VIEW costs AS
SELECT
  CAST(start_time AS DATE) AS day,
  project, service_name, environment, provider,
  coalesce(response_model, request_model) AS model,
  user_id,
  count(*) AS calls,
  CAST(sum(input_tokens) AS BIGINT) AS input_tokens,
  CAST(sum(output_tokens) AS BIGINT) AS output_tokens,
  CAST(sum(cache_read_tokens) AS BIGINT) AS cache_read_tokens,
  CAST(sum(cache_write_tokens) AS BIGINT) AS cache_write_tokens,
  CAST(sum(reasoning_tokens) AS BIGINT) AS reasoning_tokens,
  sum(cost_usd) AS cost_usd,
  count(*) FILTER (WHERE cost_usd IS NULL) AS unpriced_calls
FROM spans
WHERE coalesce(usage_scope, 'own') = 'own'
  AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL OR cost_usd IS NOT NULL)
GROUP BY ALL;`;

/** One macro or view: its SQL, and what it is for. */
export interface DerivedView {
  readonly name: string;
  readonly sql: string;
}

/** Views over `spans` and `traces`, in an order in which each uses only those before it. */
export const DERIVED_VIEWS: readonly DerivedView[] = [
  { name: "ago", sql: AGO },
  { name: "threads", sql: THREADS },
  { name: "llm_calls", sql: LLM_CALLS },
  { name: "tool_calls", sql: TOOL_CALLS },
  { name: "messages", sql: MESSAGES },
  { name: "costs", sql: COSTS },
];
