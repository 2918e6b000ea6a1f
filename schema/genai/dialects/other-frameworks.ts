import type { Dialect } from "../types.js";

/** Laminar. */
export const LAMINAR: Dialect = {
  name: "laminar",
  title: "Laminar",
  detect: { scopes: ["lmnr*", "@lmnr-ai/*"], attributes: ["lmnr.*"] },
  columns: {
    run_type: [
      {
        from: "lmnr.span.type",
        map: {
          llm: "llm",
          tool: "tool",
          default: "chain",
          executor: "chain",
          evaluator: "chain",
          evaluation: "chain",
          cached: "llm",
        },
      },
    ],
    tool_name: [{ from: "lmnr.span.name", when: ["tool"] }],
    conversation_id: ["lmnr.association.properties.session_id"],
    user_id: ["lmnr.association.properties.user_id"],
    cost_usd: ["gen_ai.usage.cost"],
    tags: ["lmnr.association.properties.tags"],
    metadata: ["lmnr.association.properties.metadata.*"],
    input_messages: [
      {
        from: "lmnr.span.input",
        as: "quoted_input",
        when: ["llm", "chain", "retriever", "embedding", "prompt", "parser"],
      },
    ],
    output_messages: [
      { from: "lmnr.span.output", as: "quoted_output", when: ["llm", "chain", "prompt", "parser"] },
    ],
    tool_arguments: [{ from: "lmnr.span.input", when: ["tool"] }],
    tool_result: [{ from: "lmnr.span.output", when: ["tool"] }],
  },
};

/** LiveKit agents: voice pipelines. */
export const LIVEKIT: Dialect = {
  name: "livekit",
  title: "LiveKit Agents",
  detect: { scopes: ["livekit-agents", "livekit*"], attributes: ["lk.*"] },
  columns: {
    run_type: [
      { from: "lk.function_tool.name", map: { "*": "tool" } },
      { from: "lk.chat_ctx", map: { "*": "llm" } },
    ],
    agent_name: ["lk.agent_name", "lk.agent_label"],
    tool_name: ["lk.function_tool.name"],
    conversation_id: ["lk.room_name", "lk.job_id"],
    input_tokens: ["gen_ai.usage.input_tokens", "lk.llm_metrics#prompt_tokens"],
    output_tokens: ["gen_ai.usage.output_tokens", "lk.llm_metrics#completion_tokens"],
    cache_read_tokens: ["lk.llm_metrics#prompt_cached_tokens"],
    time_to_first_token_ms: [
      { from: "lk.response.ttft", as: "seconds_to_ms" },
      { from: "lk.llm_metrics#ttft", as: "seconds_to_ms" },
    ],
    input_messages: [
      { from: "lk.chat_ctx#items" },
      "lk.chat_ctx",
      { from: "lk.user_input", when: ["chain"] },
      { from: "lk.input_text", when: ["chain"] },
    ],
    output_messages: [{ from: "lk.response.text" }],
    tool_arguments: ["lk.function_tool.arguments"],
    tool_result: ["lk.function_tool.output"],
  },
};

/** Spring AI: the conventions, with content in its own attributes or in log records. */
export const SPRING_AI: Dialect = {
  name: "spring_ai",
  title: "Spring AI",
  detect: { scopes: ["org.springframework.ai*", "spring-ai*"], attributes: ["spring.ai.*"] },
  inputIncludesCache: true,
  columns: {
    run_type: [
      {
        from: "spring.ai.kind",
        map: { chat_client: "chain", advisor: "chain", tool_call: "tool", vector_store: "retriever" },
      },
    ],
    tool_name: [{ from: "spring.ai.tool.definition.name" }],
    conversation_id: ["spring.ai.chat.client.conversation.id"],
    input_messages: [
      { from: "spring.ai.chat.client.user.text" },
      { from: "db.vector.query.content", as: "question" },
    ],
    system_instructions: ["spring.ai.chat.client.system.text"],
    tool_arguments: ["spring.ai.tool.call.arguments"],
    tool_result: ["spring.ai.tool.call.result"],
    retrieval_documents: ["spring.ai.vector_store.query.response.documents"],
  },
};

/** Haystack's own tracer; with OpenInference's instrumentation it speaks that dialect instead. */
export const HAYSTACK: Dialect = {
  name: "haystack",
  title: "Haystack",
  detect: { attributes: ["haystack.*"] },
  columns: {
    run_type: [
      {
        from: "haystack.component.type",
        map: {
          openaichatgenerator: "llm",
          openaigenerator: "llm",
          openaitextembedder: "embedding",
          openaidocumentembedder: "embedding",
          inmemorybm25retriever: "retriever",
          inmemoryembeddingretriever: "retriever",
          toolinvoker: "tool",
          promptbuilder: "prompt",
          chatpromptbuilder: "prompt",
        },
      },
    ],
    agent_name: [{ from: "haystack.agent.name" }],
    input_messages: [
      { from: "haystack.component.input#messages" },
      { from: "haystack.component.input", when: ["llm", "chain", "prompt", "embedding", "retriever"] },
      { from: "haystack.pipeline.input_data" },
    ],
    output_messages: [
      { from: "haystack.component.output#replies" },
      { from: "haystack.component.output", when: ["llm", "chain", "prompt"] },
      { from: "haystack.pipeline.output_data" },
    ],
    tool_arguments: [{ from: "haystack.component.input", when: ["tool"] }],
    tool_result: [{ from: "haystack.component.output", when: ["tool"] }],
    retrieval_documents: [{ from: "haystack.component.output", when: ["retriever"] }],
  },
};
