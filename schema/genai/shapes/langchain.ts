import { firstMember, isObject, type Json, type JsonObject, jsonToText, member } from "../json.js";

/** Roles of LangChain's message classes, both as `HumanMessage` and as the type `human`. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ["human", "user"],
  ["ai", "assistant"],
  ["system", "system"],
  ["tool", "tool"],
  ["function", "tool"],
  ["developer", "system"],
  ["remove", "system"],
]);

/** Classes behind the last member of `id`: `HumanMessage`, `AIMessageChunk`, ... */
function classRole(id: Json | undefined): string | undefined {
  const name = Array.isArray(id) ? id.at(-1) : undefined;
  if (typeof name !== "string") return undefined;
  const match = /^([A-Za-z]+?)Message(?:Chunk)?$/.exec(name);
  return match?.[1] === undefined ? undefined : (ROLES.get(match[1].toLowerCase()) ?? "user");
}

/**
 * A serialised LangChain message as a chat message ({role, content, tool_calls, ...}): `{lc, type: "constructor", id,
 * kwargs}`, `{type: "human", data: {content}}`, or `{type: "human", content}`. Undefined for anything else.
 */
export function fromLangChain(value: JsonObject): JsonObject | undefined {
  const role = classRole(member(value, "id"));
  const kwargs = member(value, "kwargs");
  if (role !== undefined && isObject(kwargs)) return chatMessage(role, kwargs);
  const type = member(value, "type");
  const byType = typeof type === "string" ? ROLES.get(type.toLowerCase()) : undefined;
  if (byType === undefined || member(value, "role") !== undefined) return undefined;
  const data = member(value, "data");
  if (isObject(data)) return chatMessage(byType, data);
  return member(value, "content") === undefined ? undefined : chatMessage(byType, value);
}

function chatMessage(role: string, fields: JsonObject): JsonObject {
  const extra = member(fields, "additional_kwargs");
  const calls = firstMember(fields, "tool_calls");
  const listed = Array.isArray(calls) && calls.length > 0 ? calls : member(extra, "tool_calls");
  const finish = firstMember(member(fields, "response_metadata"), "finish_reason", "stop_reason");
  const name = member(fields, "name");
  return {
    role,
    content: member(fields, "content") ?? null,
    ...(listed === undefined ? {} : { tool_calls: listed }),
    ...(member(fields, "tool_call_id") === undefined
      ? {}
      : { tool_call_id: member(fields, "tool_call_id") ?? null }),
    ...(typeof name === "string" ? { name } : {}),
    ...(finish === undefined ? {} : { finish_reason: jsonToText(finish) }),
  };
}
