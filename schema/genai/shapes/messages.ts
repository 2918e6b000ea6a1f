/*
 * From whatever a sender wrote to a list of messages in the GenAI conventions' shape. A value is first taken out of its
 * envelope (a request, an answer, a list), then each message is read by what it is made of, because one attribute may
 * hold any provider's shape.
 */

import {
  atPath,
  firstMember,
  isObject,
  type Json,
  type JsonObject,
  jsonToText,
  member,
  parsedIfJson,
} from "../json.js";
import { toFinishReason } from "../finish-reasons.js";
import { fromLangChain } from "./langchain.js";
import { genericPart, type Part, textPart, toolCallPart, toolResponsePart, toParts } from "./parts.js";

/** A message of the conventions: `role`, `parts`, and `name` or `finish_reason` where there is one. */
export type Message = JsonObject & { role: string; parts: Part[] };

const ROLES: ReadonlyMap<string, string> = new Map([
  ["model", "assistant"],
  ["ai", "assistant"],
  ["bot", "assistant"],
  ["human", "user"],
  ["developer", "system"],
  ["function", "tool"],
]);
/** First words of a pair that is a message. */
const PAIR_ROLES = new Set(["user", "human", "assistant", "ai", "system", "tool"]);
/** Members that hold the list of messages of a request or an answer, in the order they are looked for. */
const LISTS = ["messages", "contents", "new_messages", "input_messages", "output_messages", "all_messages"];
/** Envelopes inside envelopes (text, a callback's wrapper, a state, a list, ...) that are opened. */
const RECURSION_MAX = 10;

/** Messages in a value; `role` is that of a bare text. An empty list when there is nothing. */
export function toMessages(value: Json | undefined, role: string, depth = 0): Message[] {
  if (value === undefined || value === null || value === "") return [];
  if (typeof value === "string") {
    const parsed = depth < RECURSION_MAX ? parsedIfJson(value) : value;
    return typeof parsed === "string"
      ? [message(role, [textPart(parsed)])]
      : toMessages(parsed, role, depth + 1);
  }
  if (Array.isArray(value)) return listMessages(value, role, depth);
  if (!isObject(value)) return [message(role, [textPart(value)])];
  if (Object.keys(value).length === 0) return [];
  const direct = toMessage(value, role);
  if (direct !== undefined) return direct;
  return depth < RECURSION_MAX ? envelope(value, role, depth + 1) : [message(role, [genericPart(value)])];
}

/** A list holds messages, or the parts of one, or texts, or (LangChain) one list for each prompt. */
function listMessages(values: readonly Json[], role: string, depth: number): Message[] {
  if (values.every((item) => isObject(item) && toMessage(item, role) === undefined && isPart(item))) {
    const parts = toParts([...values]);
    return parts.length === 0 ? [] : [message(role, parts)];
  }
  if (depth >= RECURSION_MAX) return [message(role, [genericPart([...values])])];
  const [first, second] = values;
  // LangChain lets a message be written as a pair: ["user", "text"].
  if (
    values.length === 2 &&
    typeof first === "string" &&
    typeof second === "string" &&
    PAIR_ROLES.has(first)
  ) {
    return [message(ROLES.get(first) ?? first, [textPart(second)])];
  }
  return values.flatMap((item) =>
    typeof item === "string" ? [message(role, [textPart(item)])] : toMessages(item, role, depth + 1),
  );
}

/** Blocks of content that stand alone: an Anthropic or AI SDK answer. */
function isPart(item: JsonObject): boolean {
  const { type } = item;
  if (typeof type === "string") return type !== "message" && type !== "constructor";
  return ["text", "toolUse", "toolResult", "functionCall", "function_call"].some(
    (name) => member(item, name) !== undefined,
  );
}

/** A message; undefined when the value is none. OpenAI's answers give one message for each of their items. */
function toMessage(value: JsonObject, role: string): Message[] | undefined {
  const serialised = fromLangChain(value);
  if (serialised !== undefined) return [chatMessage(serialised, role)];
  if (typeof member(value, "role") === "string") return [chatMessage(value, role)];
  const parts = member(value, "parts");
  if (Array.isArray(parts)) return pydanticMessages(parts) ?? [chatMessage(value, role)];
  const item = responseItem(value);
  return item === undefined ? undefined : [item];
}

