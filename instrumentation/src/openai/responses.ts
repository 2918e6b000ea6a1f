import type { Attributes } from "@opentelemetry/api";
import { requestAttributes } from "../attributes.js";
import { arrayOf, fieldOf, isObject, numberOf, parseJson, stringOf, type JsonObject } from "../json.js";
import { textPart, type Message, type Part } from "../messages.js";
import type { ChatRequest, ChatResponse, Usage } from "../options.js";
import {
  ATTR_CONVERSATION_ID,
  ATTR_OPENAI_API_TYPE,
  ATTR_OPENAI_REQUEST_SERVICE_TIER,
  ATTR_REQUEST_PREVIOUS_RESPONSE_ID,
  ATTR_REQUEST_REASONING_LEVEL,
} from "../semconv.js";
import { outputType, toolDefinitions } from "./chat.js";
import { chatContentToParts, urlPart } from "./parts.js";

/** Attributes of a request to `responses.create`. */
export function responsesRequestAttributes(body: JsonObject): Attributes {
  const conversation = body["conversation"];
  return {
    [ATTR_OPENAI_API_TYPE]: "responses",
    [ATTR_OPENAI_REQUEST_SERVICE_TIER]: stringOf(body["service_tier"]),
    [ATTR_REQUEST_REASONING_LEVEL]: stringOf(fieldOf(body["reasoning"], "effort")),
    [ATTR_REQUEST_PREVIOUS_RESPONSE_ID]: stringOf(body["previous_response_id"]),
    [ATTR_CONVERSATION_ID]: stringOf(conversation) ?? stringOf(fieldOf(conversation, "id")),
    ...requestAttributes({
      model: stringOf(body["model"]),
      maxTokens: numberOf(body["max_output_tokens"]),
      temperature: numberOf(body["temperature"]),
      topP: numberOf(body["top_p"]),
      stream: body["stream"] === true,
      outputType: outputType(fieldOf(fieldOf(body["text"], "format"), "type")),
    }),
  };
}

/** The content of a request to `responses.create`. */
export function responsesRequestContent(body: JsonObject): ChatRequest {
  const input = body["input"];
  return {
    systemInstructions: stringOf(body["instructions"]),
    inputMessages:
      typeof input === "string"
        ? [{ role: "user", parts: [textPart(input)] }]
        : arrayOf(input).filter(isObject).map(inputItemToMessage),
    tools: toolDefinitions(body["tools"]),
  };
}

/** What `responses.create` answered. All output items make one assistant message. */
export function responsesResponse(response: JsonObject): ChatResponse {
  const items = arrayOf(response["output"]).filter(isObject);
  const reason = responseFinishReason(response, items);
  const parts = items.flatMap((item) => outputItemToParts(item));
  return {
    id: stringOf(response["id"]),
    model: stringOf(response["model"]),
    finishReasons: reason === undefined ? [] : [reason],
    outputMessages:
      items.length === 0
        ? undefined
        : [{ role: "assistant", parts, ...(reason === undefined ? {} : { finish_reason: reason }) }],
    usage: responsesUsage(response["usage"]),
  };
}

/** `status` in the conventions' words: a finished answer with function calls ended for them. */
function responseFinishReason(response: JsonObject, items: readonly JsonObject[]): string | undefined {
  switch (response["status"]) {
    case "completed": {
      const calls = items.some(
        (item) => item["type"] === "function_call" || item["type"] === "custom_tool_call",
      );
      return calls ? "tool_call" : "stop";
    }
    case "incomplete": {
      const reason = stringOf(fieldOf(response["incomplete_details"], "reason"));
      return reason === "max_output_tokens" ? "length" : (reason ?? "incomplete");
    }
    case "failed":
      return "error";
    default:
      return stringOf(response["status"]);
  }
}

function responsesUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  return {
    inputTokens: numberOf(usage["input_tokens"]),
    outputTokens: numberOf(usage["output_tokens"]),
    cacheReadTokens: numberOf(fieldOf(usage["input_tokens_details"], "cached_tokens")),
    cacheWriteTokens: numberOf(fieldOf(usage["input_tokens_details"], "cache_write_tokens")),
    reasoningTokens: numberOf(fieldOf(usage["output_tokens_details"], "reasoning_tokens")),
  };
}

function inputItemToMessage(item: JsonObject): Message {
  const type = stringOf(item["type"]) ?? "message";
  if (type.endsWith("_call_output")) {
    return {
      role: "tool",
      parts: [{ type: "tool_call_response", id: item["call_id"], response: parseJson(item["output"]) }],
    };
  }
  const role = stringOf(item["role"]) ?? (type === "message" ? "user" : "assistant");
  return { role, parts: outputItemToParts(item) };
}

/** One item of input or output as parts. Items of the provider's own tools are kept whole. */
function outputItemToParts(item: JsonObject): readonly Part[] {
  const type = stringOf(item["type"]) ?? "message";
  switch (type) {
    case "message":
      return chatContentToParts(item["content"]);
    case "function_call":
    case "custom_tool_call":
      return [
        {
          type: "tool_call",
          id: stringOf(item["call_id"]) ?? stringOf(item["id"]),
          name: stringOf(item["name"]) ?? "",
          arguments: parseJson(item["arguments"] ?? item["input"]),
        },
      ];
    case "reasoning":
      return reasoningParts(item);
    case "image_generation_call":
      return [urlPart("image", `data:image/png;base64,${stringOf(item["result"]) ?? ""}`)];
    default:
      if (!type.endsWith("_call")) return [{ ...item, type }];
      return [{ type: "server_tool_call", id: stringOf(item["id"]), name: type, server_tool_call: item }];
  }
}

/** The reasoning text, or its summary. Encrypted reasoning has neither and gives nothing. */
function reasoningParts(item: JsonObject): readonly Part[] {
  const texts = [...arrayOf(item["content"]), ...arrayOf(item["summary"])].map((part) =>
    stringOf(fieldOf(part, "text")),
  );
  const content = texts.filter((text) => text !== undefined).join("\n\n");
  return content === "" ? [] : [{ type: "reasoning", content }];
}

/**
 * The response that a stream of events made: the one the last `response.completed`, `.incomplete` or `.failed` event
 * carries; without it (a cut stream), the finished items and the text so far.
 */
export function eventsToResponse(events: readonly unknown[]): JsonObject {
  let response: JsonObject = {};
  const items = new Map<number, JsonObject>();
  const texts = new Map<number, string>();
  for (const event of events) {
    if (!isObject(event)) continue;
    if (isObject(event["response"])) response = event["response"];
    const index = numberOf(event["output_index"]) ?? 0;
    if (event["type"] === "response.output_item.done" && isObject(event["item"])) {
      items.set(index, event["item"]);
    } else if (event["type"] === "response.output_text.delta") {
      texts.set(index, (texts.get(index) ?? "") + (stringOf(event["delta"]) ?? ""));
    }
  }
  if (arrayOf(response["output"]).length > 0) return response;
  for (const [index, content] of texts) {
    if (!items.has(index)) items.set(index, { type: "message", content });
  }
  return { ...response, output: [...items].sort(([a], [b]) => a - b).map(([, item]) => item) };
}

/** The error of a response with the status `failed`, which comes with HTTP 200. Its name is OpenAI's error code. */
export function responseError(response: JsonObject): Error | undefined {
  if (response["status"] !== "failed") return undefined;
  const error = new Error(
    stringOf(fieldOf(response["error"], "message")) ?? "the response has the status failed",
  );
  error.name = stringOf(fieldOf(response["error"], "code")) ?? "failed";
  return error;
}
