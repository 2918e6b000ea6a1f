import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeOtlp, type KeyValue, type Span } from "../../../schema/index.js";
import type { MirrorRow } from "../../../store/index.js";
import { request, span, spanId, traceId } from "../../support/mirror-harness.js";
import { SealHarness } from "../../support/seal-harness.js";

let harness: SealHarness;
beforeAll(async () => {
  harness = await SealHarness.open();
});
afterAll(() => harness.close());

const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } });
const int = (key: string, value: number): KeyValue => ({ key, value: { intValue: BigInt(value) } });
const double = (key: string, doubleValue: number): KeyValue => ({ key, value: { doubleValue } });
const strings = (key: string, ...values: string[]): KeyValue => ({
  key,
  value: { arrayValue: { values: values.map((stringValue) => ({ stringValue })) } },
});

async function seal(attributes: KeyValue[], more: Partial<Span> = {}): Promise<MirrorRow> {
  const data = request(span({ traceId: traceId(1), spanId: spanId(1), attributes, ...more }));
  const [row] = await harness.roundTrip("traces", [encodeOtlp("traces", data)]);
  if (row === undefined) throw new Error("no row");
  return row;
}

const map = (row: MirrorRow): Record<string, string | null> =>
  Object.fromEntries(row.map("attributes").map(({ key, value }) => [key, value]));

describe("GenAI columns", () => {
  it("take the most authoritative source that is there, whatever the order sent", async () => {
    const row = await seal([text("gen_ai.system", "old"), text("gen_ai.provider.name", "new")]);
    expect(row.text("provider")).toBe("new");
    expect(map(row)).toEqual({ "gen_ai.system": "old" });
  });

  it("skip a source whose value can't fill the column", async () => {
    const row = await seal([
      text("gen_ai.usage.input_tokens", "many"),
      int("gen_ai.usage.prompt_tokens", 12),
      double("gen_ai.usage.output_tokens", 7),
      text("gen_ai.usage.cache_read.input_tokens", "30"),
    ]);
    expect(row.integer("input_tokens")).toBe(12n);
    expect(row.integer("output_tokens")).toBe(7n);
    expect(row.integer("cache_read_tokens")).toBe(30n);
    expect(map(row)).toEqual({
      "gen_ai.usage.input_tokens": "many",
      "gen_ai.usage.output_tokens": "7.0",
      "gen_ai.usage.cache_read.input_tokens": "30",
    });
  });

  it("leave out of `attributes` only what a column holds verbatim, and say where everything is", async () => {
    const row = await seal([
      text("a", "1"),
      text("gen_ai.request.model", "m"),
      int("gen_ai.usage.input_tokens", 3),
    ]);
    expect(map(row)).toEqual({ a: "1" });
    expect(row.text("attribute_layout")).toMatch(/^s[A-Z][0-9A-Za-z][A-Z][0-9A-Za-z]$/);
    expect(row.blob("raw")).toBeNull();
  });

  it.each([
    [
      "langsmith.span.kind over the operation",
      [text("gen_ai.operation.name", "chat"), text("langsmith.span.kind", "tool")],
      "tool",
    ],
    ["the operation", [text("gen_ai.operation.name", "embeddings")], "embedding"],
    ["a tool's name", [text("gen_ai.tool.name", "search")], "tool"],
    ["a model", [text("gen_ai.request.model", "m")], "llm"],
    ["any GenAI attribute: chain", [text("gen_ai.agent.name", "a")], "chain"],
    ["nothing: null", [text("http.method", "GET")], null],
  ])("derive run_type from %s", async (_from, attributes, expected) => {
    expect((await seal(attributes)).text("run_type")).toBe(expected);
  });

  it("tell a parent's sum from a call's own usage, only where tokens are reported", async () => {
    const tokens = int("gen_ai.usage.output_tokens", 1);
    expect((await seal([tokens])).text("usage_scope")).toBe("own");
    expect((await seal([text("gen_ai.operation.name", "invoke_agent"), tokens])).text("usage_scope")).toBe(
      "rollup",
    );
    expect((await seal([text("gen_ai.operation.name", "chat")])).text("usage_scope")).toBeNull();
  });

  it("know from the numbers that input tokens exclude the cache, and else take what the conventions say", async () => {
    const [input, cached] = ["gen_ai.usage.input_tokens", "gen_ai.usage.cache_read.input_tokens"] as const;
    expect((await seal([int(input, 10), int(cached, 90)])).boolean("input_includes_cache")).toBe(false);
    expect((await seal([int(input, 90), int(cached, 10)])).boolean("input_includes_cache")).toBe(true);
    expect((await seal([int(input, 90)])).boolean("input_includes_cache")).toBeNull();
  });

  it("make JSON arrays of lists of strings in any form", async () => {
    expect(
      (await seal([strings("gen_ai.response.finish_reasons", "stop", "length")])).text("finish_reasons"),
    ).toBe('["stop","length"]');
    expect((await seal([text("langsmith.span.tags", "a, b")])).text("tags")).toBe('["a","b"]');
    expect((await seal([text("langsmith.span.tags", '["a","b"]')])).text("tags")).toBe('["a","b"]');
  });

  it("collect LangSmith metadata, the conversation and the dialects", async () => {
    const row = await seal([
      text("langsmith.metadata.thread_id", 't"1'),
      int("langsmith.metadata.turn", 2),
      text("gen_ai.conversation.id", "c"),
    ]);
    expect(row.text("metadata")).toBe('{"thread_id":"t\\"1","turn":2}');
    expect(row.text("conversation_id")).toBe('t"1');
    expect(row.text("dialect")).toBe("langsmith,otel_genai");
  });

  it("turn seconds to the first chunk into milliseconds", async () => {
    const row = await seal([double("gen_ai.response.time_to_first_chunk", 0.25)]);
    expect(row.double("time_to_first_token_ms")).toBe(250);
  });

  it("take the error type from the exception event when no attribute names it", async () => {
    const event = {
      timeUnixNano: 1n,
      name: "exception",
      attributes: [text("exception.message", "no"), text("exception.type", "ValueError")],
      droppedAttributesCount: 0,
    };
    expect((await seal([], { events: [event] })).text("error_type")).toBe("ValueError");
    expect((await seal([text("error.type", "Timeout")], { events: [event] })).text("error_type")).toBe(
      "Timeout",
    );
  });
});

