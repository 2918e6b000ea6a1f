/**
 * The Vercel AI SDK's own OpenTelemetry output, sent to Counterfoil. No wrapper is needed: `register()` sets tracing up,
 * `experimental_telemetry` turns the SDK's spans on. The model is the SDK's mock, so this runs without a key.
 */
import { register, withConversation } from "@counterfoil/instrumentation";
import { generateText, stepCountIs, tool } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { z } from "zod";

const registration = await register({ serviceName: "hotel-ai-sdk" });

const usage = {
  inputTokens: { total: 120, noCache: 56, cacheRead: 64, cacheWrite: 0 },
  outputTokens: { total: 18, text: 18, reasoning: 0 },
};
const finished = (unified) => ({ unified, raw: unified });

// First step: call the tool. Second step: answer.
const model = new MockLanguageModelV3({
  modelId: "mock-desk",
  doGenerate: async ({ prompt }) =>
    prompt.some((message) => message.role === "tool")
      ? {
          content: [{ type: "text", text: "Breakfast is from 7:00 to 11:00 on Sundays." }],
          finishReason: finished("stop"),
          usage,
          warnings: [],
        }
      : {
          content: [
            {
              type: "tool-call",
              toolCallId: "call-1",
              toolName: "opening_hours",
              input: '{"place":"breakfast"}',
            },
          ],
          finishReason: finished("tool-calls"),
          usage,
          warnings: [],
        },
});

const { text } = await withConversation({ conversationId: "conv-ai-sdk", userId: "guest-1" }, () =>
  generateText({
    model,
    prompt: "When is breakfast on Sunday?",
    stopWhen: stepCountIs(3),
    tools: {
      opening_hours: tool({
        description: "Opening hours of a place in the hotel",
        inputSchema: z.object({ place: z.string() }),
        execute: async ({ place }) => ({ place, sunday: "7:00-11:00" }),
      }),
    },
    experimental_telemetry: { isEnabled: true, functionId: "front-desk" },
  }),
);

console.log(text);
await registration.shutdown();
