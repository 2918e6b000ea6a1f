/**
 * All dialects in the order of their authority, and the version of the whole rule set. This is the one place of
 * precedence: for each column the sources of the first dialect come first, each dialect's own in the order of its table.
 */

import type { Dialect, GenAiColumn } from "../types.js";
import { AI_SDK, AI_SDK_7 } from "./ai-sdk.js";
import { CLAUDE_CODE, CODEX, COPILOT, GEMINI_CLI } from "./coding-agents.js";
import { LITELLM, OPENLIT, OPENROUTER } from "./gateways.js";
import { GENERIC } from "./generic.js";
import { GENKIT } from "./genkit.js";
import { GOOGLE_ADK } from "./google-adk.js";
import { LANGFUSE } from "./langfuse.js";
import { LANGSMITH } from "./langsmith.js";
import { MASTRA } from "./mastra.js";
import { MCP } from "./mcp.js";
import { AGENT_FRAMEWORK, SEMANTIC_KERNEL } from "./microsoft.js";
import { MLFLOW } from "./mlflow.js";
import { OPENINFERENCE } from "./openinference.js";
import { OTEL_GENAI } from "./otel-genai.js";
import { OTEL_GENAI_LEGACY } from "./otel-genai-legacy.js";
import { HAYSTACK, LAMINAR, LIVEKIT, SPRING_AI } from "./other-frameworks.js";
import { PYDANTIC_AI } from "./pydantic-ai.js";
import { STRANDS } from "./strands.js";
import { TRACELOOP } from "./traceloop.js";

/** Most authoritative first: what a user chose for a backend, frameworks, the conventions, then vendors' older names. */
export const DIALECTS: readonly Dialect[] = [
  LANGSMITH,
  LANGFUSE,
  PYDANTIC_AI,
  MLFLOW,
  STRANDS,
  GOOGLE_ADK,
  CLAUDE_CODE,
  CODEX,
  GEMINI_CLI,
  COPILOT,
  MASTRA,
  GENKIT,
  AGENT_FRAMEWORK,
  SEMANTIC_KERNEL,
  LITELLM,
  OPENROUTER,
  OPENLIT,
  LAMINAR,
  LIVEKIT,
  SPRING_AI,
  HAYSTACK,
  AI_SDK,
  AI_SDK_7,
  OTEL_GENAI,
  OPENINFERENCE,
  TRACELOOP,
  OTEL_GENAI_LEGACY,
  MCP,
  GENERIC,
];

/** Dialects whose source of a column comes after everyone else's: it is only a guess there. */
export const LAST_RESORTS: Readonly<Partial<Record<GenAiColumn, readonly string[]>>> = {
  provider: ["langsmith"],
  request_model: ["langsmith"],
  tool_name: ["langsmith"],
  conversation_id: ["mcp"],
};
