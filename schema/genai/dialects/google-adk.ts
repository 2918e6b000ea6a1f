import type { Dialect } from "../types.js";

/** Google's Agent Development Kit: requests and answers in Gemini's shape. */
export const GOOGLE_ADK: Dialect = {
  name: "google_adk",
  title: "Google Agent Development Kit",
  detect: { scopes: ["gcp.vertex.agent"], attributes: ["gcp.vertex.agent.*"] },
  inputIncludesCache: true,
  columns: {
    request_model: ["gcp.vertex.agent.llm_request#model"],
    conversation_id: ["gcp.vertex.agent.session_id"],
    input_tokens: [
      "gen_ai.usage.input_tokens",
      "gcp.vertex.agent.llm_response#usage_metadata.prompt_token_count",
    ],
    output_tokens: [
      "gen_ai.usage.output_tokens",
      "gcp.vertex.agent.llm_response#usage_metadata.candidates_token_count",
    ],
    total_tokens: ["gcp.vertex.agent.llm_response#usage_metadata.total_token_count"],
    cache_read_tokens: ["gcp.vertex.agent.llm_response#usage_metadata.cached_content_token_count"],
    reasoning_tokens: ["gcp.vertex.agent.llm_response#usage_metadata.thoughts_token_count"],
    finish_reasons: ["gen_ai.response.finish_reasons", "gcp.vertex.agent.llm_response#finish_reason"],
    input_messages: [{ from: "gcp.vertex.agent.llm_request#contents" }],
    output_messages: [{ from: "gcp.vertex.agent.llm_response#content", as: "output" }],
    system_instructions: ["gcp.vertex.agent.llm_request#config.system_instruction"],
    tool_definitions: ["gcp.vertex.agent.llm_request#config.tools"],
    tool_arguments: [{ from: "gcp.vertex.agent.tool_call_args", when: ["tool"] }],
    tool_result: [{ from: "gcp.vertex.agent.tool_response", when: ["tool"] }],
  },
  notes: ["`{}` stands for an absent request or answer."],
};
