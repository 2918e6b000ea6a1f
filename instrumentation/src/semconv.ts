/**
 * The OpenTelemetry attribute names this package writes, copied as the OpenTelemetry project asks for names that are
 * not stable yet. Source: OpenTelemetry GenAI semantic conventions 1.42.0-dev and the renames merged after it.
 */

export const ATTR_OPERATION_NAME = "gen_ai.operation.name";
export const ATTR_PROVIDER_NAME = "gen_ai.provider.name";
export const ATTR_CONVERSATION_ID = "gen_ai.conversation.id";
export const ATTR_USER_ID = "user.id";
export const ATTR_OUTPUT_TYPE = "gen_ai.output.type";
export const ATTR_DATA_SOURCE_ID = "gen_ai.data_source.id";

export const ATTR_REQUEST_MODEL = "gen_ai.request.model";
export const ATTR_REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens";
export const ATTR_REQUEST_TEMPERATURE = "gen_ai.request.temperature";
export const ATTR_REQUEST_TOP_P = "gen_ai.request.top_p";
export const ATTR_REQUEST_TOP_K = "gen_ai.request.top_k";
export const ATTR_REQUEST_FREQUENCY_PENALTY = "gen_ai.request.frequency_penalty";
export const ATTR_REQUEST_PRESENCE_PENALTY = "gen_ai.request.presence_penalty";
export const ATTR_REQUEST_STOP_SEQUENCES = "gen_ai.request.stop_sequences";
export const ATTR_REQUEST_SEED = "gen_ai.request.seed";
export const ATTR_REQUEST_CHOICE_COUNT = "gen_ai.request.choice.count";
export const ATTR_REQUEST_STREAM = "gen_ai.request.stream";
export const ATTR_REQUEST_ENCODING_FORMATS = "gen_ai.request.encoding_formats";
export const ATTR_REQUEST_REASONING_LEVEL = "gen_ai.request.reasoning.level";
export const ATTR_REQUEST_PREVIOUS_RESPONSE_ID = "gen_ai.request.previous_response.id";

export const ATTR_RESPONSE_ID = "gen_ai.response.id";
export const ATTR_RESPONSE_MODEL = "gen_ai.response.model";
export const ATTR_RESPONSE_FINISH_REASONS = "gen_ai.response.finish_reasons";
export const ATTR_RESPONSE_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";

export const ATTR_USAGE_INPUT_TOKENS = "gen_ai.usage.input_tokens";
export const ATTR_USAGE_OUTPUT_TOKENS = "gen_ai.usage.output_tokens";
export const ATTR_USAGE_CACHE_READ = "gen_ai.usage.cache_read.input_tokens";
/** The name until 1.42.0-dev; written beside the new one until readers have moved. */
export const ATTR_USAGE_CACHE_CREATION = "gen_ai.usage.cache_creation.input_tokens";
export const ATTR_USAGE_CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens";
export const ATTR_USAGE_REASONING = "gen_ai.usage.reasoning.output_tokens";
/** US dollars. Not in the conventions, but what several libraries and Counterfoil's `cost_usd` column read. */
export const ATTR_USAGE_COST = "gen_ai.usage.cost";

export const ATTR_SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions";
export const ATTR_INPUT_MESSAGES = "gen_ai.input.messages";
export const ATTR_OUTPUT_MESSAGES = "gen_ai.output.messages";
export const ATTR_TOOL_DEFINITIONS = "gen_ai.tool.definitions";

export const ATTR_AGENT_NAME = "gen_ai.agent.name";
export const ATTR_AGENT_ID = "gen_ai.agent.id";
export const ATTR_AGENT_DESCRIPTION = "gen_ai.agent.description";
export const ATTR_AGENT_VERSION = "gen_ai.agent.version";
export const ATTR_WORKFLOW_NAME = "gen_ai.workflow.name";

export const ATTR_TOOL_NAME = "gen_ai.tool.name";
export const ATTR_TOOL_TYPE = "gen_ai.tool.type";
export const ATTR_TOOL_DESCRIPTION = "gen_ai.tool.description";
export const ATTR_TOOL_CALL_ID = "gen_ai.tool.call.id";
export const ATTR_TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments";
export const ATTR_TOOL_CALL_RESULT = "gen_ai.tool.call.result";

export const ATTR_RETRIEVAL_TOP_K = "gen_ai.retrieval.top_k";
export const ATTR_RETRIEVAL_QUERY_TEXT = "gen_ai.retrieval.query.text";
export const ATTR_RETRIEVAL_DOCUMENTS = "gen_ai.retrieval.documents";
export const ATTR_EMBEDDINGS_DIMENSION_COUNT = "gen_ai.embeddings.dimension.count";

export const ATTR_OPENAI_API_TYPE = "openai.api.type";
export const ATTR_OPENAI_REQUEST_SERVICE_TIER = "openai.request.service_tier";
export const ATTR_OPENAI_RESPONSE_SERVICE_TIER = "openai.response.service_tier";
export const ATTR_OPENAI_RESPONSE_SYSTEM_FINGERPRINT = "openai.response.system_fingerprint";

export const ATTR_SERVER_ADDRESS = "server.address";
export const ATTR_SERVER_PORT = "server.port";
export const ATTR_ERROR_TYPE = "error.type";
export const ATTR_HTTP_RESPONSE_STATUS_CODE = "http.response.status_code";
export const ATTR_EXCEPTION_TYPE = "exception.type";
export const ATTR_EXCEPTION_MESSAGE = "exception.message";
export const ATTR_EXCEPTION_STACKTRACE = "exception.stacktrace";

/** LangSmith project of a trace. Source: LangSmith's OpenTelemetry attribute table. */
export const ATTR_LANGSMITH_SESSION_NAME = "langsmith.trace.session_name";

/** True when the caller left a stream before its end, or aborted it: the output is only what was read. */
export const ATTR_STREAM_INCOMPLETE = "counterfoil.stream.incomplete";

/** `error.type` when nothing better is known. */
export const ERROR_TYPE_OTHER = "_OTHER";
