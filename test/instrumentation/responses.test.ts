import OpenAI from "openai";
import { SpanStatusCode } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wrapOpenAI } from "../../instrumentation/src/index.js";
import { startStandIn, type StandIn } from "./stand-in-server.js";
import { json, startTracing, steady, type Tracing } from "./tracing.js";

const RESPONSE = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "gpt-stand-in-2026",
  status: "completed",
  output: [
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Look it up." }] },
    {
      type: "message",
      id: "msg_1",
      role: "assistant",
      content: [{ type: "output_text", text: "One moment.", annotations: [] }],
    },
    { type: "function_call", id: "fc_1", call_id: "call_1", name: "get_rate", arguments: '{"code":"NR"}' },
  ],
  usage: {
    input_tokens: 50,
    output_tokens: 20,
    total_tokens: 70,
    input_tokens_details: { cached_tokens: 16 },
    output_tokens_details: { reasoning_tokens: 8 },
  },
};

const OUTPUT = [
  {
    role: "assistant",
    parts: [
      { type: "reasoning", content: "Look it up." },
      { type: "text", content: "One moment." },
      { type: "tool_call", id: "call_1", name: "get_rate", arguments: { code: "NR" } },
    ],
    finish_reason: "tool_call",
  },
];

describe("wrapOpenAI: the Responses API", () => {
  let tracing: Tracing;
  let server: StandIn;
  let client: OpenAI;

  beforeEach(async () => {
    tracing = startTracing();
    server = await startStandIn();
    client = wrapOpenAI(new OpenAI({ apiKey: "k", baseURL: `${server.url}/v1`, maxRetries: 0 }));
  });

  afterEach(async () => {
    await tracing.stop();
    await server.stop();
  });

  it("writes input items, instructions, reasoning, tool calls and usage, attribute for attribute", async () => {
    server.answer({ body: RESPONSE });
    const response = await client.responses.create({
      model: "gpt-stand-in",
      instructions: "You are the desk.",
      max_output_tokens: 100,
      previous_response_id: "resp_0",
      conversation: "conv_9",
      reasoning: { effort: "high" },
      text: { format: { type: "text" } },
      tools: [{ type: "function", name: "get_rate", parameters: { type: "object" }, strict: true }],
      input: [
        { role: "user", content: [{ type: "input_text", text: "hi" }] },
        { type: "function_call", call_id: "call_0", name: "search", arguments: "{}" },
        { type: "function_call_output", call_id: "call_0", output: '{"found":1}' },
      ],
    });
    expect(response.id).toBe("resp_1");
    const span = tracing.span("chat gpt-stand-in");
    const { ["gen_ai.input.messages"]: _in, ["gen_ai.output.messages"]: _out, ...rest } = steady(span);
    expect(rest).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "server.address": "127.0.0.1",
      "openai.api.type": "responses",
      "gen_ai.request.reasoning.level": "high",
      "gen_ai.request.previous_response.id": "resp_0",
      "gen_ai.conversation.id": "conv_9",
      "gen_ai.request.model": "gpt-stand-in",
      "gen_ai.request.max_tokens": 100,
      "gen_ai.output.type": "text",
      "gen_ai.system_instructions": '[{"type":"text","content":"You are the desk."}]',
      "gen_ai.tool.definitions":
        '[{"type":"function","name":"get_rate","parameters":{"type":"object"},"strict":true}]',
      "gen_ai.response.id": "resp_1",
      "gen_ai.response.model": "gpt-stand-in-2026",
      "gen_ai.response.finish_reasons": ["tool_call"],
      "gen_ai.usage.input_tokens": 50,
      "gen_ai.usage.output_tokens": 20,
      "gen_ai.usage.cache_read.input_tokens": 16,
      "gen_ai.usage.reasoning.output_tokens": 8,
    });
    expect(json(span, "gen_ai.input.messages")).toEqual([
      { role: "user", parts: [{ type: "text", content: "hi" }] },
      { role: "assistant", parts: [{ type: "tool_call", id: "call_0", name: "search", arguments: {} }] },
      { role: "tool", parts: [{ type: "tool_call_response", id: "call_0", response: { found: 1 } }] },
    ]);
    expect(json(span, "gen_ai.output.messages")).toEqual(OUTPUT);
  });

  it("takes the final response of a stream", async () => {
    server.answer({
      events: [
        {
          type: "response.created",
          response: { ...RESPONSE, status: "in_progress", output: [], usage: null },
        },
        { type: "response.output_text.delta", output_index: 1, delta: "One moment." },
        { type: "response.completed", response: RESPONSE },
      ],
    });
    const stream = await client.responses.create({ model: "m", input: "hi", stream: true });
    const types: string[] = [];
    for await (const event of stream) types.push(event.type);
    expect(types).toHaveLength(3);
    const span = tracing.span("chat m");
    expect(span.attributes).toMatchObject({
      "gen_ai.request.stream": true,
      "gen_ai.usage.output_tokens": 20,
    });
    expect(json(span, "gen_ai.output.messages")).toEqual(OUTPUT);
  });

  it("keeps the text so far of a stream that was left", async () => {
    server.answer({
      events: [
        {
          type: "response.created",
          response: { ...RESPONSE, status: "in_progress", output: [], usage: null },
        },
        { type: "response.output_text.delta", output_index: 0, delta: "One " },
        { type: "response.output_text.delta", output_index: 0, delta: "moment" },
      ],
      hold: true,
    });
    const stream = await client.responses.create({ model: "m", input: "hi", stream: true });
    let deltas = 0;
    for await (const event of stream) {
      if (event.type === "response.output_text.delta") deltas += 1;
      if (deltas === 2) break;
    }
    const span = tracing.span("chat m");
    expect(span.attributes["counterfoil.stream.incomplete"]).toBe(true);
    expect(json(span, "gen_ai.output.messages")).toMatchObject([
      { parts: [{ type: "text", content: "One moment" }] },
    ]);
  });

  it("records a response with the status failed as an error, though HTTP said 200", async () => {
    server.answer({
      body: {
        ...RESPONSE,
        status: "failed",
        output: [],
        error: { code: "server_error", message: "try later" },
      },
    });
    await client.responses.create({ model: "m", input: "hi" });
    const span = tracing.span("chat m");
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "try later" });
    expect(span.attributes["error.type"]).toBe("server_error");
  });

  it("says length when the answer was cut", async () => {
    server.answer({
      body: { ...RESPONSE, status: "incomplete", incomplete_details: { reason: "max_output_tokens" } },
    });
    await client.responses.create({ model: "m", input: "hi" });
    expect(tracing.span("chat m").attributes["gen_ai.response.finish_reasons"]).toEqual(["length"]);
  });

  it("writes what the app says a call cost, and nothing when it doesn't know", async () => {
    const priced = wrapOpenAI(new OpenAI({ apiKey: "k", baseURL: `${server.url}/v1` }), {
      cost: ({ model, usage }) =>
        model === "gpt-stand-in-2026" ? (usage.inputTokens ?? 0) * 0.001 : undefined,
    });
    server.answer({ body: RESPONSE }, { body: { ...RESPONSE, model: "other" } });
    await priced.responses.create({ model: "known", input: "hi" });
    await priced.responses.create({ model: "unknown", input: "hi" });
    expect(tracing.span("chat known").attributes["gen_ai.usage.cost"]).toBeCloseTo(0.05, 10);
    expect(tracing.span("chat unknown").attributes).not.toHaveProperty("gen_ai.usage.cost");
  });
});
