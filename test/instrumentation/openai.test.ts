import OpenAI, { APIError, APIUserAbortError, BadRequestError, RateLimitError } from "openai";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wrapOpenAI } from "../../instrumentation/src/index.js";
import { startStandIn, type StandIn } from "./stand-in-server.js";
import { json, startTracing, steady, type Tracing } from "./tracing.js";

const TOOL = {
  type: "function" as const,
  function: {
    name: "search_bookings",
    description: "Finds a guest's bookings",
    parameters: { type: "object", properties: { guest: { type: "string" } } },
  },
};

const COMPLETION = {
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model: "gpt-stand-in-2026",
  service_tier: "default",
  system_fingerprint: "fp_1",
  choices: [
    { index: 0, finish_reason: "stop", message: { role: "assistant", content: "It is refundable." } },
  ],
  usage: {
    prompt_tokens: 120,
    completion_tokens: 30,
    total_tokens: 150,
    prompt_tokens_details: { cached_tokens: 64 },
    completion_tokens_details: { reasoning_tokens: 12 },
  },
};

function chunk(delta: object, finish: string | null = null, extra: object = {}): object {
  return {
    id: "chatcmpl-2",
    object: "chat.completion.chunk",
    created: 1,
    model: "gpt-stand-in-2026",
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...extra,
  };
}

const TEXT_STREAM = [
  chunk({ role: "assistant", content: "" }),
  chunk({ content: "Dear " }),
  chunk({ content: "guest" }),
  chunk({}, "stop"),
  chunk({}, null, { choices: [], usage: { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 } }),
];

