/*
 * Content blocks of every provider and framework as parts of the GenAI conventions. One table by the block's `type`,
 * one by the member that stands for it where blocks have no type (Bedrock, Gemini).
 */

import {
  firstMember,
  isObject,
  type Json,
  type JsonObject,
  jsonToText,
  member,
  parsedIfJson,
} from "../json.js";
import { mediaPart } from "./media.js";

/** A part of a message: `{type, ...}`. */
export type Part = JsonObject;

type PartReader = (block: JsonObject, type: string) => Part | undefined;

/** A text part. */
export function textPart(content: Json): Part {
  return { type: "text", content: jsonToText(content) };
}

/** Anything that no reader knows, kept whole; the shape is that of opentelemetry-util-genai. */
export function genericPart(value: Json): Part {
  return { type: "generic", value };
}

/** A tool call; arguments that are JSON text are parsed, as the conventions want them. */
export function toolCallPart(id: Json | undefined, name: Json | undefined, args: Json | undefined): Part {
  return {
    type: "tool_call",
    ...(id === undefined || id === null ? {} : { id: jsonToText(id) }),
    name: jsonToText(name),
    ...(args === undefined ? {} : { arguments: typeof args === "string" ? parsedIfJson(args) : args }),
  };
}

/** What a tool gave back. */
export function toolResponsePart(id: Json | undefined, response: Json | undefined): Part {
  return {
    type: "tool_call_response",
    ...(id === undefined || id === null ? {} : { id: jsonToText(id) }),
    response: response ?? null,
  };
}

/** The content of a message, whatever it is, as parts. An empty text is no part. */
export function toParts(content: Json | undefined): Part[] {
  if (content === undefined || content === null || content === "") return [];
  if (Array.isArray(content)) return content.flatMap((block) => toParts(block));
  if (!isObject(content)) return [textPart(content)];
  return [toPart(content)];
}

function toPart(block: JsonObject): Part {
  const type = member(block, "type");
  if (typeof type === "string") {
    const reader = BY_TYPE.get(type) ?? (type.startsWith("tool-") ? uiTool : undefined);
    return reader?.(block, type) ?? block;
  }
  for (const [name, reader] of BY_MEMBER) {
    if (member(block, name) !== undefined && member(block, name) !== null)
      return reader(block, name) ?? genericPart(block);
  }
  return genericPart(block);
}

const text: PartReader = (block) => {
  const content = firstMember(block, "content", "text", "refusal", "value");
  if (content === undefined && (member(block, "text") === "" || member(block, "content") === ""))
    return textPart("");
  if (content === undefined) return undefined;
  return textPart(isObject(content) ? (firstMember(content, "value", "text") ?? content) : content);
};

const reasoning: PartReader = (block) => {
  const content = firstMember(block, "content", "thinking", "reasoning", "text", "summary", "data");
  return { type: "reasoning", content: reasoningText(content) };
};

function reasoningText(content: Json | undefined): string {
  if (!Array.isArray(content)) return jsonToText(content);
  return content.map((item) => jsonToText(firstMember(item, "text", "content") ?? item)).join("\n");
}

const toolCall: PartReader = (block) => {
  const inner = firstMember(block, "function", "tool_call");
  return toolCallPart(
    firstMember(block, "id", "toolCallId", "call_id", "tool_call_id"),
    firstMember(block, "name", "toolName") ?? firstMember(inner, "name"),
    firstMember(block, "arguments", "input", "args") ?? firstMember(inner, "arguments", "args"),
  );
};

const toolResponse: PartReader = (block) => {
  const response = firstMember(block, "response", "result", "content", "output");
  return toolResponsePart(
    firstMember(block, "id", "tool_use_id", "toolCallId", "call_id", "tool_call_id"),
    unwrapOutput(response),
  );
};

/** The AI SDK wraps a result as {type: "json" | "text", value}, MCP and Anthropic as a list with one text. */
function unwrapOutput(output: Json | undefined): Json | undefined {
  if (isObject(output) && "value" in output && typeof output["type"] === "string") return output["value"];
  if (Array.isArray(output) && output.length === 1 && member(output[0], "type") === "text") {
    return firstMember(output[0], "text", "content") ?? output;
  }
  return output;
}

/** Tools that the provider runs itself: {type: "server_tool_use" | "web_search_call" | ..., ...}. */
const serverToolCall: PartReader = (block, type) => ({
  type: "server_tool_call",
  ...(typeof block["id"] === "string" ? { id: block["id"] } : {}),
  name: jsonToText(firstMember(block, "name") ?? type.replace(/_call$/, "")),
  server_tool_call: { ...block, type: jsonToText(firstMember(block, "name") ?? type) },
});

const serverToolResponse: PartReader = (block, type) => ({
  type: "server_tool_call_response",
  ...(typeof block["tool_use_id"] === "string" ? { id: block["tool_use_id"] } : {}),
  server_tool_call_response: { ...block, type },
});

/** AI SDK interface messages: {type: "tool-<name>", toolCallId, input, output}. */
const uiTool: PartReader = (block, type) =>
  toolCallPart(firstMember(block, "toolCallId"), type.slice("tool-".length), firstMember(block, "input"));

