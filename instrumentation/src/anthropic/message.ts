import type { Attributes } from "@opentelemetry/api";
import { requestAttributes } from "../attributes.js";
import { arrayOf, fieldOf, isObject, numberOf, parseJson, stringOf, type JsonObject } from "../json.js";
import { textPart } from "../messages.js";
import type { ChatRequest, ChatResponse, Usage } from "../options.js";
import { outputType } from "../openai/chat.js";
import { anthropicMessage, blocksToParts } from "./parts.js";

/** Attributes of a request to `messages.create`. */
export function messagesRequestAttributes(body: JsonObject): Attributes {
  const stops = arrayOf(body["stop_sequences"]).filter((stop) => typeof stop === "string");
  const format = fieldOf(body["output_config"], "format") ?? body["output_format"];
  return requestAttributes({
    model: stringOf(body["model"]),
    maxTokens: numberOf(body["max_tokens"]),
    temperature: numberOf(body["temperature"]),
    topP: numberOf(body["top_p"]),
    topK: numberOf(body["top_k"]),
    stopSequences: stops.length === 0 ? undefined : stops,
    stream: body["stream"] === true,
    outputType: outputType(fieldOf(format, "type")),
  });
}

/** The content of a request to `messages.create`. */
export function messagesRequestContent(body: JsonObject): ChatRequest {
  const system = body["system"];
  return {
    systemInstructions:
      system === undefined
        ? undefined
        : typeof system === "string"
          ? [textPart(system)]
          : blocksToParts(system),
    inputMessages: arrayOf(body["messages"]).filter(isObject).map(anthropicMessage),
    tools: arrayOf(body["tools"]).filter(isObject).map(toolDefinition),
  };
}

/** A tool the app runs is a function with `parameters`; one of the provider's keeps its type and fields. */
function toolDefinition(tool: JsonObject): JsonObject {
  const type = stringOf(tool["type"]) ?? "custom";
  if (type !== "custom") return tool;
  return {
    type: "function",
    name: tool["name"],
    ...(tool["description"] === undefined ? {} : { description: tool["description"] }),
    parameters: tool["input_schema"],
  };
}

/** A message the model made. */
export function messageResponse(message: JsonObject): ChatResponse {
  const stop = stringOf(message["stop_reason"]);
  const reason = stop === undefined ? undefined : (FINISH_REASONS[stop] ?? stop);
  const parts = blocksToParts(message["content"]);
  return {
    id: stringOf(message["id"]),
    model: stringOf(message["model"]),
    finishReasons: reason === undefined ? [] : [reason],
    outputMessages:
      parts.length === 0 && reason === undefined
        ? undefined
        : [{ role: "assistant", parts, ...(reason === undefined ? {} : { finish_reason: reason }) }],
    usage: messageUsage(message["usage"]),
  };
}

/** The conventions' words for Anthropic's; others stay. */
const FINISH_REASONS: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_call",
  refusal: "content_filter",
};

/** Anthropic counts cached tokens apart from `input_tokens`; the conventions' total includes them. */
function messageUsage(usage: unknown): Usage | undefined {
  if (!isObject(usage)) return undefined;
  const uncached = numberOf(usage["input_tokens"]);
  const read = numberOf(usage["cache_read_input_tokens"]);
  const written = numberOf(usage["cache_creation_input_tokens"]);
  return {
    inputTokens: uncached === undefined ? undefined : uncached + (read ?? 0) + (written ?? 0),
    outputTokens: numberOf(usage["output_tokens"]),
    cacheReadTokens: read,
    cacheWriteTokens: written,
    reasoningTokens: numberOf(fieldOf(usage["output_tokens_details"], "thinking_tokens")),
  };
}

/** The message a stream of events made so far. */
export function eventsToMessage(events: readonly unknown[]): JsonObject {
  let message: JsonObject = {};
  let usage: JsonObject = {};
  const blocks = new Map<number, Block>();
  for (const event of events) {
    if (!isObject(event)) continue;
    const index = numberOf(event["index"]) ?? 0;
    switch (event["type"]) {
      case "message_start":
        message = isObject(event["message"]) ? { ...event["message"] } : {};
        usage = present(message["usage"]);
        break;
      case "content_block_start":
        blocks.set(index, { start: present(event["content_block"]), text: "", json: "" });
        break;
      case "content_block_delta":
        addDelta(blocks.get(index), event["delta"]);
        break;
      case "message_delta":
        message = { ...message, ...present(event["delta"]) };
        usage = { ...usage, ...present(event["usage"]) };
        break;
      default:
    }
  }
  const content = [...blocks].sort(([a], [b]) => a - b).map(([, block]) => finishedBlock(block));
  return { ...message, content, usage };
}

interface Block {
  readonly start: JsonObject;
  text: string;
  json: string;
}

function addDelta(block: Block | undefined, delta: unknown): void {
  if (block === undefined) return;
  block.text += stringOf(fieldOf(delta, "text")) ?? stringOf(fieldOf(delta, "thinking")) ?? "";
  block.json += stringOf(fieldOf(delta, "partial_json")) ?? "";
}

function finishedBlock(block: Block): JsonObject {
  const { start, text, json } = block;
  switch (start["type"]) {
    case "text":
      return { ...start, text: `${stringOf(start["text"]) ?? ""}${text}` };
    case "thinking":
      return { ...start, thinking: `${stringOf(start["thinking"]) ?? ""}${text}` };
    default:
      return json === "" ? start : { ...start, input: parseJson(json) };
  }
}

/** The fields of an object that are not null: a later count of null must not hide an earlier number. */
function present(value: unknown): JsonObject {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null && item !== undefined));
}