describe("plain columns", () => {
  it("compute the duration, also a negative one, and none without both ends", async () => {
    const at = (startTimeUnixNano: bigint, endTimeUnixNano: bigint) =>
      seal([], { startTimeUnixNano, endTimeUnixNano });
    expect((await at(5n, 2n ** 40n)).integer("duration_ns")).toBe(2n ** 40n - 5n);
    expect((await at(2n ** 40n, 5n)).integer("duration_ns")).toBe(5n - 2n ** 40n);
    expect((await at(0n, 5n)).integer("duration_ns")).toBeNull();
  });

  it("name kinds and status codes, and give unknown ones as numbers", async () => {
    const row = await seal([], { kind: 3, status: { code: 2, message: "no" } });
    expect([row.text("kind"), row.text("status_code"), row.text("status_message")]).toEqual([
      "CLIENT",
      "ERROR",
      "no",
    ]);
    const unknown = await seal([], { kind: 9, status: { code: -4, message: "" } });
    expect([unknown.text("kind"), unknown.text("status_code")]).toEqual(["9", "-4"]);
    expect((await seal([])).text("status_code")).toBeNull();
  });

  it("keep raw bytes for a time beyond 2262, and leave its column empty", async () => {
    const row = await seal([], { startTimeUnixNano: 2n ** 63n });
    expect(row.time("start_time")).toBe(0n);
    expect(row.blob("raw")).not.toBeNull();
  });

  it("replace invalid UTF-8 in the column and keep the bytes in raw", async () => {
    const bytes = encodeOtlp(
      "traces",
      request(span({ traceId: traceId(1), spanId: spanId(1), name: "XYZ" })),
    );
    bytes[Buffer.from(bytes).indexOf("XYZ") + 1] = 0xff;
    const [row] = await harness.roundTrip("traces", [bytes]);
    expect(row?.text("name")).toBe("X\ufffdZ");
    expect(row?.blob("raw")).not.toBeNull();
  });
});
