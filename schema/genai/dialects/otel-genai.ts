import { OPERATION_RUN_TYPES } from "../operations.js";
import type { Dialect } from "../types.js";

/** OTel GenAI conventions from 1.37 on, and the names of 2026. */
export const OTEL_GENAI: Dialect = {
  name: "otel_genai",
  title: "OpenTelemetry GenAI conventions (1.37 to 1.42-dev)",
  detect: { attributes: ["gen_ai.*"], events: ["gen_ai.*"] },
  inputIncludesCache: true,
  columns: {
    run_type: [{ from: "gen_ai.operation.name", map: OPERATION_RUN_TYPES }],
    operation: ["gen_ai.operation.name"],
    provider: ["gen_ai.provider.name"],
    request_model: ["gen_ai.request.model"],
    response_model: ["gen_ai.response.model"],
    agent_name: ["gen_ai.agent.name"],
    tool_name: ["gen_ai.tool.name"],
    conversation_id: ["gen_ai.conversation.id"],
    input_tokens: ["gen_ai.usage.input_tokens"],
    output_tokens: ["gen_ai.usage.output_tokens"],
    cache_read_tokens: ["gen_ai.usage.cache_read.input_tokens"],
    cache_write_tokens: ["gen_ai.usage.cache_write.input_tokens"],
    reasoning_tokens: ["gen_ai.usage.reasoning.output_tokens"],
    audio_input_tokens: ["gen_ai.usage.audio.input_tokens"],
    audio_output_tokens: ["gen_ai.usage.audio.output_tokens"],
    image_input_tokens: ["gen_ai.usage.image.input_tokens"],
    image_output_tokens: ["gen_ai.usage.image.output_tokens"],
    service_tier: ["openai.response.service_tier", "openai.request.service_tier"],
    time_to_first_token_ms: [{ from: "gen_ai.response.time_to_first_chunk", as: "seconds_to_ms" }],
    finish_reasons: ["gen_ai.response.finish_reasons"],
    input_messages: [
      "gen_ai.input.messages",
      {
        from: "@gen_ai.client.inference.operation.details",
        as: "event_input",
        when: ["llm", "chain", "retriever", "embedding", "prompt", "parser"],
      },
      { from: "gen_ai.retrieval.query.text", when: ["retriever"] },
      { from: "gen_ai.memory.query.text", when: ["retriever"] },
    ],
    output_messages: [
      "gen_ai.output.messages",
      {
        from: "@gen_ai.client.inference.operation.details",
        as: "event_output",
        when: ["llm", "chain", "prompt", "parser"],
      },
    ],
    system_instructions: ["gen_ai.system_instructions"],
    tool_definitions: ["gen_ai.tool.definitions"],
    tool_arguments: ["gen_ai.tool.call.arguments"],
    tool_result: ["gen_ai.tool.call.result"],
    retrieval_documents: [
      "gen_ai.retrieval.documents",
      { from: "gen_ai.memory.records", when: ["retriever"] },
    ],
  },
  notes: [
    "Messages in the shape of the conventions are kept to the byte; any provider's shape in their place is translated.",
    "The event gen_ai.client.inference.operation.details is read on the span itself and, joined by ids, in log records.",
  ],
};
