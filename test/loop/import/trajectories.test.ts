import { describe, expect, it } from "vitest";
import type { TraceSpan } from "../../../loop/export/trace-spans.js";
import { trajectoryOf } from "../../../loop/export/trajectory.js";

describe("export as trajectories", () => {
  const blank = {
    traceId: "ab".repeat(16),
    runType: "llm",
    operation: "chat",
    model: "m",
    usage: {},
    atif: {},
  };
  const span = (n: number, given: Partial<TraceSpan>): TraceSpan =>
    ({
      ...blank,
      spanId: String(n).padStart(16, "0"),
      parentId: n === 1 ? undefined : "1".padStart(16, "0"),
      name: `span ${n}`,
      startNs: BigInt(n) * 1_000_000_000n,
      inputMessages: [],
      outputMessages: [],
      systemInstructions: [],
      ...given,
    }) as TraceSpan;
  const agent = span(1, { runType: "chain", operation: "invoke_agent", agentName: "desk" });
  const system = { role: "system", parts: [{ type: "text", content: "be brief" }] };
  const asked = { role: "user", content: "How much?" };
  const calling = {
    role: "assistant",
    parts: [{ type: "tool_call", id: "c1", name: "quote", arguments: '{"n":2}' }],
  };
  const result = { role: "tool", tool_call_id: "c1", content: "12" };

  it("tells each message once, however often a model was given it, with the results of tools at their calls", () => {
    const trace = [
      agent,
      span(2, { inputMessages: [system, asked], outputMessages: [calling], usage: { prompt_tokens: 7 } }),
      span(3, {
        runType: "tool",
        operation: "execute_tool",
        toolName: "quote",
        callId: "c1",
        toolResult: { eur: 12 },
      }),
      span(4, {
        inputMessages: [system, asked, calling, result],
        outputMessages: [{ role: "assistant", content: [{ type: "text", text: "12 euro" }] }],
        usage: { prompt_tokens: 9 },
      }),
    ];
    expect(trajectoryOf(trace)).toMatchObject({
      schema_version: "ATIF-v1.7",
      session_id: "ab".repeat(16),
      agent: { name: "desk", model_name: "m" },
      steps: [
        { step_id: 1, source: "system", message: "be brief" },
        { step_id: 2, source: "user", message: "How much?" },
        {
          step_id: 3,
          source: "agent",
          message: "",
          metrics: { prompt_tokens: 7 },
          tool_calls: [{ tool_call_id: "c1", function_name: "quote", arguments: { n: 2 } }],
          observation: { results: [{ source_call_id: "c1", content: '{"eur":12}' }] },
        },
        { step_id: 4, timestamp: "1970-01-01T00:00:04Z", source: "agent", message: "12 euro" },
      ],
      final_metrics: { total_prompt_tokens: 16, total_steps: 4 },
    });
    expect(trajectoryOf([agent])).toBeUndefined();
  });

  it("an agent below the call of a tool is a subagent that the result names; spans in a circle end", () => {
    const tool = span(3, {
      runType: "tool",
      operation: "execute_tool",
      toolName: "quote",
      callId: "c1",
      toolResult: "12",
    });
    const helper = span(4, {
      runType: "chain",
      operation: "invoke_agent",
      parentId: tool.spanId,
      agentName: "helper",
    });
    const trace = [
      agent,
      span(2, { inputMessages: [asked], outputMessages: [calling] }),
      tool,
      helper,
      span(5, { parentId: helper.spanId, outputMessages: [{ role: "assistant", content: "found" }] }),
      span(6, { operation: "invoke_agent", parentId: "7".padStart(16, "0") }),
      span(7, { operation: "invoke_agent", parentId: "6".padStart(16, "0") }),
    ];
    const reference = [{ trajectory_id: helper.spanId }];
    expect(trajectoryOf(trace)).toMatchObject({
      steps: [
        {},
        { observation: { results: [{ source_call_id: "c1", subagent_trajectory_ref: reference }] } },
      ],
      subagent_trajectories: [{ trajectory_id: helper.spanId, steps: [{ message: "found" }] }],
    });
  });
});
