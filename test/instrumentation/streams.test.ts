import { once } from "node:events";
import { Readable } from "node:stream";
import { context, diag, DiagLogLevel, SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { traceAgent, traceChat, traceTool } from "../../instrumentation/src/index.js";
import { json, startTracing, steady, type Tracing } from "./tracing.js";

let tracing: Tracing;

beforeEach(() => {
  tracing = startTracing();
});

afterEach(() => tracing.stop());

describe("streams", () => {
  async function* words(): AsyncGenerator<string, number> {
    traceTool({ name: "inner" }, () => 1)();
    yield "Dear ";
    await Promise.resolve();
    yield "guest";
    return 7;
  }

  it("watches an async generator to its end: text, time to first chunk, children, return value", async () => {
    const agent = traceAgent({ name: "a" }, words);
    const stream = agent();
    expect(await stream.next()).toEqual({ done: false, value: "Dear " });
    expect(await stream.next()).toEqual({ done: false, value: "guest" });
    expect(await stream.next()).toEqual({ done: true, value: 7 });
    const span = tracing.span("invoke_agent a");
    expect(json(span, "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "Dear guest" }] },
    ]);
    expect(span.attributes["gen_ai.response.time_to_first_chunk"]).toBeGreaterThan(0);
    expect(tracing.span("execute_tool inner").parentSpanContext?.spanId).toBe(span.spanContext().spanId);
  });

  it("watches a sync generator, and a promise of an async iterable", async () => {
    const count = traceTool({ name: "count" }, function* () {
      yield 1;
      yield 2;
    });
    expect([...count()]).toEqual([1, 2]);
    expect(tracing.span("execute_tool count").attributes["gen_ai.tool.call.result"]).toBe("[1,2]");
    const later = traceAgent({ name: "later" }, async () => words());
    const seen: string[] = [];
    for await (const word of await later()) seen.push(word);
    expect(seen).toEqual(["Dear ", "guest"]);
    expect(steady(tracing.span("invoke_agent later"))["gen_ai.output.messages"]).toContain("Dear guest");
  });

  it("ends the span when the caller breaks, with what was read, and lets the generator clean up", async () => {
    const cleaned = vi.fn<() => void>();
    const agent = traceAgent({ name: "a" }, async function* () {
      try {
        yield "one";
        yield "two";
      } finally {
        cleaned();
      }
    });
    for await (const word of agent()) if (word === "one") break;
    expect(cleaned).toHaveBeenCalledTimes(1);
    const span = tracing.span("invoke_agent a");
    expect(span.attributes["counterfoil.stream.incomplete"]).toBe(true);
    expect(json(span, "gen_ai.output.messages")).toMatchObject([{ parts: [{ content: "one" }] }]);
  });

  it("records an error in the middle of a stream and throws it to the caller", async () => {
    const error = new TypeError("line cut");
    const agent = traceAgent({ name: "a" }, async function* () {
      yield "one";
      throw error;
    });
    const read = async (): Promise<void> => {
      for await (const _word of agent());
    };
    expect(await read().catch((caught: unknown) => caught)).toBe(error);
    const span = tracing.span("invoke_agent a");
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(json(span, "gen_ai.output.messages")).toMatchObject([{ parts: [{ content: "one" }] }]);
  });

  const webStream = (): ReadableStream<string> =>
    new ReadableStream({
      start(controller) {
        controller.enqueue("Dear ");
        controller.enqueue("guest");
        controller.close();
      },
    });

  it("watches a web stream through its reader and through for await", async () => {
    const agent = traceAgent({ name: "a" }, webStream);
    const reader = agent().getReader();
    const seen: string[] = [];
    for (let step = await reader.read(); !step.done; step = await reader.read()) seen.push(step.value);
    for await (const word of agent()) seen.push(word);
    expect(seen).toEqual(["Dear ", "guest", "Dear ", "guest"]);
    expect(tracing.spans().map((span) => json(span, "gen_ai.output.messages"))).toEqual(
      Array.from({ length: 2 }, () => [
        { role: "assistant", parts: [{ type: "text", content: "Dear guest" }] },
      ]),
    );
  });

  it("ends the span of a web stream that is cancelled, or handed on as a whole", async () => {
    const agent = traceAgent({ name: "a" }, webStream);
    const reader = agent().getReader();
    await reader.read();
    await reader.cancel();
    const [left, right] = agent().tee();
    expect([await left.getReader().read(), await right.getReader().read()]).toMatchObject([
      { value: "Dear " },
      { value: "Dear " },
    ]);
    expect(tracing.spans().map((span) => span.attributes["counterfoil.stream.incomplete"])).toEqual([
      true,
      undefined,
    ]);
  });

  it("ends the span of a Node stream that is read by events", async () => {
    const agent = traceAgent({ name: "a" }, () => Readable.from(["Dear ", "guest"]));
    const stream = agent();
    let text = "";
    stream.on("data", (chunk: string) => {
      text += chunk;
    });
    await once(stream, "close");
    expect(text).toBe("Dear guest");
    expect(tracing.span("invoke_agent a").status.code).toBe(SpanStatusCode.UNSET);
  });

  it("treats arrays, strings, maps and sets as plain values", () => {
    const values: unknown[] = [[1], "text", new Map([[1, 2]]), new Set([3])];
    for (const value of values) {
      const tool = traceTool({ name: "plain" }, () => value);
      expect(tool()).toBe(value);
    }
    expect(tracing.spans()).toHaveLength(values.length);
  });
});

describe("telemetry never breaks the program", () => {
  it("swallows every failing callback, reports it through diag, and repeats no content there", async () => {
    const logger = {
      ...console,
      verbose: vi.fn(),
      debug: vi.fn(),
      info: vi.fn(),
      warn: vi.fn(),
      error: vi.fn(),
    };
    diag.setLogger(logger, { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true });
    const boom = (): never => {
      throw new Error("SECRET guest data");
    };
    const tool = traceTool(
      { name: "t", callId: boom, input: boom, output: boom, attributes: boom, resultAttributes: boom },
      (value: number) => value * 2,
    );
    const chat = traceChat({ provider: "p", request: boom, response: boom }, async (text: string) => text);
    expect(tool(21)).toBe(42);
    expect(await chat("hi")).toBe("hi");
    expect(tracing.span("execute_tool t").status.code).toBe(SpanStatusCode.UNSET);
    expect(logger.warn.mock.calls.length).toBeGreaterThanOrEqual(7);
    expect(JSON.stringify(logger.warn.mock.calls)).not.toContain("SECRET");
    diag.disable();
  });

  it("runs the call when the SDK itself throws", () => {
    const broken = {
      getTracer: () => ({
        startSpan: () => {
          throw new Error("sampler broken");
        },
      }),
    };
    trace.disable();
    trace.setGlobalTracerProvider(broken as never);
    expect(traceTool({ name: "t" }, () => 1)()).toBe(1);
  });

  it("runs the plain call when no SDK is registered", () => {
    trace.disable();
    expect(traceTool({ name: "t" }, () => 1)()).toBe(1);
  });

  it("survives a result that can't be changed", async () => {
    const frozen = Object.freeze({
      async *[Symbol.asyncIterator]() {
        yield 1;
      },
    });
    const tool = traceTool({ name: "t" }, () => frozen);
    const seen: number[] = [];
    for await (const value of tool()) seen.push(value);
    expect(seen).toEqual([1]);
    expect(tracing.spans()).toHaveLength(1);
  });

  it("leaves the active context as it was", () => {
    const before = context.active();
    traceTool({ name: "t" }, () => 1)();
    expect(context.active()).toBe(before);
  });
});
