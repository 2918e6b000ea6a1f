import { firstMember, isObject, type Json, member, parsedIfJson } from "../json.js";
import { type Message, toMessages } from "./messages.js";
import { type Part, textPart, toParts } from "./parts.js";

/**
 * `ai.response.*` (v4 to v7) or `ai.result.*` (v3) of the Vercel AI SDK as the assistant's one message: reasoning, text
 * or object, tool calls, files.
 */
export function aiSdkResponse(tree: Json): Message[] {
  const text = firstMember(tree, "text");
  const object = firstMember(tree, "object");
  const calls = parsedMember(tree, "toolCalls");
  const finish = member(tree, "finishReason");
  const parts: Part[] = [
    ...reasoningParts(parsedMember(tree, "reasoning")),
    ...toParts(typeof text === "string" ? text : undefined),
    // A generated object is what the model said: its text is JSON.
    ...(object === undefined ? [] : [textPart(object)]),
    ...(Array.isArray(calls) ? calls : []).flatMap((call) =>
      toParts(isObject(call) ? { ...call, type: "tool-call" } : call),
    ),
    ...toParts(parsedMember(tree, "files")),
  ];
  if (parts.length === 0) return [];
  return toMessages(
    { role: "assistant", parts, ...(typeof finish === "string" ? { finish_reason: finish } : {}) },
    "assistant",
  );
}

function parsedMember(tree: Json, name: string): Json | undefined {
  const value = firstMember(tree, name);
  return typeof value === "string" ? parsedIfJson(value) : value;
}

function reasoningParts(value: Json | undefined): Part[] {
  return toParts(value).map((part) => ({ type: "reasoning", content: part["content"] ?? "" }));
}
