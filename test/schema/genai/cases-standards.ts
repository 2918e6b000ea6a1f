import { type Plain, said, type SpanExtras } from "./spans.js";

/** A span in a dialect, and the columns it must fill (it may fill more). */
export interface DialectCase {
  readonly dialect: string;
  readonly what: string;
  readonly attributes: { [key: string]: Plain };
  readonly extras?: SpanExtras;
  readonly expected: Record<string, unknown>;
}

/** The same call of a tool in every provider's shape. */
export const CALL = { type: "tool_call", id: "c1", name: "lookup", arguments: { id: 7 } };
/** The same tool in every provider's shape. */
export const TOOL = { type: "function", name: "lookup", description: "d", parameters: { type: "object" } };

/** Conventions, vendors and gateways. */
export const STANDARD_CASES: readonly DialectCase[] = [
  {
    dialect: "otel_genai",
    what: "messages of the conventions on the span",
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "x_ai",
      "gen_ai.request.model": "grok-4",
      "gen_ai.input.messages": [{ role: "user", parts: [{ type: "text", content: "hi" }] }],
      "gen_ai.response.time_to_first_chunk": 0.25,
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.cache_write.input_tokens": 4,
      "gen_ai.usage.audio.input_tokens": 3,
    },
    expected: {
      run_type: "llm",
      provider: "x_ai",
      input_messages: [said("user", "hi")],
      time_to_first_token_ms: 250,
      cache_write_tokens: 4,
      input_includes_cache: true,
      usage_details: { audio_input_tokens: 3 },
    },
  },
  {
    dialect: "otel_genai_legacy",
    what: "messages as span events, provider and usage by their old names",
    attributes: {
      "gen_ai.system": "az.ai.openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.usage.prompt_tokens": 3,
      "gen_ai.usage.completion_tokens": 2,
    },
    extras: {
      events: [
        ["gen_ai.system.message", { content: "be kind" }],
        ["gen_ai.user.message", { content: "hi" }],
        [
          "gen_ai.assistant.message",
          {
            tool_calls: [{ id: "c1", type: "function", function: { name: "lookup", arguments: '{"id":7}' } }],
          },
        ],
        ["gen_ai.tool.message", { id: "c1", content: "found" }],
        ["gen_ai.choice", { index: 0, finish_reason: "stop", message: { content: "hello" } }],
      ],
    },
    expected: {
      provider: "azure.ai.openai",
      run_type: "llm",
      input_tokens: 3,
      output_tokens: 2,
      finish_reasons: ["stop"],
      input_messages: [
        said("system", "be kind"),
        said("user", "hi"),
        { role: "assistant", parts: [CALL] },
        { role: "tool", parts: [{ type: "tool_call_response", id: "c1", response: "found" }] },
      ],
      output_messages: [{ ...(said("assistant", "hello") as object), finish_reason: "stop" }],
    },
  },
  {
    dialect: "openinference",
    what: "flattened messages with images and tool calls",
    attributes: {
      "openinference.span.kind": "LLM",
      "llm.provider": "google",
      "llm.model_name": "gemini-3-pro",
      "llm.input_messages.0.message.role": "user",
      "llm.input_messages.0.message.contents.0.message_content.type": "text",
      "llm.input_messages.0.message.contents.0.message_content.text": "what is this?",
      "llm.input_messages.0.message.contents.1.message_content.type": "image",
      "llm.input_messages.0.message.contents.1.message_content.image.image.url": "data:image/png;base64,AAAA",
      "llm.output_messages.0.message.role": "assistant",
      "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "lookup",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id":7}',
      "llm.tools.0.tool.json_schema": '{"name":"lookup","description":"d","input_schema":{"type":"object"}}',
      "llm.cost.total": 0.5,
      "tag.tags": ["a", "b"],
    },
    expected: {
      provider: "gcp.gemini",
      response_model: "gemini-3-pro",
      operation: "chat",
      input_messages: [
        {
          role: "user",
          parts: [
            { type: "text", content: "what is this?" },
            { type: "blob", modality: "image", mime_type: "image/png", content: "AAAA" },
          ],
        },
      ],
      output_messages: [{ role: "assistant", parts: [CALL] }],
      tool_definitions: [TOOL],
      cost_usd: 0.5,
      tags: ["a", "b"],
    },
  },
  {
    dialect: "openinference",
    what: "converted messages: a tool's result from the user, a block of which only the type was written",
    attributes: {
      "openinference.span.kind": "LLM",
      "llm.input_messages.0.message.role": "assistant",
      "llm.input_messages.0.message.contents.0.message_content.type": "tool-call",
      "llm.input_messages.0.message.tool_calls.0.tool_call.id": "c1",
      "llm.input_messages.0.message.tool_calls.0.tool_call.function.name": "lookup",
      "llm.input_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id":7}',
      "llm.input_messages.1.message.role": "user",
      "llm.input_messages.1.message.tool_call_id": "c1",
      "llm.input_messages.1.message.content": "found",
      "llm.output_messages.0.message.role": "assistant",
      "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c1",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "lookup",
      "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"id":7}',
      "llm.output_messages.0.message.tool_call_id": "c1",
      "llm.output_messages.0.message.content": "found",
    },
    expected: {
      input_messages: [
        { role: "assistant", parts: [CALL] },
        { role: "user", parts: [{ type: "tool_call_response", id: "c1", response: "found" }] },
      ],
      output_messages: [
        { role: "assistant", parts: [{ type: "tool_call_response", id: "c1", response: "found" }, CALL] },
      ],
    },
  },
  {
    dialect: "openinference",
    what: "an agent that repeats its calls' tokens",
    attributes: { "openinference.span.kind": "AGENT", "llm.token_count.prompt": 9, "input.value": "go" },
    expected: {
      run_type: "chain",
      operation: "invoke_agent",
      usage_scope: "rollup",
      input_messages: [said("user", "go")],
    },
  },
  {
    dialect: "traceloop",
    what: "indexed messages and functions, cache left out of the input",
    attributes: {
      "llm.request.type": "chat",
      "gen_ai.system": "Anthropic",
      "gen_ai.request.model": "claude-sonnet-4-5",
      "gen_ai.prompt.0.role": "system",
      "gen_ai.prompt.0.content": "be kind",
      "gen_ai.prompt.1.role": "user",
      "gen_ai.prompt.1.content": '[{"type":"text","text":"hi"}]',
      "gen_ai.completion.0.role": "assistant",
      "gen_ai.completion.0.finish_reason": "tool_use",
      "gen_ai.completion.0.tool_calls.0.id": "c1",
      "gen_ai.completion.0.tool_calls.0.name": "lookup",
      "gen_ai.completion.0.tool_calls.0.arguments": '{"id":7}',
      "llm.request.functions.0.name": "lookup",
      "llm.request.functions.0.description": "d",
      "llm.request.functions.0.parameters": '{"type":"object"}',
      "gen_ai.usage.prompt_tokens": 700,
      "gen_ai.usage.cache_read_input_tokens": 600,
      "traceloop.association.properties.session_id": "s1",
    },
    expected: {
      run_type: "llm",
      operation: "chat",
      provider: "anthropic",
      input_messages: [said("system", "be kind"), said("user", "hi")],
      output_messages: [{ role: "assistant", parts: [CALL], finish_reason: "tool_call" }],
      tool_definitions: [TOOL],
      cache_read_tokens: 600,
      input_includes_cache: false,
      conversation_id: "s1",
      metadata: { session_id: "s1" },
    },
  },
  {
    dialect: "traceloop",
    what: "documents of a vector search in events",
    attributes: { "db.vector.query.top_k": 2, "traceloop.entity.name": "search" },
    extras: {
      events: [
        [
          "db.query.result",
          { "db.query.result.id": "d1", "db.query.result.score": 0.5, "db.query.result.document": "text" },
        ],
        ["db.query.result", { "db.query.result.id": "d2", "db.query.result.distance": 0.25 }],
      ],
    },
    expected: {
      run_type: "retriever",
      retrieval_documents: [
        { id: "d1", score: 0.5, content: "text" },
        { id: "d2", distance: 0.25 },
      ],
    },
  },
  {
    dialect: "langsmith",
    what: "usage in one JSON object, project, tags",
    attributes: {
      "langsmith.span.kind": "llm",
      "langsmith.trace.session_name": "p1",
      "langsmith.span.tags": "a, b",
      "langsmith.usage_metadata":
        '{"input_tokens":9,"output_tokens":1,"input_token_details":{"cache_read":4,"cache_creation":2,"audio":3}}',
    },
    expected: {
      project: "p1",
      tags: ["a", "b"],
      input_tokens: 9,
      output_tokens: 1,
      cache_read_tokens: 4,
      cache_write_tokens: 2,
      input_includes_cache: true,
      usage_details: { audio_input_tokens: 3 },
    },
  },
  {
    dialect: "langfuse",
    what: "a generation with usage and cost as JSON, first token as an instant",
    attributes: {
      "langfuse.observation.type": "generation",
      "langfuse.observation.model.name": "gpt-4o",
      "langfuse.observation.input": '[{"role":"user","content":"hi"}]',
      "langfuse.observation.output": '{"role":"assistant","content":"hello"}',
      "langfuse.observation.usage_details": '{"input":7,"output":3,"total":10}',
      "langfuse.observation.cost_details": '{"input":0.1,"total":0.25}',
      "langfuse.observation.completion_start_time": '"2026-11-23T07:09:42.500Z"',
      "langfuse.trace.tags": ["x"],
      "langfuse.environment": "prod",
      "session.id": "s1",
      "user.id": "u1",
    },
    expected: {
      run_type: "llm",
      provider: "openai",
      environment: "prod",
      input_tokens: 7,
      output_tokens: 3,
      cost_usd: 0.25,
      time_to_first_token_ms: 500,
      tags: ["x"],
      conversation_id: "s1",
      user_id: "u1",
      input_messages: [said("user", "hi")],
      output_messages: [said("assistant", "hello")],
    },
  },
  {
    dialect: "mlflow",
    what: "inputs and outputs in JSON, a quoted kind",
    attributes: {
      "mlflow.spanType": '"CHAT_MODEL"',
      "mlflow.spanInputs": '{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}',
      "mlflow.spanOutputs":
        '{"choices":[{"index":0,"finish_reason":"length","message":{"role":"assistant","content":"hello"}}]}',
      "mlflow.chat.tokenUsage": '{"input_tokens":4,"output_tokens":5,"total_tokens":9}',
    },
    expected: {
      run_type: "llm",
      request_model: "gpt-4o",
      provider: "openai",
      input_tokens: 4,
      input_messages: [said("user", "hi")],
      output_messages: [{ ...(said("assistant", "hello") as object), finish_reason: "length" }],
    },
  },
  {
    dialect: "copilot",
    what: "an agent that repeats its calls' tokens",
    attributes: {
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.usage.input_tokens": 5,
      "github.copilot.session_id": "s1",
    },
    extras: { scope: "github.copilot" },
    expected: { run_type: "chain", usage_scope: "rollup", conversation_id: "s1" },
  },
  {
    dialect: "semantic_kernel",
    what: "messages as JSON in gen_ai.event.content",
    attributes: { "gen_ai.operation.name": "chat", "gen_ai.system": "openai" },
    extras: {
      scope: "Microsoft.SemanticKernel.Diagnostics",
      events: [
        ["gen_ai.user.message", { "gen_ai.event.content": '{"role":"user","content":"hi"}' }],
        [
          "gen_ai.choice",
          {
            "gen_ai.event.content":
              '{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"Stop"}',
          },
        ],
      ],
    },
    expected: {
      input_messages: [said("user", "hi")],
      output_messages: [{ ...(said("assistant", "hello") as object), finish_reason: "stop" }],
    },
  },
  {
    dialect: "litellm",
    what: "its own cost and end user",
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "azure",
      "litellm.cost.total": 0.125,
      "litellm.end_user.id": "u1",
      "litellm.metadata.session_id": "s1",
    },
    expected: { provider: "azure.ai.openai", cost_usd: 0.125, user_id: "u1", conversation_id: "s1" },
  },
  {
    dialect: "openrouter",
    what: "known by the service's name",
    attributes: { "gen_ai.operation.name": "chat", "session.id": "s1", "gen_ai.usage.total_cost": 0.002 },
    extras: { resource: { "service.name": "openrouter" } },
    expected: { conversation_id: "s1", cost_usd: 0.002 },
  },
  {
    dialect: "openlit",
    what: "cost and seconds to the first token",
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.usage.cost": 0.5,
      "gen_ai.server.time_to_first_token": 0.5,
    },
    extras: { scope: "openlit.otel.tracing" },
    expected: { cost_usd: 0.5, time_to_first_token_ms: 500 },
  },
  {
    dialect: "mcp",
    what: "a tool call, whose session is the conversation only as a last resort",
    attributes: {
      "mcp.method.name": "tools/call",
      "gen_ai.tool.name": "lookup",
      "mcp.session.id": "m1",
      "mcp.request.argument": '{"id":7}',
      "mcp.response.value": '{"found":true}',
    },
    expected: {
      run_type: "tool",
      operation: "execute_tool",
      tool_name: "lookup",
      conversation_id: "m1",
      tool_arguments: { id: 7 },
      tool_result: { found: true },
    },
  },
];
