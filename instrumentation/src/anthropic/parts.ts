import { arrayOf, fieldOf, isObject, stringOf, type JsonObject } from "../json.js";
import type { Message, Part } from "../messages.js";

/** A message of the Messages API. One that only brings tool results has the role `tool`, as the conventions have it. */
export function anthropicMessage(message: JsonObject): Message {
  const parts = blocksToParts(message["content"]);
  const onlyResults = parts.length > 0 && parts.every((part) => part.type === "tool_call_response");
  return { role: onlyResults ? "tool" : (stringOf(message["role"]) ?? "user"), parts };
}

/** Content: text, or blocks. An unknown block is kept as it is. */
export function blocksToParts(content: unknown): readonly Part[] {
  if (typeof content === "string") return content === "" ? [] : [{ type: "text", content }];
  return arrayOf(content).filter(isObject).map(blockToPart);
}

function blockToPart(block: JsonObject): Part {
  const type = stringOf(block["type"]) ?? "generic";
  switch (type) {
    case "text":
      return { type: "text", content: stringOf(block["text"]) ?? "" };
    case "thinking":
      return { type: "reasoning", content: stringOf(block["thinking"]) ?? "" };
    case "tool_use":
      return { type: "tool_call", id: block["id"], name: block["name"], arguments: block["input"] };
    case "tool_result":
      return {
        type: "tool_call_response",
        id: block["tool_use_id"],
        response: toolResult(block["content"]),
        ...(block["is_error"] === true ? { is_error: true } : {}),
      };
    case "server_tool_use":
    case "mcp_tool_use":
      return {
        type: "server_tool_call",
        id: block["id"],
        name: block["name"],
        server_tool_call: { type, arguments: block["input"] },
      };
    case "image":
      return sourcePart("image", block["source"]);
    case "document":
      return sourcePart("document", block["source"]);
    default:
      return otherBlock(type, block);
  }
}

function otherBlock(type: string, block: JsonObject): Part {
  if (!type.endsWith("_tool_result")) return { ...block, type };
  return {
    type: "server_tool_call_response",
    id: block["tool_use_id"],
    server_tool_call_response: { type, content: block["content"] },
  };
}

/** A tool's answer: text stays text, blocks become parts. */
function toolResult(content: unknown): unknown {
  return Array.isArray(content) ? blocksToParts(content) : content;
}

function sourcePart(modality: string, source: unknown): Part {
  const mimeType = fieldOf(source, "media_type");
  const typed = mimeType === undefined ? {} : { mime_type: mimeType };
  switch (fieldOf(source, "type")) {
    case "base64":
      return { type: "blob", modality, ...typed, content: fieldOf(source, "data") };
    case "url":
      return { type: "uri", modality, ...typed, uri: fieldOf(source, "url") };
    case "file":
      return { type: "file", modality, ...typed, file_id: fieldOf(source, "file_id") };
    case "text":
      return { type: "text", content: stringOf(fieldOf(source, "data")) ?? "" };
    default:
      return { type: modality, source };
  }
}
