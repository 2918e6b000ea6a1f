import type { Dialect } from "../types.js";

/** Pydantic AI and Logfire: the conventions, with the whole conversation on the agent's span. */
export const PYDANTIC_AI: Dialect = {
  name: "pydantic_ai",
  title: "Pydantic AI and Logfire (formats 1 to 6)",
  detect: {
    scopes: ["pydantic-ai", "pydantic_ai", "logfire", "logfire.*"],
    attributes: ["pydantic_ai.*", "logfire.*", "all_messages_events", "gen_ai.aggregated_usage.*"],
  },
  inputIncludesCache: true,
  rollupSources: ["gen_ai.aggregated_usage.input_tokens", "gen_ai.aggregated_usage.output_tokens"],
  columns: {
    // Up to format 1 nothing else tells an agent's span from a call.
    run_type: [{ from: "agent_name", map: { "*": "chain" } }],
    operation: [{ from: "agent_name", map: { "*": "invoke_agent" } }],
    agent_name: ["agent_name", "gen_ai.agent.name"],
    request_model: ["gen_ai.request.model", "model_name"],
    input_tokens: ["gen_ai.usage.input_tokens", "gen_ai.aggregated_usage.input_tokens"],
    output_tokens: ["gen_ai.usage.output_tokens", "gen_ai.aggregated_usage.output_tokens"],
    cache_read_tokens: [
      "gen_ai.usage.cache_read.input_tokens",
      "gen_ai.usage.details.cache_read_tokens",
      "gen_ai.usage.details.cache_read_input_tokens",
      "gen_ai.aggregated_usage.cache_read.input_tokens",
      "gen_ai.aggregated_usage.details.cache_read_tokens",
    ],
    cache_write_tokens: [
      "gen_ai.usage.details.cache_write_tokens",
      "gen_ai.usage.details.cache_creation_input_tokens",
      "gen_ai.aggregated_usage.cache_creation.input_tokens",
      "gen_ai.aggregated_usage.details.cache_write_tokens",
    ],
    reasoning_tokens: [
      "gen_ai.usage.details.reasoning_tokens",
      "gen_ai.usage.details.thoughts_tokens",
      "gen_ai.aggregated_usage.reasoning.output_tokens",
      "gen_ai.aggregated_usage.details.reasoning_tokens",
    ],
    cost_usd: ["operation.cost"],
    input_messages: [
      { from: "gen_ai.input.messages", when: ["llm"] },
      "pydantic_ai.all_messages",
      { from: "events", as: "listed_event_input" },
      { from: "all_messages_events", as: "listed_event_input" },
      { from: "prompt", when: ["chain"] },
    ],
    output_messages: [
      { from: "gen_ai.output.messages", when: ["llm"] },
      { from: "events", as: "listed_event_output" },
      { from: "final_result", when: ["chain"] },
    ],
    tool_arguments: ["tool_arguments"],
    tool_result: ["tool_response"],
    tool_definitions: ["gen_ai.tool.definitions", "model_request_parameters#function_tools"],
    tags: ["logfire.tags"],
  },
  notes: [
    "gen_ai.aggregated_usage.* on the agent's span sums up the calls: usage_scope rollup.",
    "Tool results come under the role user up to format 5 and under tool in format 6; they are kept as sent.",
  ],
};
