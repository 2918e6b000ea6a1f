import type OpenAI from "openai";
import { traceAgent, traceTool } from "@counterfoil/instrumentation";
import { getRatePolicy, pause, refundQuote, searchBookings } from "./bookings.js";
import { createPolicySearch, type FoundPage } from "./knowledge.js";
import { CHAT_MODEL } from "./prices.js";

type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;
type ToolCall = OpenAI.Chat.Completions.ChatCompletionMessageFunctionToolCall;

/** Most model calls for one answer. */
const STEPS_MAX = 6;

/** Wait before a model call that was refused with 429 or 500 is tried once more, milliseconds. */
const RETRY_WAIT_MS = 40;

const INSTRUCTIONS = [
  "You are the support agent of the Hotel Meridian, a house of 84 rooms by the sea.",
  "Answer guests in a warm and polite tone, in at most three sentences, in the guest's language.",
  "Look bookings up with search_bookings before you say anything about one.",
  "Whether money is paid back depends on the rate of the booking: read it with get_rate_policy.",
  "Amounts come from refund_quote; never work them out yourself, and never promise what no tool confirmed.",
  "Use the pages of the policy handbook given below for everything else, and name no other source.",
  "If you don't know, say so and offer to hand over to the front desk, which is staffed day and night.",
  "Never show internal notes, rate codes or prices of other guests.",
].join("\n");

const TOOLS: OpenAI.Chat.Completions.ChatCompletionTool[] = [
  tool("search_bookings", "Finds bookings by the guest's last name or by booking number.", {
    guest: "string",
    booking_id: "string",
  }),
  tool("get_rate_policy", "Tells what a rate allows: refundable or not, until when, at which fee.", {
    rate_code: "string",
  }),
  tool("refund_quote", "Quotes the refund for a booking cancelled some hours before arrival.", {
    booking_id: "string",
    hours_before_arrival: "number",
  }),
];

/** What the agent remembers of a conversation. */
export type History = ChatMessage[];

/** Answers one message of a guest; the history grows by the message and the answer. */
export type SupportAgent = (message: string, history: History) => Promise<string>;

/** The hotel's support agent: retrieval, then model and tools in turn until the model answers in words. */
export function createSupportAgent(client: OpenAI): SupportAgent {
  const searchPolicies = createPolicySearch(client);
  const run: SupportAgent = async (message, history) => {
    const pages = await searchPolicies(message);
    history.push({ role: "user", content: message });
    for (let step = 0; step < STEPS_MAX; step += 1) {
      const answer = await askModel(client, [systemMessage(pages), ...history]);
      history.push(answer);
      const calls = (answer.tool_calls ?? []).filter((call) => call.type === "function");
      if (calls.length === 0) return typeof answer.content === "string" ? answer.content : "";
      history.push(...(await Promise.all(calls.map(runTool))));
    }
    throw new RangeError(`no answer after ${STEPS_MAX} model calls`);
  };
  return traceAgent(
    {
      name: "hotel-support",
      description: "Answers guests of the Hotel Meridian",
      version: "1.4.0",
      model: CHAT_MODEL,
      input: (message) => message,
    },
    run,
  );
}

function systemMessage(pages: readonly FoundPage[]): ChatMessage {
  const handbook = pages.map((page) => `## ${page.title}\n${page.text}`).join("\n\n");
  return { role: "system", content: `${INSTRUCTIONS}\n\n# Policy handbook\n${handbook}` };
}

/** One model call, streamed; tried once more when the model is overloaded. */
async function askModel(
  client: OpenAI,
  messages: ChatMessage[],
): Promise<OpenAI.Chat.Completions.ChatCompletionMessage> {
  const ask = async (): Promise<OpenAI.Chat.Completions.ChatCompletionMessage> => {
    const stream = client.chat.completions.stream({
      model: CHAT_MODEL,
      temperature: 0.2,
      max_completion_tokens: 400,
      messages,
      tools: TOOLS,
      stream_options: { include_usage: true },
    });
    return await stream.finalMessage();
  };
  try {
    return await ask();
  } catch (error) {
    const status = (error as { status?: unknown }).status;
    if (status !== 429 && status !== 500) throw error;
    await pause(RETRY_WAIT_MS);
    return await ask();
  }
}

/** Runs one tool the model asked for. A tool that fails ends the answer: the agent must not guess. */
async function runTool(call: ToolCall): Promise<ChatMessage> {
  const run = TOOL_FUNCTIONS[call.function.name];
  if (run === undefined) throw new RangeError(`there is no tool ${call.function.name}`);
  const traced = traceTool({ name: call.function.name, callId: () => call.id }, run);
  const result = await traced(JSON.parse(call.function.arguments) as never);
  return { role: "tool", tool_call_id: call.id, content: JSON.stringify(result) };
}

const TOOL_FUNCTIONS: Readonly<Record<string, (query: never) => Promise<unknown>>> = {
  search_bookings: searchBookings,
  get_rate_policy: getRatePolicy,
  refund_quote: refundQuote,
};

function tool(
  name: string,
  description: string,
  fields: Readonly<Record<string, string>>,
): OpenAI.Chat.Completions.ChatCompletionTool {
  const properties = Object.fromEntries(Object.entries(fields).map(([key, type]) => [key, { type }]));
  return { type: "function", function: { name, description, parameters: { type: "object", properties } } };
}
