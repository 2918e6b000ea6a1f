/**
 * The message shapes of the GenAI conventions (`gen_ai.input.messages` and the others), and a reading of what people
 * pass to and return from their own functions.
 */
import { chatContentToParts } from "./openai/parts.js";
import { isObject, parseJson, stringOf, toJson, type JsonObject } from "./json.js";

/** A part of a message. `type` is text, tool_call, tool_call_response, reasoning, blob, uri, file or any other word. */
export interface Part {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** One message. An output message may say why it ended. */
export interface Message {
  readonly role: string;
  readonly parts: readonly Part[];
  readonly name?: string | undefined;
  readonly finish_reason?: string | undefined;
}

/** Plain text as a part. */
export function textPart(content: string): Part {
  return { type: "text", content };
}

/**
 * Reads a value as messages: text is one message of `role`; `{role, content}` objects (the OpenAI shape, tool calls
 * included) and `{role, parts}` objects are taken as they are; anything else is one message with its JSON as text.
 */
export function valueToMessages(value: unknown, role: string): readonly Message[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return [{ role, parts: [textPart(value)] }];
  if (Array.isArray(value) && value.length > 0 && value.every(isMessageLike)) {
    return value.map(messageOf);
  }
  if (isMessageLike(value)) return [messageOf(value)];
  return [{ role, parts: [textPart(toJson(value))] }];
}

function isMessageLike(value: unknown): value is JsonObject {
  return (
    isObject(value) &&
    typeof value["role"] === "string" &&
    ("content" in value || Array.isArray(value["parts"]))
  );
}

function messageOf(value: JsonObject): Message {
  if (Array.isArray(value["parts"])) return value as unknown as Message;
  return chatMessageToMessage(value);
}

/** A chat-completions message (any role) as a message of the conventions. */
export function chatMessageToMessage(message: JsonObject): Message {
  const role = stringOf(message["role"]) ?? "user";
  const name = stringOf(message["name"]);
  const parts: Part[] = [];
  const reasoning = stringOf(message["reasoning_content"]) ?? stringOf(message["reasoning"]);
  if (reasoning !== undefined) parts.push({ type: "reasoning", content: reasoning });
  if (role === "tool" || role === "function") {
    parts.push({
      type: "tool_call_response",
      id: stringOf(message["tool_call_id"]),
      response: toolResponse(message["content"]),
    });
  } else {
    parts.push(...chatContentToParts(message["content"]));
  }
  const refusal = stringOf(message["refusal"]);
  if (refusal !== undefined) parts.push({ type: "refusal", content: refusal });
  for (const call of Array.isArray(message["tool_calls"]) ? message["tool_calls"] : []) {
    const part = toolCallPart(call);
    if (part !== undefined) parts.push(part);
  }
  return name === undefined ? { role, parts } : { role, parts, name };
}

/** A tool's answer: text that is JSON is kept as the value it holds. */
function toolResponse(content: unknown): unknown {
  if (Array.isArray(content)) {
    const texts = content.map((part: unknown) => (isObject(part) ? stringOf(part["text"]) : undefined));
    if (texts.every((text) => text !== undefined)) return parseJson(texts.join(""));
  }
  return parseJson(content);
}

/** One entry of `tool_calls`. Arguments that are no JSON (a cut stream) stay text. */
function toolCallPart(call: unknown): Part | undefined {
  if (!isObject(call)) return undefined;
  const body = isObject(call["function"])
    ? call["function"]
    : isObject(call["custom"])
      ? call["custom"]
      : call;
  return {
    type: "tool_call",
    id: stringOf(call["id"]),
    name: stringOf(body["name"]) ?? "",
    arguments: parseJson(body["arguments"] ?? body["input"]),
  };
}
