import type { JsonObject, JsonValue } from "../../schema/index.js";
import { defined, jsonIn, objectsIn } from "./trace-spans.js";

/** A message, whichever of the usual shapes it has: the GenAI conventions' parts, or OpenAI's content and tool calls. */
export interface ReadMessage {
  readonly role: string;
  /** What was said; a list of parts when it is more than text. */
  readonly content: JsonValue;
  readonly reasoning: string;
  /** As ATIF has them. */
  readonly calls: readonly JsonObject[];
  /** Results of tools that it brings. */
  readonly results: readonly { readonly callId: string | undefined; readonly content: JsonValue }[];
}

/** Reads a message; `role` is that of one which names none. */
export function readMessage(message: JsonObject, role: string): ReadMessage {
  const own = textIn(message, "role") ?? role;
  const whole = message["parts"] ?? message["content"];
  const calls = objectsIn(message["tool_calls"]).map(callOf);
  const reasoning = textIn(message, "reasoning_content") ?? "";
  if (own === "tool") {
    const callId = textIn(message, "tool_call_id") ?? textIn(message, "id");
    const parts = objectsIn(whole).filter((part) => RESPONSES.has(textIn(part, "type") ?? ""));
    const results = parts.length > 0 ? parts.map(responseOf) : [{ callId, content: whole ?? "" }];
    return { role: own, content: "", reasoning, calls: [], results };
  }
  if (typeof whole === "string" || whole === undefined || whole === null) {
    return { role: own, content: whole ?? "", reasoning, calls, results: [] };
  }
  return { ...ofParts(objectsIn(whole), own), ...(reasoning === "" ? {} : { reasoning }) };

  function ofParts(parts: readonly JsonObject[], as: string): ReadMessage {
    const kind = (part: JsonObject): string => textIn(part, "type") ?? "text";
    const said = parts.filter((part) => !APART.has(kind(part)));
    const isText = said.every((part) => kind(part) === "text");
    return {
      role: as,
      content: isText ? said.map(textOfPart).join("\n") : said,
      reasoning: parts
        .filter((part) => REASONING.has(kind(part)))
        .map(textOfPart)
        .join("\n"),
      calls: [...calls, ...parts.filter((part) => CALLS.has(kind(part))).map(callOf)],
      results: parts.filter((part) => RESPONSES.has(kind(part))).map(responseOf),
    };
  }
}

const CALLS = new Set(["tool_call", "tool_use"]);
const RESPONSES = new Set(["tool_call_response", "tool_result"]);
const REASONING = new Set(["reasoning", "thinking"]);
const APART = new Set([...CALLS, ...RESPONSES, ...REASONING]);

function textOfPart(part: JsonObject): string {
  return textIn(part, "content") ?? textIn(part, "text") ?? textIn(part, "thinking") ?? "";
}

function callOf(call: JsonObject): JsonObject {
  const [named = call] = objectsIn(call["function"]);
  return {
    tool_call_id: textIn(call, "id") ?? "",
    function_name: textIn(named, "name") ?? "",
    arguments: argumentsIn(named["arguments"] ?? named["args"] ?? named["input"]),
  };
}

function responseOf(part: JsonObject): { callId: string | undefined; content: JsonValue } {
  return {
    callId: textIn(part, "id") ?? textIn(part, "tool_use_id"),
    content: part["response"] ?? part["result"] ?? part["content"] ?? "",
  };
}

/** Arguments of a tool as the object that ATIF wants. */
export function argumentsIn(value: JsonValue | undefined): JsonObject {
  const parsed = typeof value === "string" ? jsonIn(value) : value;
  if (parsed === undefined || parsed === null || parsed === "") return {};
  return typeof parsed === "object" && !Array.isArray(parsed)
    ? (parsed as JsonObject)
    : defined({ input: parsed });
}

function textIn(value: JsonObject, name: string): string | undefined {
  const found = value[name];
  return typeof found === "string" && found !== "" ? found : undefined;
}
