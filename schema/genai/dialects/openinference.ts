import type { Dialect } from "../types.js";

/** Arize OpenInference: LangChain, LlamaIndex, CrewAI, OpenAI Agents, Haystack, DSPy, Agno, ... */
export const OPENINFERENCE: Dialect = {
  name: "openinference",
  title: "OpenInference (Arize), also for LangChain, LlamaIndex, CrewAI, Haystack and others",
  detect: {
    attributes: [
      "openinference.span.kind",
      "llm.input_messages.*",
      "llm.output_messages.*",
      "llm.token_count.*",
      "llm.model_name",
      "llm.invocation_parameters",
      "retrieval.documents.*",
      "embedding.embeddings.*",
      "reranker.*",
    ],
    scopes: ["openinference.*", "@arizeai/openinference-*"],
  },
  inputIncludesCache: true,
  // Its calls are made in a process of their own, and only the agent's span says what they used.
  ownUsageScopes: [
    "openinference.instrumentation.claude_agent_sdk",
    "@arizeai/openinference-instrumentation-claude-agent-sdk",
  ],
  columns: {
    run_type: [
      {
        from: "openinference.span.kind",
        map: {
          llm: "llm",
          chain: "chain",
          tool: "tool",
          retriever: "retriever",
          reranker: "retriever",
          embedding: "embedding",
          agent: "chain",
          guardrail: "chain",
          evaluator: "chain",
          prompt: "prompt",
        },
      },
    ],
    operation: [
      {
        from: "openinference.span.kind",
        map: {
          llm: "chat",
          tool: "execute_tool",
          retriever: "retrieval",
          reranker: "rerank",
          embedding: "embeddings",
          agent: "invoke_agent",
        },
      },
    ],
    provider: ["llm.provider", "llm.system", "metadata#ls_provider"],
    request_model: [
      "llm.request.model_name",
      "llm.invocation_parameters#model",
      "llm.invocation_parameters#model_name",
      "embedding.model_name",
      "reranker.model_name",
    ],
    response_model: ["llm.response.model_name", "llm.model_name"],
    agent_name: ["agent.name"],
    tool_name: [{ from: "tool.name", when: ["tool"] }],
    conversation_id: ["session.id", "metadata#thread_id"],
    user_id: ["user.id", "metadata#user_id"],
    input_tokens: ["llm.token_count.prompt"],
    output_tokens: ["llm.token_count.completion"],
    total_tokens: ["llm.token_count.total"],
    cache_read_tokens: [
      "llm.token_count.prompt_details.cache_read",
      "llm.token_count.prompt_details.cache_input",
    ],
    cache_write_tokens: ["llm.token_count.prompt_details.cache_write"],
    reasoning_tokens: ["llm.token_count.completion_details.reasoning"],
    audio_input_tokens: ["llm.token_count.prompt_details.audio"],
    audio_output_tokens: ["llm.token_count.completion_details.audio"],
    cost_usd: ["llm.cost.total", { from: "llm.cost.prompt", plus: "llm.cost.completion" }],
    service_tier: ["llm.invocation_parameters#service_tier"],
    finish_reasons: ["llm.finish_reason"],
    tags: ["tag.tags"],
    metadata: ["metadata"],
    input_messages: [
      { from: "llm.input_messages.*", as: "openinference_messages" },
      { from: "embedding.embeddings.*", as: "openinference_texts", when: ["embedding"] },
      { from: "reranker.query", when: ["retriever"] },
      { from: "input.value", as: "question", when: ["retriever"] },
      { from: "input.value", when: ["llm", "chain", "embedding", "prompt", "parser"] },
      { from: "llm.prompts.*", when: ["llm"] },
    ],
    output_messages: [
      { from: "llm.output_messages.*", as: "openinference_answers" },
      { from: "output.value", when: ["llm", "chain", "prompt", "parser"] },
    ],
    system_instructions: [
      { from: "llm.invocation_parameters#system", when: ["llm"] },
      { from: "llm.invocation_parameters#system_instruction", when: ["llm"] },
    ],
    tool_definitions: [
      { from: "llm.tools.*", as: "openinference_tools" },
      { from: "llm.invocation_parameters#tools", when: ["llm"] },
    ],
    tool_arguments: [
      { from: "input.value", when: ["tool"] },
      { from: "tool.parameters", when: ["tool"] },
    ],
    tool_result: [{ from: "output.value", when: ["tool"] }],
    retrieval_documents: [
      { from: "retrieval.documents.*", as: "openinference_documents" },
      { from: "reranker.output_documents.*", as: "openinference_documents" },
      { from: "output.value", when: ["retriever"] },
    ],
  },
  notes: [
    "llm.token_count.prompt includes the cache tokens.",
    "The JavaScript OpenAI instrumentation sends no usage for streams and no span for failed calls.",
    "Flattened messages count towards the SDK's limit of 128 attributes; what it dropped is in dropped_attributes_count.",
  ],
};
