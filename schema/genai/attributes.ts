/**
 * Attribute names as OTel writes its constants. GenAI names: semantic-conventions-genai 1.42-dev and the older names still
 * sent; LangSmith's: its OpenTelemetry ingestion. Copied, not imported: the conventions' package has deprecated them.
 */

/** What is done: chat, text_completion, embeddings, execute_tool, invoke_agent, ... */
export const ATTR_GEN_AI_OPERATION_NAME = "gen_ai.operation.name";
/** Provider: openai, anthropic, aws.bedrock, ... */
export const ATTR_GEN_AI_PROVIDER_NAME = "gen_ai.provider.name";
/** Provider, as called before semconv 1.37. */
export const ATTR_GEN_AI_SYSTEM = "gen_ai.system";
/** Model asked for. */
export const ATTR_GEN_AI_REQUEST_MODEL = "gen_ai.request.model";
/** Choices asked for (int); sent when not 1. */
export const ATTR_GEN_AI_REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count";
/** Sampling seed (int). */
export const ATTR_GEN_AI_REQUEST_SEED = "gen_ai.request.seed";
/** Top-k sampling (double; int in later drafts). */
export const ATTR_GEN_AI_REQUEST_TOP_K = "gen_ai.request.top_k";
/** Nucleus sampling (double). */
export const ATTR_GEN_AI_REQUEST_TOP_P = "gen_ai.request.top_p";
/** Sampling temperature (double). */
export const ATTR_GEN_AI_REQUEST_TEMPERATURE = "gen_ai.request.temperature";
/** Most tokens to generate (int). */
export const ATTR_GEN_AI_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
/** Where generation stops (string[]). */
export const ATTR_GEN_AI_REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences";
/** Frequency penalty (double). */
export const ATTR_GEN_AI_REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty";
/** Presence penalty (double). */
export const ATTR_GEN_AI_REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty";
/** Whether the answer is streamed (bool). */
export const ATTR_GEN_AI_REQUEST_STREAM = "gen_ai.request.stream";
/** Encodings asked of an embedding (string[]). */
export const ATTR_GEN_AI_REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats";
/** The provider's id of the answer. */
export const ATTR_GEN_AI_RESPONSE_ID = "gen_ai.response.id";
/** Model that answered. */
export const ATTR_GEN_AI_RESPONSE_MODEL = "gen_ai.response.model";
/** Why generation stopped, one a choice (string[]). */
export const ATTR_GEN_AI_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
/** Seconds to the first chunk (double). */
export const ATTR_GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";
/** Seconds to the first chunk, as some emitters name it (double). */
export const ATTR_GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk";
/** Form asked for: text, json, image, speech. */
export const ATTR_GEN_AI_OUTPUT_TYPE = "gen_ai.output.type";
/** Conversation, session or thread. */
export const ATTR_GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id";
/** Prompt tokens (int). */
export const ATTR_GEN_AI_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
/** Completion tokens (int). */
export const ATTR_GEN_AI_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
/** Prompt tokens, as called before semconv 1.27 (int). */
export const ATTR_GEN_AI_USAGE_PROMPT_TOKENS = "gen_ai.usage.prompt_tokens";
/** Completion tokens, as called before semconv 1.27 (int). */
export const ATTR_GEN_AI_USAGE_COMPLETION_TOKENS = "gen_ai.usage.completion_tokens";
/** Prompt tokens read from the provider's cache (int). */
export const ATTR_GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens";
/** The same, as Traceloop names it (int). */
export const ATTR_TRACELOOP_USAGE_CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read_input_tokens";
/** Prompt tokens written to the provider's cache (int). */
export const ATTR_GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS = "gen_ai.usage.cache_write.input_tokens";
/** The same, as semconv 1.42 names it (int). */
export const ATTR_GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = "gen_ai.usage.cache_creation.input_tokens";
/** The same, as Traceloop names it (int). */
export const ATTR_TRACELOOP_USAGE_CACHE_CREATION_INPUT_TOKENS = "gen_ai.usage.cache_creation_input_tokens";
/** Output tokens spent on reasoning (int). */
export const ATTR_GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens";
/** The same, as older emitters name it (int). */
export const ATTR_GEN_AI_USAGE_REASONING_TOKENS = "gen_ai.usage.reasoning_tokens";
/** Service tier that served the call, as OpenAI names it: default, flex, priority, ... */
export const ATTR_OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier";
/** Service tier that was asked for. */
export const ATTR_OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier";
/** The same two up to conventions 1.36. */
export const ATTR_GEN_AI_OPENAI_RESPONSE_SERVICE_TIER = "gen_ai.openai.response.service_tier";
export const ATTR_GEN_AI_OPENAI_REQUEST_SERVICE_TIER = "gen_ai.openai.request.service_tier";
/** Cost in US dollars as the emitter reports it (double); not in the conventions. */
export const ATTR_GEN_AI_USAGE_COST = "gen_ai.usage.cost";
/** On token metrics: input or output. */
export const ATTR_GEN_AI_TOKEN_TYPE = "gen_ai.token.type";
/** Agent id. */
export const ATTR_GEN_AI_AGENT_ID = "gen_ai.agent.id";
/** Agent name. */
export const ATTR_GEN_AI_AGENT_NAME = "gen_ai.agent.name";
/** Agent description. */
export const ATTR_GEN_AI_AGENT_DESCRIPTION = "gen_ai.agent.description";
/** Agent version. */
export const ATTR_GEN_AI_AGENT_VERSION = "gen_ai.agent.version";
/** Workflow name. */
export const ATTR_GEN_AI_WORKFLOW_NAME = "gen_ai.workflow.name";
/** Tool name. */
export const ATTR_GEN_AI_TOOL_NAME = "gen_ai.tool.name";
/** Tool description. */
export const ATTR_GEN_AI_TOOL_DESCRIPTION = "gen_ai.tool.description";
/** Tool type: function, extension, datastore. */
export const ATTR_GEN_AI_TOOL_TYPE = "gen_ai.tool.type";
/** Tools offered to the model (any). */
export const ATTR_GEN_AI_TOOL_DEFINITIONS = "gen_ai.tool.definitions";
/** Tool call id. */
export const ATTR_GEN_AI_TOOL_CALL_ID = "gen_ai.tool.call.id";
/** Arguments of a tool call (any). */
export const ATTR_GEN_AI_TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
/** Result of a tool call (any). */
export const ATTR_GEN_AI_TOOL_CALL_RESULT = "gen_ai.tool.call.result";
/** Messages in (any; a JSON string where the SDK can't nest). */
export const ATTR_GEN_AI_INPUT_MESSAGES = "gen_ai.input.messages";
/** Messages out (any; a JSON string where the SDK can't nest). */
export const ATTR_GEN_AI_OUTPUT_MESSAGES = "gen_ai.output.messages";
/** System instructions (any). */
export const ATTR_GEN_AI_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
/** Messages in, as called before semconv 1.37 and still read by LangSmith. */
export const ATTR_GEN_AI_PROMPT = "gen_ai.prompt";
/** Messages out, as called before semconv 1.37 and still read by LangSmith. */
export const ATTR_GEN_AI_COMPLETION = "gen_ai.completion";
/** Prompt template name. */
export const ATTR_GEN_AI_PROMPT_NAME = "gen_ai.prompt.name";
/** Dimensions of an embedding (int). */
export const ATTR_GEN_AI_EMBEDDINGS_DIMENSION_COUNT = "gen_ai.embeddings.dimension.count";
/** Data source of a retrieval. */
export const ATTR_GEN_AI_DATA_SOURCE_ID = "gen_ai.data_source.id";
/** Query of a retrieval. */
export const ATTR_GEN_AI_RETRIEVAL_QUERY_TEXT = "gen_ai.retrieval.query.text";
/** Documents found (any). */
export const ATTR_GEN_AI_RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents";
/** Name of an evaluation, on its result event. */
export const ATTR_GEN_AI_EVALUATION_NAME = "gen_ai.evaluation.name";
/** Score of an evaluation (double). */
export const ATTR_GEN_AI_EVALUATION_SCORE_VALUE = "gen_ai.evaluation.score.value";
/** Label of an evaluation. */
export const ATTR_GEN_AI_EVALUATION_SCORE_LABEL = "gen_ai.evaluation.score.label";
/** Explanation of an evaluation. */
export const ATTR_GEN_AI_EVALUATION_EXPLANATION = "gen_ai.evaluation.explanation";
/** LangSmith project of the trace. */
export const ATTR_LANGSMITH_TRACE_SESSION_NAME = "langsmith.trace.session_name";
/** LangSmith name of the run. */
export const ATTR_LANGSMITH_TRACE_NAME = "langsmith.trace.name";
/** LangSmith run type. */
export const ATTR_LANGSMITH_SPAN_KIND = "langsmith.span.kind";
/** LangSmith tags, comma separated. */
export const ATTR_LANGSMITH_SPAN_TAGS = "langsmith.span.tags";
/** LangSmith usage: JSON object of token counts. */
export const ATTR_LANGSMITH_USAGE_METADATA = "langsmith.usage_metadata";
/** LangSmith thread. */
export const ATTR_LANGSMITH_METADATA_THREAD_ID = "langsmith.metadata.thread_id";
/** LangSmith thread, second spelling. */
export const ATTR_LANGSMITH_METADATA_SESSION_ID = "langsmith.metadata.session_id";
/** LangSmith thread, third spelling. */
export const ATTR_LANGSMITH_METADATA_CONVERSATION_ID = "langsmith.metadata.conversation_id";
/** End user, in LangSmith metadata. */
export const ATTR_LANGSMITH_METADATA_USER_ID = "langsmith.metadata.user_id";
/** Resource: name of the service. */
export const ATTR_SERVICE_NAME = "service.name";
/** Resource: version of the service. */
export const ATTR_SERVICE_VERSION = "service.version";
/** Resource: production, staging, ... */
export const ATTR_DEPLOYMENT_ENVIRONMENT_NAME = "deployment.environment.name";
/** Resource: the same, as called before semconv 1.27. */
export const ATTR_DEPLOYMENT_ENVIRONMENT = "deployment.environment";
/** Session of the user. */
export const ATTR_SESSION_ID = "session.id";
/** User. */
export const ATTR_USER_ID = "user.id";
/** User, in the older convention. */
export const ATTR_ENDUSER_ID = "enduser.id";
/** Class of the error; _OTHER when unknown. */
export const ATTR_ERROR_TYPE = "error.type";
/** On exception events: class of the exception. */
export const ATTR_EXCEPTION_TYPE = "exception.type";
/** On exception events: its message. */
export const ATTR_EXCEPTION_MESSAGE = "exception.message";
/** On exception events: its stack trace. */
export const ATTR_EXCEPTION_STACKTRACE = "exception.stacktrace";
/** Name of a log event, before LogRecord.event_name existed. */
export const ATTR_EVENT_NAME = "event.name";
/** Host of the provider. */
export const ATTR_SERVER_ADDRESS = "server.address";
/** Port of the provider (int). */
export const ATTR_SERVER_PORT = "server.port";
