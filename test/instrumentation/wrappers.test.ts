import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { anything, assert, property } from "fast-check";
import { afterEach, beforeEach, describe, expect, expectTypeOf, it, vi } from "vitest";
import {
  traceAgent,
  traceChat,
  traceEmbeddings,
  traceRetrieval,
  traceTool,
  traceWorkflow,
} from "../../instrumentation/src/index.js";
import { json, startTracing, type Tracing } from "./tracing.js";

let tracing: Tracing;

beforeEach(() => {
  tracing = startTracing();
});

afterEach(() => tracing.stop());

describe("spans of the conventions, attribute for attribute", () => {
  it("traceAgent makes invoke_agent", async () => {
    const agent = traceAgent(
      {
        name: "desk",
        id: "a1",
        description: "answers",
        version: "2",
        provider: "openai",
        model: "m",
        systemInstructions: "Be kind.",
        attributes: { tenant: "north" },
        resultAttributes: (answer) => ({ "answer.length": answer.length }),
      },
      async (question: string) => `re: ${question}`,
    );
    expect(await agent("hi")).toBe("re: hi");
    const span = tracing.span("invoke_agent desk");
    expect(span.kind).toBe(SpanKind.INTERNAL);
    expect(span.attributes).toEqual({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": "desk",
      "gen_ai.agent.id": "a1",
      "gen_ai.agent.description": "answers",
      "gen_ai.agent.version": "2",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "m",
      "gen_ai.system_instructions": '[{"type":"text","content":"Be kind."}]',
      "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
      "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"re: hi"}]}]',
      tenant: "north",
      "answer.length": 6,
    });
  });

  it("traceWorkflow makes invoke_workflow, and what runs inside becomes its child", async () => {
    const step = traceTool({ name: "step" }, () => 1);
    const flow = traceWorkflow({ name: "flow" }, async (input: { n: number }) => {
      await Promise.resolve();
      return input.n + step();
    });
    expect(await flow({ n: 1 })).toBe(2);
    const span = tracing.span("invoke_workflow flow");
    expect(span.attributes).toMatchObject({
      "gen_ai.operation.name": "invoke_workflow",
      "gen_ai.workflow.name": "flow",
    });
    expect(json(span, "gen_ai.input.messages")).toEqual([
      { role: "user", parts: [{ type: "text", content: '{"n":1}' }] },
    ]);
    expect(tracing.span("execute_tool step").parentSpanContext?.spanId).toBe(span.spanContext().spanId);
  });

  it("traceTool makes execute_tool with arguments and result", async () => {
    const add = traceTool(
      { name: "add", description: "adds", callId: (a) => `call_${a}` },
      async (a: number, b: number) => ({ sum: a + b }),
    );
    await add(1, 2);
    expect(tracing.span("execute_tool add").attributes).toEqual({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "add",
      "gen_ai.tool.type": "function",
      "gen_ai.tool.description": "adds",
      "gen_ai.tool.call.id": "call_1",
      "gen_ai.tool.call.arguments": "[1,2]",
      "gen_ai.tool.call.result": '{"sum":3}',
    });
  });

  it("traceChat makes chat with request and response", async () => {
    const chat = traceChat(
      {
        provider: "aws.bedrock",
        serverAddress: "bedrock.example",
        serverPort: 443,
        request: (prompt) => ({
          model: "m1",
          maxTokens: 5,
          temperature: 0,
          topK: 3,
          choiceCount: 1,
          systemInstructions: "Be kind.",
          inputMessages: [{ role: "user", content: prompt }],
          tools: [{ type: "function", name: "t" }],
        }),
        response: (answer) => ({
          id: "r1",
          model: "m1-0",
          finishReasons: ["stop"],
          outputMessages: answer.text,
          usage: {
            inputTokens: 10,
            outputTokens: 2,
            cacheReadTokens: 4,
            cacheWriteTokens: 3,
            reasoningTokens: 0,
          },
        }),
      },
      async (prompt: string) => ({ text: prompt.toUpperCase() }),
    );
    await chat("hi");
    const span = tracing.span("chat m1");
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.attributes).toEqual({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "aws.bedrock",
      "server.address": "bedrock.example",
      "server.port": 443,
      "gen_ai.request.model": "m1",
      "gen_ai.request.max_tokens": 5,
      "gen_ai.request.temperature": 0,
      "gen_ai.request.top_k": 3,
      "gen_ai.system_instructions": '[{"type":"text","content":"Be kind."}]',
      "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
      "gen_ai.tool.definitions": '[{"type":"function","name":"t"}]',
      "gen_ai.response.id": "r1",
      "gen_ai.response.model": "m1-0",
      "gen_ai.response.finish_reasons": ["stop"],
      "gen_ai.usage.input_tokens": 10,
      "gen_ai.usage.output_tokens": 2,
      "gen_ai.usage.cache_read.input_tokens": 4,
      "gen_ai.usage.cache_write.input_tokens": 3,
      "gen_ai.usage.cache_creation.input_tokens": 3,
      "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"HI"}]}]',
    });
  });

  it("traceRetrieval makes retrieval with query and documents", async () => {
    const find = traceRetrieval(
      { dataSourceId: "kb", topK: 2, provider: "pinecone" },
      async (_query: string) => [{ id: "d1", score: 0.9, text: "Saver rates are not refundable" }],
    );
    await find("refund");
    const span = tracing.span("retrieval kb");
    expect(span.kind).toBe(SpanKind.CLIENT);
    expect(span.attributes).toEqual({
      "gen_ai.operation.name": "retrieval",
      "gen_ai.data_source.id": "kb",
      "gen_ai.provider.name": "pinecone",
      "gen_ai.retrieval.top_k": 2,
      "gen_ai.retrieval.query.text": "refund",
      "gen_ai.retrieval.documents": '[{"id":"d1","score":0.9,"text":"Saver rates are not refundable"}]',
    });
  });

  it("traceEmbeddings makes embeddings with the number of dimensions, never the vectors", async () => {
    const embed = traceEmbeddings({ provider: "openai", model: "e" }, async (_texts: string[]) => [
      [0.1, 0.2, 0.3],
      [0.4, 0.5, 0.6],
    ]);
    await embed(["a", "b"]);
    expect(tracing.span("embeddings e").attributes).toEqual({
      "gen_ai.operation.name": "embeddings",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "e",
      "gen_ai.embeddings.dimension.count": 3,
    });
  });
});

