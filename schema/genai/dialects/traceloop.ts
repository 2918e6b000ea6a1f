import type { Dialect } from "../types.js";

/** OpenLLMetry: its old flattened names and its present use of the conventions. */
export const TRACELOOP: Dialect = {
  name: "traceloop",
  title: "OpenLLMetry (Traceloop), old and new",
  detect: {
    scopes: ["@traceloop/*", "opentelemetry.instrumentation.*", "traceloop.*"],
    attributes: ["traceloop.*", "llm.request.type", "llm.request.functions.*", "llm.usage.total_tokens"],
    events: ["db.query.result"],
  },
  // Anthropic's and Bedrock's own counts leave the cache out, and OpenLLMetry passes them on.
  inputIncludesCache: { anthropic: false, "aws.bedrock": false, "*": true },
  columns: {
    run_type: [
      {
        from: "traceloop.span.kind",
        map: { workflow: "chain", task: "chain", agent: "chain", tool: "tool" },
      },
      {
        from: "llm.request.type",
        map: { chat: "llm", completion: "llm", embedding: "embedding", rerank: "retriever" },
      },
      {
        from: "traceloop.llm.request.type",
        map: { chat: "llm", completion: "llm", embedding: "embedding", rerank: "retriever" },
      },
      { from: "db.vector.query.top_k", map: { "*": "retriever" } },
    ],
    operation: [
      {
        from: "traceloop.span.kind",
        map: { workflow: "invoke_workflow", agent: "invoke_agent", tool: "execute_tool" },
      },
      {
        from: "llm.request.type",
        map: { chat: "chat", completion: "text_completion", embedding: "embeddings", rerank: "rerank" },
      },
    ],
    tool_name: [{ from: "traceloop.entity.name", when: ["tool"] }],
    conversation_id: [
      "traceloop.association.properties.session_id",
      "traceloop.association.properties.thread_id",
      "traceloop.association.properties.chat_id",
    ],
    user_id: ["traceloop.association.properties.user_id"],
    total_tokens: ["llm.usage.total_tokens"],
    // Names of 2023, before the conventions had any.
    provider: ["llm.vendor"],
    request_model: ["llm.request.model"],
    response_model: ["llm.response.model"],
    input_tokens: ["llm.usage.prompt_tokens"],
    output_tokens: ["llm.usage.completion_tokens"],
    cache_read_tokens: ["gen_ai.usage.cache_read_input_tokens"],
    cache_write_tokens: ["gen_ai.usage.cache_creation_input_tokens"],
    finish_reasons: ["llm.response.finish_reason"],
    metadata: ["traceloop.association.properties.*"],
    input_messages: [
      { from: "gen_ai.prompt.*", as: "indexed_input" },
      { from: "llm.prompts.*", as: "indexed_input" },
      {
        from: "traceloop.entity.input",
        as: "quoted_input",
        when: ["llm", "chain", "retriever", "embedding", "prompt", "parser"],
      },
    ],
    output_messages: [
      { from: "gen_ai.completion.*", as: "indexed_output" },
      { from: "llm.completions.*", as: "indexed_output" },
      { from: "traceloop.entity.output", as: "quoted_output", when: ["llm", "chain", "prompt", "parser"] },
    ],
    tool_definitions: [{ from: "llm.request.functions.*", as: "indexed_tools" }],
    tool_arguments: [{ from: "traceloop.entity.input", when: ["tool"] }],
    tool_result: [{ from: "traceloop.entity.output", when: ["tool"] }],
    retrieval_documents: [
      { from: "@db.query.result", as: "event_documents" },
      { from: "traceloop.entity.output", when: ["retriever"] },
    ],
  },
  notes: ["The JavaScript LangChain instrumentation makes each span a trace of its own."],
};
