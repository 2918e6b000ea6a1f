import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startOtlpSink, type OtlpSink, type SentSpan } from "./otlp-sink.js";
import { startNode, type NodeResult } from "./run-node.js";

interface Summary {
  readonly tracing: string;
  readonly wrongAnswerTraceId: string;
  readonly conversations: readonly {
    readonly conversationId: string;
    readonly outcome: string;
    readonly traceIds: readonly string[];
  }[];
}

describe("examples/support-agent, run as the program it is", () => {
  let sink: OtlpSink;
  let result: NodeResult;
  let summary: Summary;

  beforeAll(async () => {
    sink = await startOtlpSink();
    result = await startNode(["dist/examples/support-agent/main.js"], {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      LANGSMITH_PROJECT: "hotel",
    }).ended;
    summary = JSON.parse(result.stdout) as Summary;
  });

  afterAll(() => sink.stop());

  const trace = (traceId: string): readonly SentSpan[] =>
    sink.spans.filter((span) => span.traceId === traceId);

  it("holds eight conversations, of which one fails, and ends with exit code 0", () => {
    expect([result.code, result.stderr, summary.tracing]).toEqual([0, "", "registered"]);
    expect(summary.conversations).toHaveLength(8);
    expect(summary.conversations.filter((item) => item.outcome === "failed")).toMatchObject([
      { conversationId: "conv-brandt" },
    ]);
  });

  it("sends every trace complete: one root with the project, no orphans, the conversation on each span", () => {
    for (const { conversationId, traceIds } of summary.conversations) {
      for (const traceId of traceIds) {
        const spans = trace(traceId);
        const ids = new Set(spans.map((span) => span.spanId));
        const roots = spans.filter((span) => span.parentSpanId === undefined);
        expect(roots.map((span) => span.attributes["langsmith.trace.session_name"])).toEqual(["hotel"]);
        expect(spans.every((span) => span.parentSpanId === undefined || ids.has(span.parentSpanId))).toBe(
          true,
        );
        expect(new Set(spans.map((span) => span.attributes["gen_ai.conversation.id"]))).toEqual(
          new Set([conversationId]),
        );
      }
    }
  });

  it("gives one confidently wrong answer that only its content betrays", () => {
    const spans = trace(summary.wrongAnswerTraceId);
    expect(spans.every((span) => span.statusCode === 0)).toBe(true);
    const tool = spans.find((span) => span.name === "execute_tool search_bookings");
    expect(tool?.attributes["gen_ai.tool.call.result"]).toContain('"rate_code":"SAVER-NR"');
    const agent = spans.find((span) => span.name === "invoke_agent hotel-support");
    expect(agent?.attributes["gen_ai.output.messages"]).toContain("fully refundable");
    expect(JSON.stringify(spans)).not.toMatch(/wrong|incorrect|mistake/i);
    const attribute = (id: string, span: string, name: string): string =>
      JSON.stringify(trace(id).find((item) => item.name === span)?.attributes[name] ?? "");
    const deceived = summary.conversations
      .flatMap((item) => item.traceIds)
      .filter(
        (id) =>
          attribute(id, "execute_tool search_bookings", "gen_ai.tool.call.result").includes("SAVER-NR") &&
          attribute(id, "invoke_agent hotel-support", "gen_ai.output.messages").includes("fully refundable"),
      );
    expect(deceived).toEqual([summary.wrongAnswerTraceId]);
  });

  it("reports tokens with cached ones, and costs by its own price list", () => {
    const chats = sink.spans.filter((span) => span.name === "chat desk-large" && span.statusCode === 0);
    for (const { attributes } of chats) {
      const [input, cached, output, cost] = [
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.cost",
      ].map((key) => Number(attributes[key] ?? 0));
      const expected =
        ((input ?? 0) - (cached ?? 0)) * 2.5e-6 + (cached ?? 0) * 1.25e-6 + (output ?? 0) * 1e-5;
      expect(cost).toBeCloseTo(expected, 12);
    }
    expect(chats.length).toBeGreaterThan(15);
    expect(chats.some((span) => Number(span.attributes["gen_ai.usage.cache_read.input_tokens"]) > 0)).toBe(
      true,
    );
  });

  it("shows the failed tool and the refused model call as errors of their class", () => {
    const errors = sink.spans.filter((span) => span.statusCode === 2);
    expect(new Set(errors.map((span) => `${span.name}: ${String(span.attributes["error.type"])}`))).toEqual(
      new Set([
        "chat desk-large: RateLimitError",
        "execute_tool refund_quote: ToolTimeoutError",
        "invoke_agent hotel-support: ToolTimeoutError",
        "invoke_workflow guest-message: ToolTimeoutError",
      ]),
    );
  });
});

describe.concurrent("other libraries' own OpenTelemetry output", () => {
  it.each([
    ["vercel-ai-sdk", "conv-ai-sdk", ["ai.generateText", "ai.generateText.doGenerate", "ai.toolCall"]],
    ["langchain", "conv-langchain", ["front-desk", "find_policy", "FakeListChatModel"]],
  ])(
    "arrives from examples/%s as one trace with the conversation on every span",
    async (name, conversation, names) => {
      const sink = await startOtlpSink();
      const result = await startNode([`examples/${name}/main.mjs`], { OTEL_EXPORTER_OTLP_ENDPOINT: sink.url })
        .ended;
      await sink.stop();
      expect(result).toMatchObject({ code: 0, stdout: "Breakfast is from 7:00 to 11:00 on Sundays.\n" });
      expect(sink.spans.map((span) => span.name)).toEqual(expect.arrayContaining(names));
      expect(new Set(sink.spans.map((span) => span.traceId)).size).toBe(1);
      expect(new Set(sink.spans.map((span) => span.attributes["gen_ai.conversation.id"]))).toEqual(
        new Set([conversation]),
      );
    },
  );
});