describe("the user's function is left as it is", () => {
  it("keeps this, name, length, type, arguments and the very same result", () => {
    const result = Object.freeze({ ok: true });
    class Desk {
      readonly city = "Porto";
      ask = traceTool({ name: "ask" }, function ask(this: Desk, _a: string, _b: number) {
        return this.city === "Porto" ? result : undefined;
      });
    }
    const desk = new Desk();
    expect(desk.ask("x", 1)).toBe(result);
    expect([desk.ask.name, desk.ask.length]).toEqual(["ask", 2]);
    const generic = traceTool({ name: "generic" }, <T>(value: T): T[] => [value]);
    expectTypeOf(generic("a")).toEqualTypeOf<string[]>();
    expectTypeOf(generic).toEqualTypeOf<<T>(value: T) => T[]>();
  });

  it("passes the very same error through, sync and async, and records it", async () => {
    const error = new RangeError("no such booking");
    const sync = traceTool({ name: "sync" }, () => {
      throw error;
    });
    const late = traceTool({ name: "late" }, () => Promise.reject(error));
    expect(() => sync()).toThrow(error);
    expect(await late().catch((caught: unknown) => caught)).toBe(error);
    for (const name of ["execute_tool sync", "execute_tool late"]) {
      const span = tracing.span(name);
      expect(span.status).toEqual({ code: SpanStatusCode.ERROR, message: "no such booking" });
      expect(span.attributes["error.type"]).toBe("RangeError");
      expect(span.events[0]?.attributes).toMatchObject({
        "exception.type": "RangeError",
        "exception.message": "no such booking",
        "exception.stacktrace": error.stack,
      });
    }
  });

  it("records what is thrown and is no Error as _OTHER", () => {
    const odd = traceTool({ name: "odd" }, () => {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error -- what is tested
      throw "broken";
    });
    expect(() => odd()).toThrow("broken");
    expect(tracing.span("execute_tool odd").attributes["error.type"]).toBe("_OTHER");
  });

  it("does not run a lazy thenable before the caller does", async () => {
    const run = vi.fn<() => number>(() => 42);
    const lazy = {
      // oxlint-disable-next-line unicorn/no-thenable -- query builders are such objects
      then(done: (value: number) => unknown): unknown {
        return done(run());
      },
    };
    const query = traceTool({ name: "query" }, () => lazy);
    const handle = query();
    expect(handle).toBe(lazy);
    expect(run).not.toHaveBeenCalled();
    expect(await handle).toBe(42);
    expect(tracing.span("execute_tool query").attributes["gen_ai.tool.call.result"]).toBe("42");
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("gives any value back unchanged (property: any argument, any result)", () => {
    assert(
      property(anything({ withBigInt: true, withMap: true, withDate: true }), (value) => {
        const echo = traceTool({ name: "echo" }, (argument: unknown) => argument);
        expect(echo(value)).toBe(value);
      }),
      { numRuns: 300 },
    );
  });

  it("writes a cycle, a bigint, bytes and an Error as JSON instead of failing", () => {
    const value: Record<string, unknown> = { big: 10n, bytes: new Uint8Array([65]), error: new Error("x") };
    value["self"] = value;
    traceTool({ name: "odd" }, (argument: unknown) => argument)(value);
    expect(json(tracing.span("execute_tool odd"), "gen_ai.tool.call.arguments")).toEqual({
      big: "10",
      bytes: "QQ==",
      error: { name: "Error", message: "x" },
      self: "[circular]",
    });
  });
});
