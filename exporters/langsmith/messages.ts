import type { Json } from "./read-genai.js";

/** Binary content taken out of messages: LangSmith stores attachments beside the run. */
export interface Attachment {
  readonly name: string;
  readonly mime_type: string;
  /** Base64. */
  readonly content: string;
}

type JsonObject = { [key: string]: Json };

/** A JSON object, not an array. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Messages in the shape of OTel's GenAI conventions: each has a role and parts. */
export function isConventionMessages(value: Json | undefined): value is JsonObject[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item) => isObject(item) && Array.isArray(item["parts"]))
  );
}

/**
 * Turns convention messages into chat messages as LangSmith's own exporters write them: `role`, `content`, `tool_calls`
 * with the arguments as JSON text, one `tool` message for each response. Blobs move into `attachments`.
 */
export function toChatMessages(messages: readonly JsonObject[], attachments: Attachment[]): JsonObject[] {
  return messages.flatMap((message) => toChat(message, attachments));
}

/** `gen_ai.system_instructions` (parts, or plain text) as a system message. */
export function toSystemMessage(instructions: Json, attachments: Attachment[]): JsonObject[] {
  if (typeof instructions === "string") {
    return instructions === "" ? [] : [{ role: "system", content: instructions }];
  }
  if (!Array.isArray(instructions) || instructions.length === 0) return [];
  const parts = instructions.map((part) =>
    typeof part === "string" ? { type: "text", content: part } : part,
  );
  return toChat({ role: "system", parts }, attachments);
}

function toChat(message: JsonObject, attachments: Attachment[]): JsonObject[] {
  const { role = "user", parts, ...rest } = message;
  const content: Json[] = [];
  const toolCalls: Json[] = [];
  const responses: JsonObject[] = [];
  for (const part of Array.isArray(parts) ? parts : []) {
    if (!isObject(part)) {
      content.push(part);
    } else if (part["type"] === "tool_call") {
      toolCalls.push(toToolCall(part));
    } else if (part["type"] === "tool_call_response") {
      responses.push(toToolMessage(part));
    } else {
      content.push(toContentBlock(part, attachments));
    }
  }
  const chat: JsonObject[] = [];
  if (content.length > 0 || toolCalls.length > 0 || responses.length === 0) {
    const calls = toolCalls.length === 0 ? {} : { tool_calls: toolCalls };
    chat.push({ role, content: joinContent(content), ...calls, ...rest });
  }
  chat.push(...responses);
  return chat;
}

/** One text is a plain string; anything else stays a list of blocks. */
function joinContent(content: readonly Json[]): Json {
  if (content.length === 0) return "";
  const [only] = content;
  if (content.length === 1 && isObject(only) && only["type"] === "text" && typeof only["text"] === "string") {
    return only["text"];
  }
  return [...content];
}

function toToolCall(part: JsonObject): JsonObject {
  const { arguments: args = {}, name = "", id } = part;
  const call: JsonObject = {
    type: "function",
    function: { name, arguments: typeof args === "string" ? args : JSON.stringify(args) },
  };
  return id === undefined ? call : { id, ...call };
}

function toToolMessage(part: JsonObject): JsonObject {
  // The convention's schema says `response`; its own example says `result`.
  const response = part["response"] ?? part["result"] ?? "";
  const content = typeof response === "string" ? response : JSON.stringify(response);
  const { id } = part;
  return id === undefined ? { role: "tool", content } : { role: "tool", tool_call_id: id, content };
}

function toContentBlock(part: JsonObject, attachments: Attachment[]): Json {
  const { type } = part;
  if (type === "text") return { type: "text", text: part["content"] ?? "" };
  if (type === "reasoning") return { type: "reasoning", reasoning: part["content"] ?? "" };
  if (type === "uri" && part["modality"] === "image")
    return { type: "image_url", image_url: { url: part["uri"] ?? "" } };
  if (type === "blob" && typeof part["content"] === "string")
    return toAttachment(part, part["content"], attachments);
  return part;
}

function toAttachment(part: JsonObject, content: string, attachments: Attachment[]): JsonObject {
  const modality = typeof part["modality"] === "string" ? part["modality"] : "blob";
  const mimeType = typeof part["mime_type"] === "string" ? part["mime_type"] : "application/octet-stream";
  const name = `${modality.replace(/[^A-Za-z0-9_-]/g, "_")}-${attachments.length + 1}`;
  attachments.push({ name, mime_type: mimeType, content });
  return { type: modality, mime_type: mimeType, attachment: name };
}

/** Tool definitions in the nested shape of chat APIs; anything unknown stays. */
export function toTools(definitions: Json): Json {
  if (!Array.isArray(definitions)) return definitions;
  return definitions.map((tool) => {
    if (!isObject(tool) || tool["type"] !== "function" || tool["function"] !== undefined) return tool;
    const { type, inputSchema, parameters, ...rest } = tool;
    const schema = parameters ?? inputSchema;
    return { type, function: { ...rest, ...(schema === undefined ? {} : { parameters: schema }) } };
  });
}

/** Output messages: one is the answer itself, several are choices; a whole conversation in one stays a list. */
export function toCompletion(messages: readonly JsonObject[], attachments: Attachment[]): JsonObject {
  const chat = toChatMessages(messages, attachments);
  const [only] = chat;
  if (chat.length === 1 && only !== undefined) return only;
  if (messages.length === 1) return { messages: chat };
  return {
    choices: chat.map(({ finish_reason, ...message }, index) => ({
      index,
      ...(finish_reason === undefined ? {} : { finish_reason }),
      message,
    })),
  };
}

/** Retrieval documents as LangSmith shows them. */
export function toDocuments(documents: Json): Json {
  if (!Array.isArray(documents)) return documents;
  return documents.map((document) => {
    if (!isObject(document))
      return {
        type: "Document",
        page_content: typeof document === "string" ? document : JSON.stringify(document),
        metadata: {},
      };
    const { page_content, content, text, metadata, type: _type, ...rest } = document;
    return {
      type: "Document",
      page_content: page_content ?? content ?? text ?? "",
      metadata: { ...rest, ...(isObject(metadata) ? metadata : {}) },
    };
  });
}
