/**
 * The plain reading of GenAI attributes, as data: which attribute fills which column of `spans`. The sealer (over
 * bytes) and the translating exporters (over objects) both read this table and nothing else, so that a richer rule set
 * replaces it here.
 */

/** Version recorded with every row that this table filled. */
export const RULE_SET_VERSION = 1;

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
  { column: "project", shape: "text", sources: ["langsmith.trace.session_name"] },
  { column: "operation", shape: "text", sources: ["gen_ai.operation.name"] },
  { column: "provider", shape: "text", sources: ["gen_ai.provider.name", "gen_ai.system"] },
  { column: "request_model", shape: "text", sources: ["gen_ai.request.model"] },
  { column: "response_model", shape: "text", sources: ["gen_ai.response.model"] },
  { column: "agent_name", shape: "text", sources: ["gen_ai.agent.name"] },
  { column: "tool_name", shape: "text", sources: ["gen_ai.tool.name"] },
  {
    column: "conversation_id",
    shape: "text",
    sources: [
      "langsmith.metadata.thread_id",
      "langsmith.metadata.session_id",
      "langsmith.metadata.conversation_id",
      "gen_ai.conversation.id",
      "session.id",
    ],
  },
  { column: "user_id", shape: "text", sources: ["langsmith.metadata.user_id", "user.id", "enduser.id"] },
  {
    column: "input_tokens",
    shape: "int",
    sources: ["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"],
  },
  {
    column: "output_tokens",
    shape: "int",
    sources: ["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"],
  },
  {
    column: "cache_read_tokens",
    shape: "int",
    sources: ["gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"],
  },
  {
    column: "cache_write_tokens",
    shape: "int",
    sources: [
      "gen_ai.usage.cache_write.input_tokens",
      "gen_ai.usage.cache_creation.input_tokens",
      "gen_ai.usage.cache_creation_input_tokens",
    ],
  },
  {
    column: "reasoning_tokens",
    shape: "int",
    sources: ["gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"],
  },
  { column: "cost_usd", shape: "double", sources: ["gen_ai.usage.cost"] },
  {
    column: "time_to_first_token_ms",
    shape: "seconds_as_ms",
    sources: ["gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk"],
  },
  { column: "finish_reasons", shape: "strings", sources: ["gen_ai.response.finish_reasons"] },
  { column: "error_type", shape: "text", sources: ["error.type"] },
  { column: "tags", shape: "strings", sources: ["langsmith.span.tags"] },
  { column: "input_messages", shape: "json", sources: ["gen_ai.input.messages", "gen_ai.prompt"] },
  { column: "output_messages", shape: "json", sources: ["gen_ai.output.messages", "gen_ai.completion"] },
  { column: "system_instructions", shape: "json", sources: ["gen_ai.system_instructions"] },
  { column: "tool_definitions", shape: "json", sources: ["gen_ai.tool.definitions"] },
  { column: "tool_arguments", shape: "json", sources: ["gen_ai.tool.call.arguments"] },
  { column: "tool_result", shape: "json", sources: ["gen_ai.tool.call.result"] },
  { column: "retrieval_documents", shape: "json", sources: ["gen_ai.retrieval.documents"] },
];

/** Sources on the resource. */
export const RESOURCE_RULES: readonly ColumnRule[] = [
  { column: "service_name", shape: "text", sources: ["service.name"] },
  {
    column: "environment",
    shape: "text",
    sources: ["deployment.environment.name", "deployment.environment"],
  },
];

/** Attributes with this prefix make up the `metadata` column, the prefix cut off. */
export const METADATA_PREFIX = "langsmith.metadata.";

/** LangSmith run type of each `langsmith.span.kind` and `gen_ai.operation.name`. */
export const RUN_TYPES: Readonly<Record<string, string>> = {
  llm: "llm",
  chain: "chain",
  tool: "tool",
  retriever: "retriever",
  embedding: "embedding",
  prompt: "prompt",
  parser: "parser",
  chat: "llm",
  text_completion: "llm",
  generate_content: "llm",
  completion: "llm",
  embeddings: "embedding",
  retrieval: "retriever",
  search_memory: "retriever",
  execute_tool: "tool",
  invoke_agent: "chain",
  create_agent: "chain",
  plan: "chain",
  invoke_workflow: "chain",
};

/** Attributes that decide the run type, in order; then: tool name present means tool, a model present means llm. */
export const RUN_TYPE_SOURCES: readonly string[] = ["langsmith.span.kind", "gen_ai.operation.name"];

/** Operations whose token usage repeats their children's (usage_scope = rollup); every other reported usage is own. */
export const ROLLUP_OPERATIONS: readonly string[] = ["invoke_agent", "invoke_workflow", "create_agent"];
