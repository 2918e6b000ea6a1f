import { requestAttributes } from "../attributes.js";
import { arrayOf, fieldOf, isObject, numberOf, stringOf, type JsonObject } from "../json.js";
import { chatMessageToMessage, type Message } from "../messages.js";
import type { ChatRequest, ChatResponse, Usage } from "../options.js";
import type { Attributes } from "@opentelemetry/api";
import {
  ATTR_OPENAI_API_TYPE,
  ATTR_OPENAI_REQUEST_SERVICE_TIER,
  ATTR_OPENAI_RESPONSE_SERVICE_TIER,
  ATTR_OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
  ATTR_REQUEST_REASONING_LEVEL,
} from "../semconv.js";

/** What `chat.completions.create` is asked. System and developer messages stay in their place in the history. */
export function chatRequest(body: JsonObject): ChatRequest {
  return {
    model: stringOf(body["model"]),
    maxTokens: numberOf(body["max_completion_tokens"]) ?? numberOf(body["max_tokens"]),
    temperature: numberOf(body["temperature"]),
    topP: numberOf(body["top_p"]),
    frequencyPenalty: numberOf(body["frequency_penalty"]),
    presencePenalty: numberOf(body["presence_penalty"]),
    stopSequences: stopSequences(body["stop"]),
    seed: numberOf(body["seed"]),
    choiceCount: numberOf(body["n"]),
    stream: body["stream"] === true,
    outputType: outputType(fieldOf(body["response_format"], "type")),
  };
}

/** The content of a request, built only when content is written. */
export function chatRequestContent(body: JsonObject): Pick<ChatRequest, "inputMessages" | "tools"> {
  return {
    inputMessages: arrayOf(body["messages"]).filter(isObject).map(chatMessageToMessage),
    tools: toolDefinitions(body["tools"] ?? body["functions"]),
  };
}

/** Attributes of a chat request, OpenAI's own included. */
export function chatRequestAttributes(body: JsonObject): Attributes {
  return {
    [ATTR_OPENAI_API_TYPE]: "chat_completions",
    [ATTR_OPENAI_REQUEST_SERVICE_TIER]: stringOf(body["service_tier"]),
    [ATTR_REQUEST_REASONING_LEVEL]: stringOf(body["reasoning_effort"]),
    ...requestAttributes(chatRequest(body)),
  };
}

/** Attributes of an answer that only OpenAI has. */
export function openAIResponseAttributes(response: JsonObject): Attributes {
  return {
    [ATTR_OPENAI_RESPONSE_SERVICE_TIER]: stringOf(response["service_tier"]),
    [ATTR_OPENAI_RESPONSE_SYSTEM_FINGERPRINT]: stringOf(response["system_fingerprint"]),
  };
}

/** A chat completion: one message a choice. */
export function chatResponse(completion: JsonObject): ChatResponse {
  const choices = arrayOf(completion["choices"]).filter(isObject);
  const reasons = choices.map((choice) => stringOf(choice["finish_reason"]));
  return {
    id: stringOf(completion["id"]),
    model: stringOf(completion["model"]),
    finishReasons: reasons.filter((reason) => reason !== undefined).map(finishReason),
    outputMessages: choices.map(choiceToMessage),
    usage: chatUsage(completion["usage"]),
  };
}

function choiceToMessage(choice: JsonObject): Message {
  const message = isObject(choice["message"]) ? choice["message"] : {};
  const reason = stringOf(choice["finish_reason"]);
  return {
    ...chatMessageToMessage({ role: "assistant", ...message }),
    ...(reason === undefined ? {} : { finish_reason: finishReason(reason) }),
  };
}

/** Chat usage: `prompt_tokens` includes cached tokens, `completion_tokens` includes reasoning. */
function chatUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  return {
    inputTokens: numberOf(usage["prompt_tokens"]),
    outputTokens: numberOf(usage["completion_tokens"]),
    cacheReadTokens: numberOf(fieldOf(usage["prompt_tokens_details"], "cached_tokens")),
    cacheWriteTokens: numberOf(fieldOf(usage["prompt_tokens_details"], "cache_write_tokens")),
    reasoningTokens: numberOf(fieldOf(usage["completion_tokens_details"], "reasoning_tokens")),
  };
}

/** The conventions' word for a finish reason; words without one stay. */
export function finishReason(reason: string): string {
  return reason === "tool_calls" || reason === "function_call" ? "tool_call" : reason;
}

/** Tools in the conventions' flat shape, from the nested chat shape or the flat Responses one. */
export function toolDefinitions(tools: unknown): readonly unknown[] {
  return arrayOf(tools)
    .filter(isObject)
    .map((tool) => {
      const type = stringOf(tool["type"]) ?? "function";
      const body = isObject(tool[type]) ? tool[type] : tool;
      return { ...body, type };
    });
}

function stopSequences(stop: unknown): readonly string[] | undefined {
  const all = (Array.isArray(stop) ? stop : [stop]).filter(
    (item): item is string => typeof item === "string",
  );
  return all.length === 0 ? undefined : all;
}

/** `response_format` or `text.format` as the conventions' output type. */
export function outputType(format: unknown): ChatRequest["outputType"] {
  if (format === "json_object" || format === "json_schema") return "json";
  return format === "text" ? "text" : undefined;
}
