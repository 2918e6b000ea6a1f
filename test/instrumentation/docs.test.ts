import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startModelServer } from "../../examples/support-agent/model-server.js";
import { startOtlpSink } from "./otlp-sink.js";
import { ROOT, runModule } from "./run-node.js";
import { startStandIn } from "./stand-in-server.js";

const MESSAGE = {
  id: "m",
  type: "message",
  role: "assistant",
  model: "claude",
  stop_reason: "end_turn",
  content: [{ type: "text", text: "No." }],
  usage: { input_tokens: 5, output_tokens: 2 },
};

/** The `js` blocks of a page, with the names of the spans each must send. */
const BLOCKS = [
  [
    "docs/instrumentation.md",
    0,
    ["execute_tool search_bookings", "chat desk-large", "invoke_agent hotel-support"],
  ],
  ["docs/instrumentation.md", 1, ["retrieval policies", "chat house-model"]],
  ["docs/instrumentation.md", 2, ["chat claude-sonnet-5-5"]],
  ["docs/instrumentation.md", 3, ["execute_tool pay_back"]],
  ["instrumentation/README.md", 0, []],
] as const;

function jsBlocks(page: string): readonly string[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
}

describe.concurrent("the code in the documentation", () => {
  it.each(BLOCKS)("%s, block %i, runs and sends its spans", async (page, index, names) => {
    const [sink, openai, anthropic] = await Promise.all([
      startOtlpSink(),
      startModelServer(),
      startStandIn(),
    ]);
    anthropic.answer({ body: MESSAGE });
    const result = await runModule(jsBlocks(page)[index] ?? "throw new Error('no such block')", {
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OPENAI_BASE_URL: openai.url,
      OPENAI_API_KEY: "k",
      ANTHROPIC_BASE_URL: anthropic.url,
      ANTHROPIC_API_KEY: "k",
    });
    await Promise.all([sink.stop(), openai.close(), anthropic.stop()]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(sink.spans.map((span) => span.name)).toEqual(names);
    expect(JSON.stringify(sink.spans)).not.toContain("DE89");
  });

  it("leaves no block untested", () => {
    for (const page of new Set(BLOCKS.map(([name]) => name))) {
      expect(jsBlocks(page)).toHaveLength(BLOCKS.filter(([name]) => name === page).length);
    }
  });
});
