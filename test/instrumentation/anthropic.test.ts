import Anthropic, { RateLimitError } from "@anthropic-ai/sdk";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wrapAnthropic } from "../../instrumentation/src/index.js";
import { startStandIn, type StandIn } from "./stand-in-server.js";
import { json, startTracing, steady, type Tracing } from "./tracing.js";

const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-stand-in-2026",
  stop_reason: "tool_use",
  stop_sequence: null,
  content: [
    { type: "thinking", thinking: "The rate decides.", signature: "sig" },
    { type: "text", text: "Let me look." },
    { type: "tool_use", id: "toolu_1", name: "get_rate", input: { code: "NR" } },
  ],
  usage: {
    input_tokens: 7,
    output_tokens: 40,
    cache_read_input_tokens: 1600,
    cache_creation_input_tokens: 200,
  },
};

const OUTPUT = [
  {
    role: "assistant",
    parts: [
      { type: "reasoning", content: "The rate decides." },
      { type: "text", content: "Let me look." },
      { type: "tool_call", id: "toolu_1", name: "get_rate", arguments: { code: "NR" } },
    ],
    finish_reason: "tool_call",
  },
];

const USAGE = {
  "gen_ai.usage.input_tokens": 1807,
  "gen_ai.usage.output_tokens": 40,
  "gen_ai.usage.cache_read.input_tokens": 1600,
  "gen_ai.usage.cache_write.input_tokens": 200,
  "gen_ai.usage.cache_creation.input_tokens": 200,
};

const EVENTS = [
  {
    type: "message_start",
    message: {
      ...MESSAGE,
      content: [],
      stop_reason: null,
      usage: { ...MESSAGE.usage, output_tokens: 1 },
    },
  },
  { type: "content_block_start", index: 0, content_block: { type: "thinking", thinking: "", signature: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "The rate " } },
  { type: "content_block_delta", index: 0, delta: { type: "thinking_delta", thinking: "decides." } },
  { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "sig" } },
  { type: "content_block_stop", index: 0 },
  { type: "content_block_start", index: 1, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 1, delta: { type: "text_delta", text: "Let me look." } },
  { type: "content_block_stop", index: 1 },
  {
    type: "content_block_start",
    index: 2,
    content_block: { type: "tool_use", id: "toolu_1", name: "get_rate", input: {} },
  },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: '{"code"' } },
  { type: "content_block_delta", index: 2, delta: { type: "input_json_delta", partial_json: ':"NR"}' } },
  { type: "content_block_stop", index: 2 },
  {
    type: "message_delta",
    delta: { stop_reason: "tool_use", stop_sequence: null },
    usage: { output_tokens: 40, input_tokens: null },
  },
  { type: "message_stop" },
];

const REQUEST = { model: "claude-stand-in", max_tokens: 100 };
// Not in the newest client's types any more; older ones send them.
const SAMPLING: object = { temperature: 0.5, top_k: 5, top_p: 0.8 };
const HI = [{ role: "user" as const, content: "hi" }];