/** {role, content | parts, tool_calls, ...}: the conventions, OpenAI, Anthropic, Bedrock, Gemini, AI SDK, Cohere. */
function chatMessage(value: JsonObject, fallback: string): Message {
  const named = jsonToText(member(value, "role")) || fallback;
  const role = ROLES.get(named) ?? named;
  const calls = member(value, "tool_calls") ?? member(value, "toolCalls");
  const content = contentOf(value);
  const answered = firstMember(value, "tool_call_id", "toolCallId");
  const body =
    role === "tool" && (answered !== undefined || typeof content === "string") && !hasToolResult(content)
      ? [toolResponsePart(answered ?? firstMember(value, "id"), responseValue(content))]
      : toParts(content);
  const legacy = member(value, "function_call");
  // Bedrock's instrumentations list a call twice: as a block of the content, and in OpenAI's way.
  const known = new Set(body.flatMap((part) => (part["type"] === "tool_call" ? [part["id"]] : [])));
  const further = Array.isArray(calls)
    ? calls.map(callPart).filter(({ id }) => id === undefined || id === null || !known.has(id))
    : [];
  const parts = [
    ...toParts(reasoningOf(value)).map((part) => ({ type: "reasoning", content: part["content"] ?? "" })),
    ...body,
    ...toParts(member(value, "refusal")),
    ...further,
    ...(isObject(legacy) ? [callPart(legacy)] : []),
  ];
  const name = member(value, "name");
  const finish = firstMember(value, "finish_reason", "finishReason", "stop_reason", "stopReason");
  return {
    role,
    parts,
    ...(typeof name === "string" && name !== "" ? { name } : {}),
    ...(typeof finish === "string" && finish !== "" ? { finish_reason: toFinishReason(finish) } : {}),
  };
}

function contentOf(value: JsonObject): Json | undefined {
  const content = firstMember(value, "parts", "content", "contents");
  // Emitters that can't nest write a list of blocks as text.
  if (typeof content === "string" && content.startsWith("[{")) {
    const parsed = parsedIfJson(content);
    if (Array.isArray(parsed) && parsed.every((item) => isObject(item) && isPart(item))) return parsed;
  }
  return content;
}

function hasToolResult(content: Json | undefined): boolean {
  return Array.isArray(content) && toParts(content).some((part) => part["type"] === "tool_call_response");
}

function responseValue(content: Json | undefined): Json | undefined {
  const texts = Array.isArray(content) ? toParts(content) : [];
  const [only] = texts;
  return texts.length === 1 && only?.["type"] === "text" ? only["content"] : content;
}

function reasoningOf(value: JsonObject): Json | undefined {
  return firstMember(value, "reasoning_content", "reasoning", "thinking");
}

function callPart(call: Json): Part {
  const inner = firstMember(call, "function") ?? call;
  return toolCallPart(
    firstMember(call, "id", "toolCallId", "tool_call_id"),
    firstMember(inner, "name", "toolName"),
    firstMember(inner, "arguments", "args", "input"),
  );
}

/** Pydantic AI's own message history: {kind: "request" | "response", parts: [{part_kind, ...}]}. */
function pydanticMessages(parts: readonly Json[]): Message[] | undefined {
  if (!parts.some((part) => typeof member(part, "part_kind") === "string")) return undefined;
  return parts.map((part) => {
    const kind = jsonToText(member(part, "part_kind"));
    const content = member(part, "content");
    if (kind === "tool-call") {
      return message("assistant", [
        toolCallPart(member(part, "tool_call_id"), member(part, "tool_name"), member(part, "args")),
      ]);
    }
    if (kind === "tool-return")
      return message("tool", [toolResponsePart(member(part, "tool_call_id"), content)]);
    if (kind === "thinking")
      return message("assistant", [{ type: "reasoning", content: jsonToText(content) }]);
    const role = kind === "system-prompt" ? "system" : kind === "user-prompt" ? "user" : "assistant";
    return message(role, toParts(content));
  });
}

/** Items of OpenAI's Responses API that are no messages. */
function responseItem(value: JsonObject): Message | undefined {
  const type = member(value, "type");
  if (type === "function_call" || type === "custom_tool_call") {
    return message("assistant", [
      toolCallPart(
        firstMember(value, "call_id", "id"),
        member(value, "name"),
        firstMember(value, "arguments", "input"),
      ),
    ]);
  }
  if (type === "function_call_output" || type === "custom_tool_call_output") {
    return message("tool", [toolResponsePart(member(value, "call_id"), member(value, "output"))]);
  }
  if (type !== "reasoning" || !Array.isArray(member(value, "summary"))) return undefined;
  return message("assistant", toParts(value));
}

/** What holds messages: a request or an answer of some API, or a state of some framework. */
function envelope(value: JsonObject, role: string, depth: number): Message[] {
  // A serialised object of LangChain that is no message, such as the value of a prompt.
  const kwargs = member(value, "kwargs");
  if (isObject(kwargs) && member(value, "lc") !== undefined) return toMessages(kwargs, role, depth);
  // What a framework wraps around a step's input and output: Traceloop's callbacks, LangGraph's commands.
  const held = firstMember(value, role === "assistant" ? "outputs" : "inputs", "update");
  if (held !== undefined && typeof held === "object") return toMessages(held, role, depth);
  for (const name of LISTS) {
    const list = member(value, name);
    if (Array.isArray(list)) return [...systemOf(value, name), ...toMessages(list, role, depth)];
  }
  return (
    answer(value, role, depth) ??
    frameworkAnswer(value, role, depth) ??
    request(value, role, depth) ?? [message(role, [genericPart(value)])]
  );
}

