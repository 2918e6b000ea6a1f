import { isObject, type Json } from "../json.js";

/** What a part of each type must carry to be the conventions' own. Unknown types are allowed as they are. */
const REQUIRED: ReadonlyMap<string, readonly string[]> = new Map([
  ["text", ["content"]],
  ["reasoning", ["content"]],
  ["tool_call", ["name"]],
  ["tool_call_response", ["response"]],
  ["server_tool_call", ["name", "server_tool_call"]],
  ["server_tool_call_response", ["server_tool_call_response"]],
  ["blob", ["modality", "content"]],
  ["file", ["modality", "file_id"]],
  ["uri", ["modality", "uri"]],
  ["generic", []],
  ["compaction", []],
]);

/** Roles that other shapes use for the conventions' ones. */
const FOREIGN_ROLES = new Set(["model", "human", "ai", "bot", "function", "developer"]);

function isPart(value: Json): boolean {
  if (!isObject(value)) return false;
  const { type } = value;
  const required = typeof type === "string" ? REQUIRED.get(type) : undefined;
  return required !== undefined && required.every((name) => Object.hasOwn(value, name));
}

/** Whether a value is a list of messages exactly as the conventions want them. */
export function isConventionMessages(value: Json | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.some((item) => isObject(item) && Array.isArray(item["parts"]) && item["parts"].length > 0) &&
    value.every(
      (item) =>
        isObject(item) &&
        !Object.hasOwn(item, "tool_calls") &&
        !Object.hasOwn(item, "content") &&
        typeof item["role"] === "string" &&
        !FOREIGN_ROLES.has(item["role"]) &&
        Array.isArray(item["parts"]) &&
        item["parts"].every((part) => isPart(part)),
    )
  );
}

/** Whether a value is a list of parts as the conventions want them. */
export function isConventionParts(value: Json | undefined): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((part) => isPart(part));
}

/** Whether a value is a list of tool definitions as the conventions want them. */
export function isConventionTools(value: Json | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (tool) =>
        isObject(tool) &&
        typeof tool["type"] === "string" &&
        typeof tool["name"] === "string" &&
        !["function", "inputSchema", "input_schema"].some((name) => Object.hasOwn(tool, name)),
    )
  );
}

/** What other shapes of documents have that the conventions' have not. */
const FOREIGN_DOCUMENT = ["page_content", "pageContent", "kwargs", "node", "document"];

/** Whether a value is a list of documents as the conventions want them: each has an id, and more as it likes. */
export function isConventionDocuments(value: Json | undefined): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      (item) =>
        isObject(item) &&
        Object.hasOwn(item, "id") &&
        !FOREIGN_DOCUMENT.some((name) => Object.hasOwn(item, name)),
    )
  );
}
