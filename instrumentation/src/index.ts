/**
 * Light OpenTelemetry GenAI instrumentation. `register()` sets tracing up in one line; `traceX` wrap your own
 * functions; `wrapOpenAI` and `wrapAnthropic` wrap model clients; `withConversation` names conversation and user.
 */
export { wrapAnthropic } from "./anthropic/wrap.js";
export type { WrapAnthropicOptions } from "./anthropic/wrap.js";
export type { CostOf } from "./answer.js";
export { configure, CAPTURE_VARIABLE } from "./content.js";
export type { ContentOptions, Redact } from "./content.js";
export { conversationAttributes, withConversation } from "./conversation.js";
export type { Conversation } from "./conversation.js";
export type { AnyFunction } from "./instrument.js";
export type { Message, Part } from "./messages.js";
export { STREAM_CHUNKS_MAX } from "./observe.js";
export { wrapOpenAI } from "./openai/wrap.js";
export type { WrapOpenAIOptions } from "./openai/wrap.js";
export type {
  AgentOptions,
  ChatOptions,
  ChatRequest,
  ChatResponse,
  EmbeddingsOptions,
  MessagesLike,
  Result,
  RetrievalOptions,
  RetrievedDocument,
  ToolOptions,
  TraceOptions,
  Usage,
  WorkflowOptions,
} from "./options.js";
export { register } from "./setup.js";
export type { RegisterOptions, Registration } from "./setup.js";
export { ConversationSpanProcessor } from "./span-processor.js";
export { traceChat, traceEmbeddings, traceRetrieval } from "./trace-models.js";
export { traceAgent, traceTool, traceWorkflow } from "./trace-steps.js";
export { PACKAGE_NAME, PACKAGE_VERSION, SCHEMA_URL } from "./version.js";