/** A system prompt beside a list of messages, where the request carries one (Anthropic, AI SDK, Bedrock, Gemini). */
function systemOf(value: JsonObject, list: string): Message[] {
  if (list !== "messages" && list !== "contents") return [];
  const parts = toParts(systemIn(value));
  return parts.length === 0 ? [] : [message("system", parts)];
}

/** The system prompt that a request carries beside its messages. */
export function systemIn(value: Json | undefined): Json | undefined {
  const system =
    firstMember(
      value,
      "system",
      "instructions",
      "systemInstruction",
      "system_instruction",
      "system_prompt",
    ) ?? firstMember(member(value, "config"), "system_instruction", "systemInstruction");
  return isObject(system) && Array.isArray(system["parts"]) ? system["parts"] : system;
}

/** Answers: choices (OpenAI), candidates (Gemini), output (Responses, Bedrock), generations (LangChain). */
function answer(value: JsonObject, role: string, depth: number): Message[] | undefined {
  const choices = firstMember(value, "choices", "candidates", "generations");
  if (Array.isArray(choices)) return choices.flat(1).flatMap((choice) => choiceMessages(choice, role, depth));
  if (member(value, "index") !== undefined && member(value, "message") !== undefined) {
    return choiceMessages(value, role, depth);
  }
  const bedrock = atPath(value, ["output", "message"]);
  if (isObject(bedrock)) return withFinish(toMessages(bedrock, role, depth), value);
  const output = member(value, "output");
  if (Array.isArray(output)) return mergeAnswer(toMessages(output, role, depth));
  const content = member(value, "content");
  if (
    content !== undefined &&
    (Array.isArray(content) || member(value, "stop_reason") !== undefined || isObject(content))
  ) {
    return isObject(content) && Array.isArray(content["parts"])
      ? withFinish(toMessages({ role, ...content }, role, depth), value)
      : [chatMessage({ ...value, role }, role)];
  }
  return undefined;
}

function choiceMessages(choice: Json, role: string, depth: number): Message[] {
  const inner = firstMember(choice, "message", "content", "delta");
  if (inner === undefined)
    return withFinish(toMessages(firstMember(choice, "text") ?? choice, role, depth), choice);
  return withFinish(toMessages(isObject(inner) ? { role, ...inner } : inner, role, depth), choice);
}

/** The reason beside a message belongs to it. */
function withFinish(messages: Message[], holder: Json): Message[] {
  const reason = firstMember(holder, "finish_reason", "finishReason", "stop_reason", "stopReason");
  if (typeof reason !== "string" || reason === "") return messages;
  return messages.map((item) => ({ ...item, finish_reason: toFinishReason(reason) }));
}

/** The items of one answer of the Responses API are one message: one message is one choice in the conventions. */
function mergeAnswer(messages: readonly Message[]): Message[] {
  if (messages.length < 2 || messages.some((item) => item.role !== "assistant")) return [...messages];
  return [
    message(
      "assistant",
      messages.flatMap((item) => item.parts),
    ),
  ];
}

/** {text, toolCalls, reasoning, object} (AI SDK, Mastra) and {response | answer | result: message}. */
function frameworkAnswer(value: JsonObject, role: string, depth: number): Message[] | undefined {
  const calls = firstMember(value, "toolCalls", "tool_calls");
  const text = member(value, "text");
  if (role === "assistant" && (typeof text === "string" || Array.isArray(calls))) {
    const parts = [
      ...toParts(reasoningOf(value)).map((part) => ({ type: "reasoning", content: part["content"] ?? "" })),
      ...toParts(text),
      ...(Array.isArray(calls) ? calls.map(callPart) : []),
    ];
    return withFinish([message(role, parts)], value);
  }
  const held = firstMember(value, "message", "response", "generated_text", "completion");
  return Object.keys(value).length === 1 && held !== undefined ? toMessages(held, role, depth) : undefined;
}

/** Requests with one prompt: {system, prompt} (AI SDK), {instructions, input} (Responses), {prompts} (LangChain). */
function request(value: JsonObject, role: string, depth: number): Message[] | undefined {
  const input = member(value, "input");
  // `input` is a word of many: it is a prompt beside a model's name, or when it lists objects.
  const isPrompt =
    member(value, "model") !== undefined || (Array.isArray(input) && input.every((item) => isObject(item)));
  const prompt = firstMember(value, "prompt", "prompts", "user_prompt") ?? (isPrompt ? input : undefined);
  if (prompt === undefined || (isObject(prompt) && toMessage(prompt, role) === undefined)) return undefined;
  const system = toParts(systemIn(value));
  return [...(system.length === 0 ? [] : [message("system", system)]), ...toMessages(prompt, role, depth)];
}

function message(role: string, parts: Part[]): Message {
  return { role, parts };
}
