import type { Dialect } from "../types.js";

/** Langfuse's SDK: an explicit choice of the user, so its attributes come early. */
export const LANGFUSE: Dialect = {
  name: "langfuse",
  title: "Langfuse",
  detect: { scopes: ["langfuse-sdk", "langfuse-sdk-*"], attributes: ["langfuse.*"] },
  columns: {
    run_type: [
      {
        from: "langfuse.observation.type",
        map: {
          generation: "llm",
          span: "chain",
          event: "chain",
          agent: "chain",
          chain: "chain",
          evaluator: "chain",
          guardrail: "chain",
          tool: "tool",
          retriever: "retriever",
          embedding: "embedding",
        },
      },
    ],
    operation: [
      {
        from: "langfuse.observation.type",
        map: {
          generation: "chat",
          agent: "invoke_agent",
          tool: "execute_tool",
          retriever: "retrieval",
          embedding: "embeddings",
        },
      },
    ],
    environment: ["langfuse.environment"],
    response_model: ["langfuse.observation.model.name"],
    conversation_id: ["langfuse.session.id"],
    user_id: ["langfuse.user.id"],
    input_tokens: [
      "langfuse.observation.usage_details#input",
      "langfuse.observation.usage_details#prompt_tokens",
      "langfuse.observation.usage_details#input_tokens",
    ],
    output_tokens: [
      "langfuse.observation.usage_details#output",
      "langfuse.observation.usage_details#completion_tokens",
      "langfuse.observation.usage_details#output_tokens",
    ],
    total_tokens: [
      "langfuse.observation.usage_details#total",
      "langfuse.observation.usage_details#total_tokens",
    ],
    cache_read_tokens: [
      "langfuse.observation.usage_details#input_cached_tokens",
      "langfuse.observation.usage_details#cache_read_input_tokens",
      "langfuse.observation.usage_details#input_cache_read",
    ],
    cache_write_tokens: [
      "langfuse.observation.usage_details#cache_creation_input_tokens",
      "langfuse.observation.usage_details#input_cache_creation",
    ],
    reasoning_tokens: [
      "langfuse.observation.usage_details#output_reasoning_tokens",
      "langfuse.observation.usage_details#output_reasoning",
    ],
    cost_usd: [
      "langfuse.observation.cost_details#total",
      { from: "langfuse.observation.cost_details", as: "sum" },
    ],
    time_to_first_token_ms: [{ from: "langfuse.observation.completion_start_time", as: "instant_to_ms" }],
    tags: ["langfuse.trace.tags"],
    metadata: [
      "langfuse.observation.metadata.*",
      "langfuse.observation.metadata",
      "langfuse.trace.metadata.*",
      "langfuse.trace.metadata",
    ],
    input_messages: [
      {
        from: "langfuse.observation.input",
        when: ["llm", "chain", "retriever", "embedding", "prompt", "parser"],
      },
      { from: "langfuse.trace.input", when: ["chain"] },
    ],
    output_messages: [
      { from: "langfuse.observation.output", when: ["llm", "chain", "prompt", "parser"] },
      { from: "langfuse.trace.output", when: ["chain"] },
    ],
    tool_arguments: [{ from: "langfuse.observation.input", when: ["tool"] }],
    tool_result: [{ from: "langfuse.observation.output", when: ["tool"] }],
    retrieval_documents: [{ from: "langfuse.observation.output", when: ["retriever"] }],
  },
};
