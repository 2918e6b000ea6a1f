import type { Dialect } from "../types.js";

/** Firebase Genkit. */
export const GENKIT: Dialect = {
  name: "genkit",
  title: "Genkit",
  detect: { scopes: ["genkit-tracer", "genkit*"], attributes: ["genkit:*"] },
  columns: {
    run_type: [
      {
        from: "genkit:metadata:subtype",
        map: {
          model: "llm",
          "background-model": "llm",
          tool: "tool",
          "tool.v2": "tool",
          embedder: "embedding",
          retriever: "retriever",
          reranker: "retriever",
          evaluator: "chain",
          flow: "chain",
          prompt: "prompt",
          executableprompt: "prompt",
          util: "chain",
        },
      },
      { from: "genkit:type", map: { flow: "chain", flowstep: "chain", util: "chain" } },
    ],
    operation: [
      {
        from: "genkit:metadata:subtype",
        map: {
          model: "chat",
          tool: "execute_tool",
          "tool.v2": "execute_tool",
          embedder: "embeddings",
          retriever: "retrieval",
        },
      },
    ],
    provider: [{ from: "genkit:name", as: "provider", when: ["llm", "embedding"] }],
    request_model: [{ from: "genkit:name", when: ["llm", "embedding"] }],
    tool_name: [{ from: "genkit:name", when: ["tool"] }],
    conversation_id: ["genkit:sessionId"],
    input_tokens: ["genkit:output#usage.inputTokens"],
    output_tokens: ["genkit:output#usage.outputTokens"],
    total_tokens: ["genkit:output#usage.totalTokens"],
    cache_read_tokens: ["genkit:output#usage.cachedContentTokens"],
    reasoning_tokens: ["genkit:output#usage.thoughtsTokens"],
    finish_reasons: ["genkit:output#finishReason"],
    input_messages: [
      {
        from: "genkit:input",
        as: "quoted_input",
        when: ["llm", "chain", "retriever", "embedding", "prompt", "parser"],
      },
    ],
    output_messages: [
      { from: "genkit:output#message", when: ["llm"] },
      { from: "genkit:output", as: "quoted_output", when: ["llm", "chain", "prompt", "parser"] },
    ],
    tool_definitions: [{ from: "genkit:input#tools", when: ["llm"] }],
    tool_arguments: [{ from: "genkit:input", when: ["tool"] }],
    tool_result: [{ from: "genkit:output", when: ["tool"] }],
    retrieval_documents: [{ from: "genkit:output", when: ["retriever"] }],
  },
};