describe("wrapOpenAI with the real openai client", () => {
  let tracing: Tracing;
  let server: StandIn;
  let client: OpenAI;

  beforeEach(async () => {
    tracing = startTracing();
    server = await startStandIn();
    client = wrapOpenAI(new OpenAI({ apiKey: "sk-secret", baseURL: `${server.url}/v1`, maxRetries: 0 }));
  });

  afterEach(async () => {
    await tracing.stop();
    await server.stop();
  });

  it("writes a chat call with its parameters, messages, tools and usage, attribute for attribute", async () => {
    server.answer({ body: COMPLETION });
    const completion = await client.chat.completions.create({
      model: "gpt-stand-in",
      temperature: 0.2,
      top_p: 0.9,
      max_completion_tokens: 200,
      frequency_penalty: 0.1,
      presence_penalty: 0.3,
      seed: 7,
      stop: ["END"],
      response_format: { type: "json_object" },
      reasoning_effort: "low",
      tools: [TOOL],
      messages: [
        { role: "system", content: "You are the desk." },
        {
          role: "user",
          content: [
            { type: "text", text: "Is it refundable?" },
            { type: "image_url", image_url: { url: "data:image/png;base64,QUJD" } },
            { type: "image_url", image_url: { url: "https://hotel.example/a.png" } },
          ],
        },
        {
          role: "assistant",
          content: null,
          tool_calls: [
            {
              id: "call_1",
              type: "function",
              function: { name: "search_bookings", arguments: '{"guest":"Ana"}' },
            },
          ],
        },
        { role: "tool", tool_call_id: "call_1", content: '[{"id":"B1"}]' },
      ],
    });
    expect(completion.choices[0]?.message.content).toBe("It is refundable.");
    const span = tracing.span("chat gpt-stand-in");
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.status).toEqual({ code: SpanStatusCode.UNSET });
    expect(span.instrumentationScope.name).toBe("@counterfoil/instrumentation");
    const { ["gen_ai.input.messages"]: _in, ["gen_ai.output.messages"]: _out, ...rest } = steady(span);
    expect(rest).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "server.address": "127.0.0.1",
      "openai.api.type": "chat_completions",
      "gen_ai.request.reasoning.level": "low",
      "gen_ai.request.model": "gpt-stand-in",
      "gen_ai.request.temperature": 0.2,
      "gen_ai.request.top_p": 0.9,
      "gen_ai.request.max_tokens": 200,
      "gen_ai.request.frequency_penalty": 0.1,
      "gen_ai.request.presence_penalty": 0.3,
      "gen_ai.request.seed": 7,
      "gen_ai.request.stop_sequences": ["END"],
      "gen_ai.output.type": "json",
      "gen_ai.tool.definitions": JSON.stringify([{ ...TOOL.function, type: "function" }]),
      "gen_ai.response.id": "chatcmpl-1",
      "gen_ai.response.model": "gpt-stand-in-2026",
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 120,
      "gen_ai.usage.output_tokens": 30,
      "gen_ai.usage.cache_read.input_tokens": 64,
      "gen_ai.usage.reasoning.output_tokens": 12,
      "openai.response.service_tier": "default",
      "openai.response.system_fingerprint": "fp_1",
    });
    expect(json(span, "gen_ai.input.messages")).toEqual([
      { role: "system", parts: [{ type: "text", content: "You are the desk." }] },
      {
        role: "user",
        parts: [
          { type: "text", content: "Is it refundable?" },
          { type: "blob", modality: "image", mime_type: "image/png", content: "QUJD" },
          { type: "uri", modality: "image", uri: "https://hotel.example/a.png" },
        ],
      },
      {
        role: "assistant",
        parts: [{ type: "tool_call", id: "call_1", name: "search_bookings", arguments: { guest: "Ana" } }],
      },
      { role: "tool", parts: [{ type: "tool_call_response", id: "call_1", response: [{ id: "B1" }] }] },
    ]);
    expect(json(span, "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "It is refundable." }], finish_reason: "stop" },
    ]);
  });

  it("keeps .withResponse() and .asResponse() working, with one span each", async () => {
    server.answer({ body: COMPLETION }, { body: COMPLETION });
    const request = { model: "m", messages: [{ role: "user" as const, content: "hi" }] };
    const { data, response } = await client.chat.completions.create(request).withResponse();
    expect([data.id, response.status]).toEqual(["chatcmpl-1", 200]);
    expect(tracing.span("chat m").attributes["gen_ai.response.id"]).toBe("chatcmpl-1");
    const raw = await client.chat.completions.create(request).asResponse();
    expect(await raw.json()).toMatchObject({ id: "chatcmpl-1" });
    expect(tracing.spans()).toHaveLength(2);
  });

  it("puts a stream together: text, usage, finish reason and time to first chunk", async () => {
    server.answer({ events: TEXT_STREAM });
    const stream = await client.chat.completions.create({
      model: "m",
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: "user", content: "hi" }],
    });
    let text = "";
    for await (const part of stream) text += part.choices[0]?.delta.content ?? "";
    expect(text).toBe("Dear guest");
    const span = tracing.span("chat m");
    expect(span.attributes).toMatchObject({
      "gen_ai.request.stream": true,
      "gen_ai.response.id": "chatcmpl-2",
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 9,
      "gen_ai.usage.output_tokens": 2,
    });
    const seconds = span.attributes["gen_ai.response.time_to_first_chunk"];
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(10);
    expect(json(span, "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "Dear guest" }], finish_reason: "stop" },
    ]);
    expect(span.attributes["counterfoil.stream.incomplete"]).toBeUndefined();
  });

  it("puts streamed tool calls together from their deltas, several at once", async () => {
    const call = (index: number, fields: object): object => chunk({ tool_calls: [{ index, ...fields }] });
    server.answer({
      events: [
        call(0, { id: "a", type: "function", function: { name: "get_rate", arguments: "" } }),
        call(0, { function: { arguments: '{"rate":' } }),
        call(1, { id: "b", type: "function", function: { name: "quote", arguments: "{}" } }),
        call(0, { function: { arguments: '"NRF"}' } }),
        chunk({}, "tool_calls"),
      ],
    });
    const stream = await client.chat.completions.create({ model: "m", stream: true, messages: [] });
    for await (const _part of stream);
    const span = tracing.span("chat m");
    expect(span.attributes["gen_ai.response.finish_reasons"]).toEqual(["tool_call"]);
    expect(json(span, "gen_ai.output.messages")).toEqual([
      {
        role: "assistant",
        parts: [
          { type: "tool_call", id: "a", name: "get_rate", arguments: { rate: "NRF" } },
          { type: "tool_call", id: "b", name: "quote", arguments: {} },
        ],
        finish_reason: "tool_call",
      },
    ]);
  });

  it("ends the span with what was read when the caller breaks out of a stream", async () => {
    server.answer({ events: TEXT_STREAM.slice(0, 2), hold: true });
    const stream = await client.chat.completions.create({ model: "m", stream: true, messages: [] });
    for await (const part of stream) if (part.choices[0]?.delta.content === "Dear ") break;
    const span = tracing.span("chat m");
    expect(span.attributes["counterfoil.stream.incomplete"]).toBe(true);
    expect(span.status.code).toBe(SpanStatusCode.UNSET);
    expect(json(span, "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "Dear " }] },
    ]);
  });

  it("ends the span when the caller aborts a stream", async () => {
    server.answer({ events: TEXT_STREAM.slice(0, 2), hold: true });
    const stream = await client.chat.completions.create({ model: "m", stream: true, messages: [] });
    for await (const part of stream) {
      if (part.choices[0]?.delta.content === "Dear ") stream.controller.abort();
    }
    expect(tracing.span("chat m").attributes["counterfoil.stream.incomplete"]).toBe(true);
  });

  it("records an aborted request as an error of its class, and rejects with the client's own error", async () => {
    server.answer({ events: [], hold: true });
    const abort = new AbortController();
    const pending = client.chat.completions.create({ model: "m", messages: [] }, { signal: abort.signal });
    abort.abort();
    await expect(pending).rejects.toBeInstanceOf(APIUserAbortError);
    expect(tracing.span("chat m").attributes["error.type"]).toBe("APIUserAbortError");
  });

  it("traces both branches of a teed stream in one span", async () => {
    server.answer({ events: TEXT_STREAM });
    const stream = await client.chat.completions.create({ model: "m", stream: true, messages: [] });
    const [left, right] = stream.tee();
    for await (const _part of left);
    for await (const _part of right);
    expect(json(tracing.span("chat m"), "gen_ai.output.messages")).toMatchObject([
      { parts: [{ content: "Dear guest" }] },
    ]);
  });

  it("traces the .stream() and .parse() helpers once, through create", async () => {
    server.answer({ events: TEXT_STREAM }, { body: COMPLETION });
    const messages = [{ role: "user" as const, content: "hi" }];
    const final = await client.chat.completions.stream({ model: "streamed", messages }).finalContent();
    expect(final).toBe("Dear guest");
    expect(json(tracing.span("chat streamed"), "gen_ai.output.messages")).toMatchObject([
      { parts: [{ content: "Dear guest" }] },
    ]);
    const parsed = await client.chat.completions.parse({ model: "parsed", messages });
    expect(parsed.choices[0]?.message.content).toBe("It is refundable.");
    expect(tracing.span("chat parsed").attributes["gen_ai.response.id"]).toBe("chatcmpl-1");
    expect(tracing.spans()).toHaveLength(2);
  });

  it("records a 429 with its class, HTTP status and exception, and throws the client's own error", async () => {
    server.answer({ status: 429, body: { error: { message: "slow down", code: "rate_limit_exceeded" } } });
    const failure = await client.chat.completions
      .create({ model: "m", messages: [] })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RateLimitError);
    const span = tracing.span("chat m");
    expect(span.attributes).toMatchObject({
      "error.type": "RateLimitError",
      "http.response.status_code": 429,
    });
    expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "429 slow down" });
    expect(span.events.map((event) => [event.name, event.attributes?.["exception.type"]])).toEqual([
      ["exception", "RateLimitError"],
    ]);
  });

  it("records an error that comes in the middle of a stream, with the text before it", async () => {
    server.answer({ events: [chunk({ content: "Dear " }), { error: { message: "overloaded" } }] });
    const stream = await client.chat.completions.create({ model: "m", stream: true, messages: [] });
    await expect(
      (async () => {
        for await (const _part of stream);
      })(),
    ).rejects.toBeInstanceOf(APIError);
    const span = tracing.span("chat m");
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(json(span, "gen_ai.output.messages")).toMatchObject([{ parts: [{ content: "Dear " }] }]);
  });

  it("keeps an unhandled failure unhandled: a forgotten await is not hidden", async () => {
    server.answer({ status: 400, body: { error: { message: "bad" } } });
    const seen = new Promise<unknown>((resolve) => {
      const listeners = process.listeners("unhandledRejection");
      process.removeAllListeners("unhandledRejection");
      process.once("unhandledRejection", (reason) => {
        for (const listener of listeners) process.on("unhandledRejection", listener);
        resolve(reason);
      });
    });
    void client.chat.completions.create({ model: "m", messages: [] });
    expect(await seen).toBeInstanceOf(BadRequestError);
    expect(tracing.span("chat m").attributes["error.type"]).toBe("BadRequestError");
  });

  it("writes embeddings with tokens and dimensions, never the vectors", async () => {
    server.answer({
      body: {
        object: "list",
        model: "embed-1",
        data: [{ object: "embedding", index: 0, embedding: [0.5, 0.25, 0.125] }],
        usage: { prompt_tokens: 4, total_tokens: 4 },
      },
    });
    await client.embeddings.create({ model: "embed", input: "refund policy", encoding_format: "float" });
    expect(steady(tracing.span("embeddings embed"))).toEqual({
      "gen_ai.operation.name": "embeddings",
      "gen_ai.provider.name": "openai",
      "server.address": "127.0.0.1",
      "gen_ai.request.model": "embed",
      "gen_ai.request.encoding_formats": ["float"],
      "gen_ai.response.model": "embed-1",
      "gen_ai.usage.input_tokens": 4,
      "gen_ai.embeddings.dimension.count": 3,
    });
  });

  it("traces copies made by withOptions, and wrapping twice makes one span", async () => {
    server.answer({ body: COMPLETION });
    await wrapOpenAI(client)
      .withOptions({ timeout: 5000 })
      .chat.completions.create({ model: "m", messages: [] });
    expect(tracing.spans()).toHaveLength(1);
  });

  it("never writes the API key", async () => {
    server.answer({ body: COMPLETION });
    await client.chat.completions.create({ model: "m", messages: [] });
    expect(JSON.stringify(tracing.spans().map((span) => span.attributes))).not.toContain("sk-secret");
  });

  it("costs nothing visible without a provider: the same answer, no span", async () => {
    await tracing.stop();
    server.answer({ body: COMPLETION });
    const completion = await client.chat.completions.create({ model: "m", messages: [] });
    expect(completion.id).toBe("chatcmpl-1");
    expect(tracing.spans()).toHaveLength(0);
  });
});