const itself: PartReader = (block) => block;

const BY_TYPE: ReadonlyMap<string, PartReader> = new Map<string, PartReader>([
  ["text", text],
  ["input_text", text],
  ["output_text", text],
  ["summary_text", text],
  ["refusal", text],
  ["reasoning", reasoning],
  ["thinking", reasoning],
  ["redacted_thinking", reasoning],
  ["redacted-reasoning", reasoning],
  ["tool_call", toolCall],
  ["tool_use", toolCall],
  ["tool-call", toolCall],
  ["function", toolCall],
  ["function_call", toolCall],
  ["custom_tool_call", toolCall],
  ["tool_call_response", toolResponse],
  ["tool_result", toolResponse],
  ["tool-result", toolResponse],
  ["function_call_output", toolResponse],
  ["custom_tool_call_output", toolResponse],
  ["server_tool_use", serverToolCall],
  ["web_search_call", serverToolCall],
  ["file_search_call", serverToolCall],
  ["code_interpreter_call", serverToolCall],
  ["mcp_call", serverToolCall],
  ["web_search_tool_result", serverToolResponse],
  ["code_execution_tool_result", serverToolResponse],
  ["mcp_tool_result", serverToolResponse],
  ["image", mediaPart],
  ["image_url", mediaPart],
  ["input_image", mediaPart],
  ["audio", mediaPart],
  ["input_audio", mediaPart],
  ["video", mediaPart],
  ["file", mediaPart],
  ["input_file", mediaPart],
  ["document", mediaPart],
  ["media", mediaPart],
  ["blob", itself],
  ["uri", itself],
  ["generic", itself],
]);

const BY_MEMBER: readonly (readonly [string, PartReader])[] = [
  ["toolUse", (block) => bedrockCall(block["toolUse"])],
  ["toolResult", (block) => bedrockResult(block["toolResult"])],
  ["reasoningContent", (block) => bedrockReasoning(block["reasoningContent"])],
  ["functionCall", (block) => geminiCall(block["functionCall"])],
  ["function_call", (block) => geminiCall(block["function_call"])],
  ["functionResponse", (block) => geminiResult(block["functionResponse"])],
  ["function_response", (block) => geminiResult(block["function_response"])],
  ["executableCode", (block) => executedCode(block["executableCode"])],
  ["executable_code", (block) => executedCode(block["executable_code"])],
  ["toolRequest", (block) => genkitCall(block["toolRequest"])],
  ["toolResponse", (block) => genkitResult(block["toolResponse"])],
  ["media", mediaPart],
  ["reasoning", reasoning],
  ["inlineData", mediaPart],
  ["inline_data", mediaPart],
  ["fileData", mediaPart],
  ["file_data", mediaPart],
  ["image", mediaPart],
  ["document", mediaPart],
  ["video", mediaPart],
  // Last: Gemini marks a thought with `thought: true` beside its text.
  [
    "text",
    (block) =>
      block["thought"] === true
        ? { type: "reasoning", content: jsonToText(block["text"]) }
        : textPart(block["text"] ?? ""),
  ],
  ["content", (block) => (Object.keys(block).length === 1 ? textPart(block["content"] ?? "") : undefined)],
];

function bedrockCall(call: Json | undefined): Part {
  return toolCallPart(member(call, "toolUseId"), member(call, "name"), member(call, "input"));
}

/** Bedrock's result is a list of {text} or {json}; one of them is the response itself. */
function bedrockResult(result: Json | undefined): Part {
  const content = member(result, "content");
  const items = Array.isArray(content) ? content : [];
  const plain = items.map((item) => firstMember(item, "json", "text") ?? item);
  const [only] = plain;
  return toolResponsePart(member(result, "toolUseId"), plain.length === 1 ? only : (content ?? null));
}

function bedrockReasoning(content: Json | undefined): Part {
  const inner = member(content, "reasoningText");
  return {
    type: "reasoning",
    content: jsonToText(firstMember(inner, "text") ?? inner ?? firstMember(content, "text")),
  };
}

function geminiCall(call: Json | undefined): Part {
  return toolCallPart(
    firstMember(call, "id"),
    firstMember(call, "name"),
    firstMember(call, "args", "arguments"),
  );
}

function geminiResult(result: Json | undefined): Part {
  const part = toolResponsePart(firstMember(result, "id"), firstMember(result, "response"));
  const name = firstMember(result, "name");
  return typeof name === "string" ? { ...part, name } : part;
}

function genkitCall(call: Json | undefined): Part {
  return toolCallPart(firstMember(call, "ref"), firstMember(call, "name"), firstMember(call, "input"));
}

function genkitResult(result: Json | undefined): Part {
  return toolResponsePart(firstMember(result, "ref"), firstMember(result, "output", "content"));
}

function executedCode(code: Json | undefined): Part {
  return {
    type: "server_tool_call",
    name: "code_execution",
    server_tool_call: { ...(isObject(code) ? code : {}), type: "code_execution" },
  };
}
