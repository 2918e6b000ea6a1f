/**
 * The plain reading of GenAI attributes, as data: which attribute fills which column of `spans` as it is. The sealer's
 * byte path and the translating exporters read this table. A span that needs more than it says is sealed by the full
 * rules of `dialects/`, which give the same for every span that this table suffices for (a test compares them).
 *
 * The order of columns and sources is part of the open format: `attribute_layout` counts them. Only append.
 */

import {
  ATTR_DEPLOYMENT_ENVIRONMENT,
  ATTR_DEPLOYMENT_ENVIRONMENT_NAME,
  ATTR_ENDUSER_ID,
  ATTR_ERROR_TYPE,
  ATTR_GEN_AI_AGENT_NAME,
  ATTR_GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK,
  ATTR_GEN_AI_COMPLETION,
  ATTR_GEN_AI_CONVERSATION_ID,
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OPENAI_REQUEST_SERVICE_TIER,
  ATTR_GEN_AI_OPENAI_RESPONSE_SERVICE_TIER,
  ATTR_GEN_AI_OPERATION_NAME,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_PROMPT,
  ATTR_GEN_AI_PROVIDER_NAME,
  ATTR_GEN_AI_REQUEST_MODEL,
  ATTR_GEN_AI_RESPONSE_FINISH_REASONS,
  ATTR_GEN_AI_RESPONSE_MODEL,
  ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
  ATTR_GEN_AI_RETRIEVAL_DOCUMENTS,
  ATTR_GEN_AI_SYSTEM,
  ATTR_GEN_AI_SYSTEM_INSTRUCTIONS,
  ATTR_GEN_AI_TOOL_CALL_ARGUMENTS,
  ATTR_GEN_AI_TOOL_CALL_RESULT,
  ATTR_GEN_AI_TOOL_DEFINITIONS,
  ATTR_GEN_AI_TOOL_NAME,
  ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_COMPLETION_TOKENS,
  ATTR_GEN_AI_USAGE_COST,
  ATTR_GEN_AI_USAGE_INPUT_TOKENS,
  ATTR_GEN_AI_USAGE_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_PROMPT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
  ATTR_GEN_AI_USAGE_REASONING_TOKENS,
  ATTR_LANGSMITH_METADATA_CONVERSATION_ID,
  ATTR_LANGSMITH_METADATA_SESSION_ID,
  ATTR_LANGSMITH_METADATA_THREAD_ID,
  ATTR_LANGSMITH_METADATA_USER_ID,
  ATTR_LANGSMITH_SPAN_KIND,
  ATTR_LANGSMITH_SPAN_TAGS,
  ATTR_LANGSMITH_TRACE_SESSION_NAME,
  ATTR_OPENAI_REQUEST_SERVICE_TIER,
  ATTR_OPENAI_RESPONSE_SERVICE_TIER,
  ATTR_SERVICE_NAME,
  ATTR_SESSION_ID,
  ATTR_TRACELOOP_USAGE_CACHE_CREATION_INPUT_TOKENS,
  ATTR_TRACELOOP_USAGE_CACHE_READ_INPUT_TOKENS,
  ATTR_USER_ID,
} from "./attributes.js";
import { OPERATION_RUN_TYPES } from "./operations.js";

/** Version of the whole rule set, recorded with every row that it filled. 1 knew OTel's and LangSmith's names alone, 2 no service tier and no log records, 3 not the order of several choices, 4 no costs in two parts and Gemini's output without reasoning. */
export const RULE_SET_VERSION = 5;

/**
 * How a source value becomes the column's:
 * `text` and `int` and `double` take a scalar of that kind (text also takes any other value, as its JSON);
 * `json` takes a string that holds JSON as it is, and a structured value as JSON;
 * `strings` makes a JSON array of strings of an array, a JSON array in a string, or a comma-separated string;
 * `seconds_as_ms` multiplies by 1,000.
 */
export type ValueShape = "text" | "int" | "double" | "json" | "strings" | "seconds_as_ms";

/** One column's sources, most authoritative first: the first one present wins. */
export interface ColumnRule {
  readonly column: string;
  readonly shape: ValueShape;
  readonly sources: readonly string[];
}

