import type { Dialect } from "../types.js";

/** AWS Strands Agents: the conventions with Bedrock's blocks in span events, and times in milliseconds. */
export const STRANDS: Dialect = {
  name: "strands",
  title: "Strands Agents",
  detect: {
    scopes: ["strands.telemetry.tracer", "strands-agents", "strands.*"],
    values: { "gen_ai.system": ["strands-agents"], "gen_ai.provider.name": ["strands-agents"] },
    attributes: ["event_loop.cycle_id"],
  },
  // Bedrock's and Anthropic's own counts leave the cache out, and Strands passes them on.
  inputIncludesCache: { "aws.bedrock": false, anthropic: false, "*": true },
  columns: {
    cache_read_tokens: ["gen_ai.usage.cache_read_input_tokens"],
    cache_write_tokens: ["gen_ai.usage.cache_write_input_tokens"],
    time_to_first_token_ms: [{ from: "gen_ai.server.time_to_first_token", as: "ms" }],
    tool_definitions: ["gen_ai.tool.definitions", "gen_ai.agent.tools"],
    tool_arguments: ["gen_ai.tool.call.arguments", { from: "@gen_ai.tool.message#content", when: ["tool"] }],
    tool_result: ["gen_ai.tool.call.result", { from: "@gen_ai.choice#message", when: ["tool"] }],
  },
  notes: [
    "gen_ai.server.time_to_first_token is in milliseconds here; the metric of that name is in seconds.",
    "The agent's span repeats the usage of its cycles: usage_scope rollup.",
  ],
};
