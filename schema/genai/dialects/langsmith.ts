import type { Dialect } from "../types.js";

/** LangSmith's own OpenTelemetry attributes: an explicit choice of the user, so they come first. */
export const LANGSMITH: Dialect = {
  name: "langsmith",
  title: "LangSmith OpenTelemetry attributes",
  detect: { scopes: ["langsmith"], attributes: ["langsmith.*"] },
  inputIncludesCache: true,
  columns: {
    run_type: [
      {
        from: "langsmith.span.kind",
        map: {
          llm: "llm",
          chain: "chain",
          tool: "tool",
          retriever: "retriever",
          embedding: "embedding",
          prompt: "prompt",
          parser: "parser",
        },
      },
    ],
    project: ["langsmith.trace.session_name"],
    provider: ["langsmith.metadata.ls_provider"],
    request_model: [{ from: "langsmith.metadata.ls_model_name", when: ["llm"] }],
    tool_name: [{ from: "langsmith.trace.name", when: ["tool"] }],
    conversation_id: [
      "langsmith.metadata.thread_id",
      "langsmith.metadata.session_id",
      "langsmith.metadata.conversation_id",
    ],
    user_id: ["langsmith.metadata.user_id"],
    input_tokens: ["langsmith.usage_metadata#input_tokens"],
    output_tokens: ["langsmith.usage_metadata#output_tokens"],
    total_tokens: ["langsmith.usage_metadata#total_tokens"],
    cache_read_tokens: [
      "langsmith.usage_metadata#input_token_details.cache_read",
      "gen_ai.usage.input_token_details#cache_read",
    ],
    cache_write_tokens: [
      "langsmith.usage_metadata#input_token_details.cache_creation",
      "gen_ai.usage.input_token_details#cache_creation",
    ],
    cache_write_5m_tokens: ["langsmith.usage_metadata#input_token_details.ephemeral_5m_input_tokens"],
    cache_write_1h_tokens: ["langsmith.usage_metadata#input_token_details.ephemeral_1h_input_tokens"],
    reasoning_tokens: [
      "langsmith.usage_metadata#output_token_details.reasoning",
      "gen_ai.usage.output_token_details#reasoning",
    ],
    audio_input_tokens: ["langsmith.usage_metadata#input_token_details.audio"],
    audio_output_tokens: ["langsmith.usage_metadata#output_token_details.audio"],
    cost_usd: [
      "langsmith.usage_metadata#total_cost",
      { from: "langsmith.usage_metadata#input_cost", plus: "langsmith.usage_metadata#output_cost" },
    ],
    tags: ["langsmith.span.tags"],
    metadata: ["langsmith.metadata.*"],
  },
  notes: ["gen_ai.prompt and gen_ai.completion hold the run's inputs and outputs as JSON."],
};
