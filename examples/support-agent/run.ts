import OpenAI from "openai";
import { trace } from "@opentelemetry/api";
import {
  register,
  traceWorkflow,
  withConversation,
  wrapOpenAI,
  type Registration,
} from "@counterfoil/instrumentation";
import { createSupportAgent, type History, type SupportAgent } from "./agent.js";
import { GUESTS, type GuestConversation } from "./guests.js";
import { costOf } from "./prices.js";

/** Where the example sends its spans, and which model it asks. */
export interface SupportAgentOptions {
  /** Base URL of an OTLP/HTTP receiver. Default: OTEL_EXPORTER_OTLP_ENDPOINT, then 127.0.0.1:4318. */
  readonly otlpEndpoint?: string | undefined;
  /** Base URL of an OpenAI-shaped API, ending in `/v1`. */
  readonly modelUrl: string;
  /** Its key. Default: a word, for the stand-in takes any. */
  readonly apiKey?: string | undefined;
  /** LangSmith project name of the traces. Default: LANGSMITH_PROJECT. */
  readonly project?: string | undefined;
}

/** One conversation as it went. */
export interface ConversationOutcome {
  readonly conversationId: string;
  readonly userId: string;
  readonly turns: number;
  readonly outcome: "answered" | "failed";
  /** The last answer, or the error's message. */
  readonly lastAnswer: string;
  /** Trace ids, one a turn, 32 hex digits. Empty strings when tracing is off. */
  readonly traceIds: readonly string[];
}

/** What `runSupportAgent` did. The two last fields come from the example's own script, not from telemetry. */
export interface SupportAgentSummary {
  readonly tracing: Registration["state"];
  readonly conversations: readonly ConversationOutcome[];
  readonly wrongAnswerConversationId: string;
  readonly wrongAnswerTraceId: string;
}

/**
 * Runs all conversations one after the other, flushes, and says how they went. Nothing in the telemetry marks the wrong
 * answer: it is a fast HTTP 200 like the others, and finding it is the reader's work.
 */
export async function runSupportAgent(options: SupportAgentOptions): Promise<SupportAgentSummary> {
  const registration = await register({
    serviceName: "hotel-support",
    resourceAttributes: { "deployment.environment.name": "demo" },
    endpoint: options.otlpEndpoint,
    project: options.project,
  });
  const client = wrapOpenAI(
    // Retries are the agent's own, so that each try is a span.
    new OpenAI({ apiKey: options.apiKey ?? "stand-in", baseURL: options.modelUrl, maxRetries: 0 }),
    { cost: costOf },
  );
  const agent = createSupportAgent(client);
  const conversations: ConversationOutcome[] = [];
  for (const guest of GUESTS) conversations.push(await converse(agent, guest));
  await registration.flush();
  const wrong = GUESTS.find((guest) => guest.truth === "wrong")?.conversationId ?? "";
  const found = conversations.find((conversation) => conversation.conversationId === wrong);
  return {
    tracing: registration.state,
    conversations,
    wrongAnswerConversationId: wrong,
    wrongAnswerTraceId: found?.traceIds.at(-1) ?? "",
  };
}

async function converse(agent: SupportAgent, guest: GuestConversation): Promise<ConversationOutcome> {
  const { conversationId, userId, messages } = guest;
  const history: History = [];
  const traceIds: string[] = [];
  const turn = traceWorkflow(
    { name: "guest-message", input: (message) => message },
    async (message: string) => {
      traceIds.push(trace.getActiveSpan()?.spanContext().traceId ?? "");
      return await agent(message, history);
    },
  );
  let lastAnswer = "";
  let outcome: ConversationOutcome["outcome"] = "answered";
  await withConversation({ conversationId, userId }, async () => {
    for (const message of messages) {
      try {
        lastAnswer = await turn(message);
      } catch (error) {
        outcome = "failed";
        lastAnswer = error instanceof Error ? error.message : String(error);
        return;
      }
    }
  });
  return { conversationId, userId, turns: traceIds.length, outcome, lastAnswer, traceIds };
}
