import { context, propagation, trace } from "@opentelemetry/api";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createRequire } from "node:module";
import type { TextMapPropagator } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConversationSpanProcessor, traceTool, withConversation } from "../../instrumentation/src/index.js";
import { startTracing, type Tracing } from "./tracing.js";

const CONVERSATION = { conversationId: "conv 1, ünïcode;=", userId: "guest@hotel.example" };
const EXPECTED = { "gen_ai.conversation.id": "conv 1, ünïcode;=", "user.id": "guest@hotel.example" };

let tracing: Tracing;

beforeEach(() => {
  tracing = startTracing();
});

afterEach(() => tracing.stop());

describe("withConversation", () => {
  it("puts conversation and user on every span inside, across awaits, and on none outside", async () => {
    const tool = traceTool({ name: "t" }, async () => Promise.resolve(1));
    await withConversation(CONVERSATION, async () => {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      await tool();
    });
    await tool();
    const [inside, outside] = tracing.spans();
    expect(inside?.attributes).toMatchObject(EXPECTED);
    expect(outside?.attributes).not.toHaveProperty("user.id");
  });

  it("keeps two conversations apart that run at the same time", async () => {
    const tool = traceTool({ name: "t" }, async (id: string) => Promise.resolve(id));
    await Promise.all(
      ["a", "b", "c"].map((id) => withConversation({ conversationId: id }, async () => tool(id))),
    );
    for (const span of tracing.spans()) {
      expect(JSON.stringify(span.attributes["gen_ai.conversation.id"])).toBe(
        span.attributes["gen_ai.tool.call.result"],
      );
    }
    expect(tracing.spans()).toHaveLength(3);
  });

  it("adds to an outer conversation what an inner one doesn't say, and gives the result back", () => {
    const result = withConversation({ userId: "u" }, () =>
      withConversation({ conversationId: "c" }, () => traceTool({ name: "t" }, () => 5)()),
    );
    expect(result).toBe(5);
    expect(tracing.span("execute_tool t").attributes).toMatchObject({
      "gen_ai.conversation.id": "c",
      "user.id": "u",
    });
  });

  it("travels to another process as W3C baggage", () => {
    const fromSdk = createRequire(createRequire(import.meta.url).resolve("@opentelemetry/sdk-trace"));
    const core = fromSdk("@opentelemetry/core") as { W3CBaggagePropagator: new () => TextMapPropagator };
    propagation.setGlobalPropagator(new core.W3CBaggagePropagator());
    const headers: Record<string, string> = {};
    withConversation(CONVERSATION, () => propagation.inject(context.active(), headers));
    expect(headers["baggage"]).toBeDefined();
    const received = propagation.extract(context.active(), headers);
    context.with(received, () => traceTool({ name: "remote" }, () => 1)());
    expect(tracing.span("execute_tool remote").attributes).toMatchObject(EXPECTED);
  });
});

describe("ConversationSpanProcessor", () => {
  it("names conversation and user on other libraries' spans, and the project on the first span only", () => {
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({
      spanProcessors: [
        new ConversationSpanProcessor({ project: "hotel" }),
        new SimpleSpanProcessor({ exporter }),
      ],
    });
    const tracer = provider.getTracer("another-library");
    withConversation(CONVERSATION, () => {
      tracer.startActiveSpan("root", (root) => {
        tracer.startSpan("child").end();
        tracer.startSpan("own", { attributes: { "user.id": "set by the library" } }).end();
        root.end();
      });
    });
    const remote = trace.setSpanContext(context.active(), {
      traceId: "0af7651916cd43dd8448eb211c80319c",
      spanId: "b7ad6b7169203331",
      traceFlags: 1,
      isRemote: true,
    });
    tracer.startSpan("continued", {}, remote).end();
    const spans = new Map(exporter.getFinishedSpans().map((span) => [span.name, span.attributes]));
    expect(spans.get("root")).toEqual({ ...EXPECTED, "langsmith.trace.session_name": "hotel" });
    expect(spans.get("child")).toEqual(EXPECTED);
    expect(spans.get("own")).toEqual({ ...EXPECTED, "user.id": "set by the library" });
    expect(spans.get("continued")).toEqual({ "langsmith.trace.session_name": "hotel" });
  });
});