/** Sources on the span itself. Names: OTel GenAI conventions 1.27 to 1.42-dev, and LangSmith's OTel attributes. */
export const SPAN_RULES: readonly ColumnRule[] = [
  { column: "project", shape: "text", sources: [ATTR_LANGSMITH_TRACE_SESSION_NAME] },
  { column: "operation", shape: "text", sources: [ATTR_GEN_AI_OPERATION_NAME] },
  { column: "provider", shape: "text", sources: [ATTR_GEN_AI_PROVIDER_NAME, ATTR_GEN_AI_SYSTEM] },
  { column: "request_model", shape: "text", sources: [ATTR_GEN_AI_REQUEST_MODEL] },
  { column: "response_model", shape: "text", sources: [ATTR_GEN_AI_RESPONSE_MODEL] },
  { column: "agent_name", shape: "text", sources: [ATTR_GEN_AI_AGENT_NAME] },
  { column: "tool_name", shape: "text", sources: [ATTR_GEN_AI_TOOL_NAME] },
  {
    column: "conversation_id",
    shape: "text",
    sources: [
      ATTR_LANGSMITH_METADATA_THREAD_ID,
      ATTR_LANGSMITH_METADATA_SESSION_ID,
      ATTR_LANGSMITH_METADATA_CONVERSATION_ID,
      ATTR_GEN_AI_CONVERSATION_ID,
      ATTR_SESSION_ID,
    ],
  },
  {
    column: "user_id",
    shape: "text",
    sources: [ATTR_LANGSMITH_METADATA_USER_ID, ATTR_USER_ID, ATTR_ENDUSER_ID],
  },
  {
    column: "input_tokens",
    shape: "int",
    sources: [ATTR_GEN_AI_USAGE_INPUT_TOKENS, ATTR_GEN_AI_USAGE_PROMPT_TOKENS],
  },
  {
    column: "output_tokens",
    shape: "int",
    sources: [ATTR_GEN_AI_USAGE_OUTPUT_TOKENS, ATTR_GEN_AI_USAGE_COMPLETION_TOKENS],
  },
  {
    column: "cache_read_tokens",
    shape: "int",
    sources: [ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS, ATTR_TRACELOOP_USAGE_CACHE_READ_INPUT_TOKENS],
  },
  {
    column: "cache_write_tokens",
    shape: "int",
    sources: [
      ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
      ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS,
      ATTR_TRACELOOP_USAGE_CACHE_CREATION_INPUT_TOKENS,
    ],
  },
  {
    column: "reasoning_tokens",
    shape: "int",
    sources: [ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS, ATTR_GEN_AI_USAGE_REASONING_TOKENS],
  },
  { column: "cost_usd", shape: "double", sources: [ATTR_GEN_AI_USAGE_COST] },
  {
    column: "time_to_first_token_ms",
    shape: "seconds_as_ms",
    sources: [ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, ATTR_GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK],
  },
  { column: "finish_reasons", shape: "strings", sources: [ATTR_GEN_AI_RESPONSE_FINISH_REASONS] },
  { column: "error_type", shape: "text", sources: [ATTR_ERROR_TYPE] },
  { column: "tags", shape: "strings", sources: [ATTR_LANGSMITH_SPAN_TAGS] },
  { column: "input_messages", shape: "json", sources: [ATTR_GEN_AI_INPUT_MESSAGES, ATTR_GEN_AI_PROMPT] },
  {
    column: "output_messages",
    shape: "json",
    sources: [ATTR_GEN_AI_OUTPUT_MESSAGES, ATTR_GEN_AI_COMPLETION],
  },
  { column: "system_instructions", shape: "json", sources: [ATTR_GEN_AI_SYSTEM_INSTRUCTIONS] },
  { column: "tool_definitions", shape: "json", sources: [ATTR_GEN_AI_TOOL_DEFINITIONS] },
  { column: "tool_arguments", shape: "json", sources: [ATTR_GEN_AI_TOOL_CALL_ARGUMENTS] },
  { column: "tool_result", shape: "json", sources: [ATTR_GEN_AI_TOOL_CALL_RESULT] },
  { column: "retrieval_documents", shape: "json", sources: [ATTR_GEN_AI_RETRIEVAL_DOCUMENTS] },
  {
    column: "service_tier",
    shape: "text",
    sources: [
      ATTR_OPENAI_RESPONSE_SERVICE_TIER,
      ATTR_OPENAI_REQUEST_SERVICE_TIER,
      ATTR_GEN_AI_OPENAI_RESPONSE_SERVICE_TIER,
      ATTR_GEN_AI_OPENAI_REQUEST_SERVICE_TIER,
    ],
  },
];

/** Sources on the resource. */
export const RESOURCE_RULES: readonly ColumnRule[] = [
  { column: "service_name", shape: "text", sources: [ATTR_SERVICE_NAME] },
  {
    column: "environment",
    shape: "text",
    sources: [ATTR_DEPLOYMENT_ENVIRONMENT_NAME, ATTR_DEPLOYMENT_ENVIRONMENT],
  },
];

/** Attributes with this prefix make up the `metadata` column, the prefix cut off. */
export const METADATA_PREFIX = "langsmith.metadata.";

/** LangSmith run type of each `langsmith.span.kind` and `gen_ai.operation.name`. */
export const RUN_TYPES: Readonly<Record<string, string>> = OPERATION_RUN_TYPES;

/** Attributes that decide the run type, in order; then: tool name present means tool, a model present means llm. */
export const RUN_TYPE_SOURCES: readonly string[] = [ATTR_LANGSMITH_SPAN_KIND, ATTR_GEN_AI_OPERATION_NAME];
