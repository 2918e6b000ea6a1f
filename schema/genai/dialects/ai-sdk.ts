import type { Dialect } from "../types.js";

const RUN_TYPES = {
  "ai.generatetext": "chain",
  "ai.streamtext": "chain",
  "ai.generateobject": "chain",
  "ai.streamobject": "chain",
  "ai.embed": "chain",
  "ai.embedmany": "chain",
  "ai.rerank": "chain",
  "ai.generatetext.dogenerate": "llm",
  "ai.streamtext.dostream": "llm",
  "ai.generateobject.dogenerate": "llm",
  "ai.streamobject.dostream": "llm",
  "ai.embed.doembed": "embedding",
  "ai.embedmany.doembed": "embedding",
  "ai.rerank.dorerank": "retriever",
  "ai.toolcall": "tool",
};

const OPERATIONS = {
  "ai.generatetext": "invoke_agent",
  "ai.streamtext": "invoke_agent",
  "ai.generateobject": "invoke_agent",
  "ai.streamobject": "invoke_agent",
  "ai.generatetext.dogenerate": "chat",
  "ai.streamtext.dostream": "chat",
  "ai.generateobject.dogenerate": "chat",
  "ai.streamobject.dostream": "chat",
  "ai.embed.doembed": "embeddings",
  "ai.embedmany.doembed": "embeddings",
  "ai.rerank.dorerank": "rerank",
  "ai.toolcall": "execute_tool",
};

/** Vercel AI SDK 3 to 6, and 7 with its legacy telemetry. */
export const AI_SDK: Dialect = {
  name: "ai_sdk",
  title: "Vercel AI SDK 3 to 6, and the legacy telemetry of 7",
  detect: {
    scopes: ["ai"],
    attributes: [
      "ai.operationId",
      "ai.model.*",
      "ai.prompt",
      "ai.prompt.*",
      "ai.response.*",
      "ai.result.*",
      "ai.toolCall.*",
      "ai.telemetry.*",
    ],
  },
  columns: {
    run_type: [{ from: "ai.operationId", map: RUN_TYPES }],
    operation: [{ from: "ai.operationId", map: OPERATIONS }],
    provider: ["ai.model.provider"],
    request_model: ["ai.model.id"],
    response_model: ["ai.response.model"],
    agent_name: [{ from: "ai.telemetry.functionId", when: ["chain"] }],
    tool_name: ["ai.toolCall.name"],
    conversation_id: ["ai.telemetry.metadata.sessionId", "ai.telemetry.metadata.threadId"],
    user_id: ["ai.telemetry.metadata.userId"],
    input_tokens: ["ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"],
    output_tokens: ["ai.usage.outputTokens", "ai.usage.completionTokens"],
    total_tokens: ["ai.usage.totalTokens", "ai.usage.tokens"],
    uncached_input_tokens: ["ai.usage.inputTokenDetails.noCacheTokens"],
    cache_read_tokens: [
      "ai.usage.inputTokenDetails.cacheReadTokens",
      "ai.usage.cachedInputTokens",
      "ai.response.providerMetadata#anthropic.usage.cache_read_input_tokens",
      "ai.response.providerMetadata#anthropic.cacheReadInputTokens",
      "ai.response.providerMetadata#bedrock.usage.cacheReadInputTokens",
      "ai.response.providerMetadata#openai.cachedPromptTokens",
    ],
    cache_write_tokens: [
      "ai.usage.inputTokenDetails.cacheWriteTokens",
      "ai.response.providerMetadata#anthropic.cacheCreationInputTokens",
      "ai.response.providerMetadata#bedrock.usage.cacheWriteInputTokens",
    ],
    reasoning_tokens: [
      "ai.usage.outputTokenDetails.reasoningTokens",
      "ai.usage.reasoningTokens",
      "ai.response.providerMetadata#openai.reasoningTokens",
    ],
    service_tier: [
      "ai.response.providerMetadata#openai.serviceTier",
      "ai.response.providerMetadata#anthropic.usage.service_tier",
    ],
    time_to_first_token_ms: [
      { from: "ai.response.msToFirstChunk", as: "ms" },
      { from: "ai.stream.msToFirstChunk", as: "ms" },
      { from: "@ai.stream.firstChunk#ai.response.msToFirstChunk", as: "ms" },
      { from: "@ai.stream.firstChunk#ai.stream.msToFirstChunk", as: "ms" },
    ],
    finish_reasons: ["ai.response.finishReason", "ai.result.finishReason", "ai.finishReason"],
    tags: ["ai.telemetry.metadata.tags"],
    metadata: ["ai.telemetry.metadata.*"],
    input_messages: [
      "ai.prompt.messages",
      "ai.prompt",
      { from: "ai.value", as: "quoted_input", when: ["embedding", "chain"] },
      { from: "ai.values", as: "quoted_input", when: ["embedding", "chain"] },
    ],
    output_messages: [
      { from: "ai.response.*", as: "ai_sdk_response" },
      { from: "ai.result.*", as: "ai_sdk_response" },
    ],
    tool_definitions: ["ai.prompt.tools"],
    tool_arguments: ["ai.toolCall.args", "ai.toolCall.input"],
    tool_result: ["ai.toolCall.result", "ai.toolCall.output"],
  },
  notes: [
    "The outer span (ai.generateText, ai.streamText) repeats the usage of its calls: a chain, usage_scope rollup.",
    "Whether input tokens include the cache is decided by inputTokenDetails.noCacheTokens; without it, it is unknown.",
  ],
};

/** Vercel AI SDK 7 through `@ai-sdk/otel`: the conventions, with a few names of its own. */
export const AI_SDK_7: Dialect = {
  name: "ai_sdk_7",
  title: "Vercel AI SDK 7 (@ai-sdk/otel)",
  detect: { scopes: ["gen_ai"], attributes: ["ai.settings.context.*"] },
  inputIncludesCache: true,
  columns: {
    uncached_input_tokens: ["ai.usage.inputTokenDetails.noCacheTokens"],
    cache_write_tokens: ["ai.usage.inputTokenDetails.cacheWriteTokens"],
    reasoning_tokens: ["ai.usage.outputTokenDetails.reasoningTokens"],
    conversation_id: ["ai.settings.context.sessionId", "ai.settings.context.threadId"],
    user_id: ["ai.settings.context.userId"],
    metadata: ["ai.settings.context.*"],
  },
  notes: ["The root span invoke_agent repeats the usage of its steps: usage_scope rollup."],
};
