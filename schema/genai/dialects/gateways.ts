import type { Dialect } from "../types.js";

/** LiteLLM: the conventions, with other dialects layered on the same span if configured so. */
export const LITELLM: Dialect = {
  name: "litellm",
  title: "LiteLLM",
  detect: {
    scopes: ["litellm", "litellm.*"],
    attributes: ["litellm.*", "llm.is_streaming", "hidden_params"],
  },
  inputIncludesCache: true,
  columns: {
    request_model: ["gen_ai.request.model", "litellm.provider.model"],
    conversation_id: ["litellm.metadata.session_id", "metadata.session_id"],
    user_id: ["litellm.end_user.id", "metadata.user_api_key_end_user_id"],
    cost_usd: ["litellm.cost.total", "gen_ai.cost.total_cost", "hidden_params#response_cost"],
    metadata: ["litellm.metadata.*"],
  },
};

/** OpenRouter's broadcast: the conventions from the gateway itself. */
export const OPENROUTER: Dialect = {
  name: "openrouter",
  title: "OpenRouter",
  detect: { resource: { "service.name": ["openrouter"] }, attributes: ["openrouter.*"] },
  inputIncludesCache: true,
  columns: {
    conversation_id: ["session.id"],
    user_id: ["user.id"],
    cost_usd: ["gen_ai.usage.total_cost", "openrouter.cost"],
    metadata: ["trace.metadata.*", "openrouter.metadata.*"],
  },
};

/** OpenLIT: the conventions, with cost and a few names of its own. */
export const OPENLIT: Dialect = {
  name: "openlit",
  title: "OpenLIT",
  detect: { scopes: ["openlit.*", "openlit"], attributes: ["openlit.*"] },
  columns: {
    time_to_first_token_ms: [{ from: "gen_ai.server.time_to_first_token", as: "seconds_to_ms" }],
    cost_usd: ["gen_ai.usage.cost"],
    environment: ["gen_ai.environment"],
  },
};