describe("wrapAnthropic with the real client", () => {
  let tracing: Tracing;
  let server: StandIn;
  let client: Anthropic;

  beforeEach(async () => {
    tracing = startTracing();
    server = await startStandIn();
    client = wrapAnthropic(new Anthropic({ apiKey: "sk-secret", baseURL: server.url, maxRetries: 0 }));
  });

  afterEach(async () => {
    await tracing.stop();
    await server.stop();
  });

  it("writes a message with cache tokens in the total, thinking and tool use, attribute for attribute", async () => {
    server.answer({ body: MESSAGE });
    const message = await client.messages.create({
      ...REQUEST,
      ...SAMPLING,
      stop_sequences: ["END"],
      system: [{ type: "text", text: "You are the desk." }],
      tools: [{ name: "get_rate", description: "Reads a rate", input_schema: { type: "object" } }],
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "See:" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: "QUJD" } },
            { type: "document", source: { type: "url", url: "https://hotel.example/a.pdf" } },
          ],
        },
        { role: "assistant", content: [{ type: "tool_use", id: "t0", name: "search", input: { q: 1 } }] },
        {
          role: "user",
          content: [{ type: "tool_result", tool_use_id: "t0", content: "none", is_error: true }],
        },
      ],
    });
    expect(message.id).toBe("msg_1");
    const span = tracing.span("chat claude-stand-in");
    expect(span.kind).toBe(SpanKind.CLIENT);
    const { ["gen_ai.input.messages"]: _in, ["gen_ai.output.messages"]: _out, ...rest } = steady(span);
    expect(rest).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "anthropic",
      "server.address": "127.0.0.1",
      "gen_ai.request.model": "claude-stand-in",
      "gen_ai.request.max_tokens": 100,
      "gen_ai.request.temperature": 0.5,
      "gen_ai.request.top_p": 0.8,
      "gen_ai.request.top_k": 5,
      "gen_ai.request.stop_sequences": ["END"],
      "gen_ai.system_instructions": '[{"type":"text","content":"You are the desk."}]',
      "gen_ai.tool.definitions":
        '[{"type":"function","name":"get_rate","description":"Reads a rate","parameters":{"type":"object"}}]',
      "gen_ai.response.id": "msg_1",
      "gen_ai.response.model": "claude-stand-in-2026",
      "gen_ai.response.finish_reasons": ["tool_call"],
      ...USAGE,
    });
    expect(json(span, "gen_ai.input.messages")).toEqual([
      {
        role: "user",
        parts: [
          { type: "text", content: "See:" },
          { type: "blob", modality: "image", mime_type: "image/png", content: "QUJD" },
          { type: "uri", modality: "document", uri: "https://hotel.example/a.pdf" },
        ],
      },
      { role: "assistant", parts: [{ type: "tool_call", id: "t0", name: "search", arguments: { q: 1 } }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "t0", response: "none", is_error: true }] },
    ]);
    expect(json(span, "gen_ai.output.messages")).toEqual(OUTPUT);
  });

  it("replaces the SDK's own span, so that no token is counted twice; keep leaves it", async () => {
    server.answer({ body: MESSAGE }, { body: MESSAGE });
    await client.messages.create({ ...REQUEST, messages: HI });
    expect(tracing.spans().map((span) => span.instrumentationScope.name)).toEqual([
      "@counterfoil/instrumentation",
    ]);
    const both = wrapAnthropic(new Anthropic({ apiKey: "k", baseURL: server.url }), { nativeSpans: "keep" });
    await both.messages.create({ ...REQUEST, messages: HI });
    expect(new Set(tracing.spans().map((span) => span.instrumentationScope.name)).size).toBe(2);
  });

  it("puts a stream together: thinking, text, tool input from its pieces, final usage", async () => {
    server.answer({ events: EVENTS, named: true });
    const stream = await client.messages.create({ ...REQUEST, stream: true, messages: HI });
    for await (const _event of stream);
    const span = tracing.span("chat claude-stand-in");
    expect(span.attributes).toMatchObject({
      ...USAGE,
      "gen_ai.request.stream": true,
      "gen_ai.response.id": "msg_1",
      "gen_ai.response.finish_reasons": ["tool_call"],
    });
    expect(span.attributes["gen_ai.response.time_to_first_chunk"]).toBeGreaterThan(0);
    expect(json(span, "gen_ai.output.messages")).toEqual(OUTPUT);
  });

  it("traces the .stream() helper once, and keeps its events and finalMessage working", async () => {
    server.answer({ events: EVENTS, named: true });
    let text = "";
    const stream = client.messages.stream({ ...REQUEST, messages: HI }).on("text", (delta) => {
      text += delta;
    });
    const final = await stream.finalMessage();
    expect([text, final.stop_reason, final.usage.output_tokens]).toEqual(["Let me look.", "tool_use", 40]);
    expect(json(tracing.span("chat claude-stand-in"), "gen_ai.output.messages")).toEqual(OUTPUT);
    expect(tracing.spans()).toHaveLength(1);
  });

  it("ends the span with what was read when the caller leaves a stream", async () => {
    server.answer({ events: EVENTS.slice(0, 8), named: true, hold: true });
    const stream = await client.messages.create({ ...REQUEST, stream: true, messages: HI });
    for await (const event of stream) {
      if (event.type === "content_block_delta" && event.delta.type === "text_delta") break;
    }
    const span = tracing.span("chat claude-stand-in");
    expect(span.attributes["counterfoil.stream.incomplete"]).toBe(true);
    expect(json(span, "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: OUTPUT[0]?.parts.slice(0, 2) },
    ]);
  });

  it("traces the beta messages and copies made by withOptions", async () => {
    server.answer({ body: MESSAGE }, { body: MESSAGE });
    await client.beta.messages.create({ ...REQUEST, messages: HI });
    await client.withOptions({ timeout: 9000 }).messages.create({ ...REQUEST, messages: HI });
    expect(tracing.spans()).toHaveLength(2);
  });

  it("records a 429 and throws the client's own error; .withResponse() keeps working", async () => {
    server.answer(
      { status: 429, body: { type: "error", error: { type: "rate_limit_error", message: "slow down" } } },
      { body: MESSAGE },
    );
    const failure = await client.messages
      .create({ ...REQUEST, messages: HI })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RateLimitError);
    const [failed] = tracing.spans();
    expect(failed?.attributes).toMatchObject({
      "error.type": "RateLimitError",
      "http.response.status_code": 429,
    });
    expect(failed?.status.code).toBe(SpanStatusCode.ERROR);
    const { data, response } = await client.messages.create({ ...REQUEST, messages: HI }).withResponse();
    expect([data.id, response.status]).toEqual(["msg_1", 200]);
    expect(tracing.spans()).toHaveLength(2);
  });
});
