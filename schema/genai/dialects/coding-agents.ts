import type { Dialect } from "../types.js";

/** Claude Code and the Claude Agent SDK. */
export const CLAUDE_CODE: Dialect = {
  name: "claude_code",
  title: "Claude Code and the Claude Agent SDK",
  detect: {
    scopes: ["com.anthropic.claude_code.*", "com.anthropic.claude_code"],
    values: {
      "span.type": [
        "claude_code.interaction",
        "claude_code.llm_request",
        "claude_code.tool",
        "claude_code.tool.execution",
        "claude_code.tool.blocked_on_user",
        "claude_code.hook",
      ],
    },
  },
  inputIncludesCache: false,
  columns: {
    run_type: [
      {
        from: "span.type",
        map: {
          "claude_code.llm_request": "llm",
          llm_request: "llm",
          "claude_code.interaction": "chain",
          interaction: "chain",
          "claude_code.tool": "tool",
          tool: "tool",
          "claude_code.tool.execution": "chain",
          "tool.execution": "chain",
          "claude_code.hook": "chain",
          hook: "chain",
        },
      },
    ],
    operation: [
      {
        from: "span.type",
        map: {
          "claude_code.llm_request": "chat",
          llm_request: "chat",
          "claude_code.interaction": "invoke_agent",
          interaction: "invoke_agent",
          "claude_code.tool": "execute_tool",
          tool: "execute_tool",
        },
      },
    ],
    provider: [
      {
        from: "span.type",
        as: "text",
        map: { "claude_code.llm_request": "anthropic", llm_request: "anthropic" },
      },
    ],
    request_model: ["model"],
    response_model: ["response.model"],
    agent_name: ["subagent_type"],
    tool_name: ["tool_name", { from: "skill_name", when: ["tool"] }],
    conversation_id: ["session.id"],
    user_id: ["user.account_uuid", "user.id"],
    input_tokens: ["input_tokens"],
    output_tokens: ["output_tokens"],
    cache_read_tokens: ["cache_read_tokens"],
    cache_write_tokens: ["cache_creation_tokens"],
    cost_usd: ["cost_usd"],
    time_to_first_token_ms: [{ from: "ttft_ms", as: "ms" }],
    finish_reasons: ["stop_reason"],
    error_type: ["error_type"],
    input_messages: [
      { from: "new_context", when: ["llm"] },
      { from: "user_prompt", when: ["chain"] },
      "@log:user_prompt#prompt",
      "@log:api_request_body#body",
    ],
    output_messages: [
      { from: "response.model_output", when: ["llm"] },
      "@log:assistant_response#response",
      "@log:api_response_body#body",
    ],
    system_instructions: ["system_prompt_preview"],
    tool_definitions: [{ from: "tools", when: ["llm"] }],
    tool_arguments: [
      "tool_input",
      { from: "full_command", when: ["tool"] },
      { from: "file_path", when: ["tool"] },
      "@log:tool_result#tool_input",
    ],
    tool_result: [
      { from: "@tool.output#output", when: ["tool"] },
      { from: "@tool.output#content", when: ["tool"] },
      { from: "@tool.output#diff", when: ["tool"] },
    ],
  },
  notes: [
    "input_tokens leaves out the cache tokens.",
    "Prompts and answers of log records go to the span in which they were written, the interaction; their usage does not.",
    "Content is sent only with OTEL_LOG_USER_PROMPTS, OTEL_LOG_TOOL_DETAILS and the like; else it reads <REDACTED>.",
  ],
};

/** OpenAI Codex CLI. */
export const CODEX: Dialect = {
  name: "codex",
  title: "OpenAI Codex CLI",
  detect: { scopes: ["codex_cli_rs", "codex_exec", "codex_*"], attributes: ["codex.*"] },
  inputIncludesCache: true,
  rollupSources: ["codex.turn.token_usage.input_tokens", "codex.turn.token_usage.output_tokens"],
  columns: {
    request_model: ["model"],
    conversation_id: ["conversation.id", "thread.id"],
    input_tokens: ["codex.turn.token_usage.input_tokens", "@log:codex.sse_event#input_token_count"],
    output_tokens: ["codex.turn.token_usage.output_tokens", "@log:codex.sse_event#output_token_count"],
    total_tokens: ["codex.turn.token_usage.total_tokens"],
    uncached_input_tokens: ["codex.turn.token_usage.non_cached_input_tokens"],
    cache_read_tokens: [
      "codex.turn.token_usage.cached_input_tokens",
      "@log:codex.sse_event#cached_token_count",
    ],
    reasoning_tokens: [
      "codex.turn.token_usage.reasoning_output_tokens",
      "@log:codex.sse_event#reasoning_token_count",
    ],
    tool_name: ["tool_name"],
    input_messages: [{ from: "user_prompt" }, { from: "prompt" }, "@log:codex.user_prompt#prompt"],
    tool_arguments: ["@log:codex.tool_result#arguments"],
    tool_result: ["@log:codex.tool_result#output"],
  },
  notes: [
    "The span session_task.turn sums up the turn, which handle_responses reports again: usage_scope rollup.",
  ],
};

/** Gemini CLI: the conventions' attributes with content in Gemini's shape. */
export const GEMINI_CLI: Dialect = {
  name: "gemini_cli",
  title: "Gemini CLI",
  detect: { scopes: ["gemini-cli", "gemini-cli*"], values: { "gen_ai.agent.name": ["gemini-cli"] } },
  inputIncludesCache: true,
  columns: {
    conversation_id: ["session.id"],
    tool_name: ["@log:gemini_cli.tool_call#function_name"],
    input_tokens: ["@log:gemini_cli.api_response#input_token_count"],
    output_tokens: ["@log:gemini_cli.api_response#output_token_count"],
    cache_read_tokens: ["@log:gemini_cli.api_response#cached_content_token_count"],
    reasoning_tokens: ["@log:gemini_cli.api_response#thoughts_token_count"],
    finish_reasons: ["@log:gemini_cli.api_response#finish_reasons"],
    input_messages: ["@log:gemini_cli.user_prompt#prompt", "@log:gemini_cli.api_request#request_text"],
    output_messages: ["@log:gemini_cli.api_response#response_text"],
    tool_arguments: [
      { from: "gen_ai.input.messages", when: ["tool"] },
      "@log:gemini_cli.tool_call#function_args",
    ],
    tool_result: [{ from: "gen_ai.output.messages", when: ["tool"] }],
  },
  notes: ["Operations llm_call, tool_call, agent_call and user_prompt are read as the conventions' own."],
};

/** GitHub Copilot: the conventions, with names of its own beside them. */
export const COPILOT: Dialect = {
  name: "copilot",
  title: "GitHub Copilot",
  detect: {
    scopes: ["github.copilot", "github.copilot.*", "copilot-chat"],
    attributes: ["github.copilot.*", "copilot_chat.*"],
  },
  inputIncludesCache: true,
  columns: {
    conversation_id: ["gen_ai.conversation.id", "github.copilot.session_id", "copilot_chat.session_id"],
    time_to_first_token_ms: [{ from: "copilot_chat.time_to_first_token", as: "ms" }],
  },
  notes: ["invoke_agent repeats the usage of its calls: usage_scope rollup."],
};
