/* Messages, tools and documents that were flattened into attribute names: OpenInference's and Traceloop's ways. */

import {
  firstMember,
  isObject,
  type Json,
  type JsonObject,
  jsonToText,
  member,
  parsedIfJson,
} from "../json.js";
import { type Message, toMessages } from "./messages.js";
import { toTools } from "./tools.js";

function list(value: Json): readonly Json[] {
  return Array.isArray(value) ? value : isObject(value) ? [value] : [];
}

/** `llm.input_messages.<i>.message.*` (the tree behind the prefix) as messages. */
export function openInferenceMessages(tree: Json, role: string): Message[] {
  return list(tree).flatMap((item) => {
    const message = member(item, "message");
    return isObject(message) ? toMessages(openInferenceMessage(message, role), role) : [];
  });
}

function openInferenceMessage(message: JsonObject, role: string): JsonObject {
  const calls = member(message, "tool_calls");
  const toolCalls =
    calls === undefined ? [] : list(calls).map((call) => openInferenceCall(member(call, "tool_call")));
  const blocks = openInferenceBlocks(message);
  // Some emitters write a call both among the contents and among the tool calls: it is one.
  const inContent = new Set(
    blocks.flatMap(({ type, id }) => (type === "tool_call_response" ? [] : [jsonToText(id)])),
  );
  const functionName = member(message, "function_call_name");
  const name = member(message, "name");
  return {
    role: member(message, "role") ?? role,
    content: blocks.length > 0 ? blocks : (member(message, "content") ?? null),
    tool_calls: [
      ...toolCalls.filter((call) => call["id"] === null || !inContent.has(jsonToText(call["id"]))),
      ...(functionName === undefined
        ? []
        : [{ name: functionName, arguments: member(message, "function_call_arguments_json") ?? null }]),
    ],
    ...(member(message, "tool_call_id") === undefined
      ? {}
      : { tool_call_id: member(message, "tool_call_id") ?? null }),
    ...(name === undefined ? {} : { name }),
  };
}

function openInferenceBlocks(message: JsonObject): JsonObject[] {
  const contents = member(message, "contents");
  // A block of which only the type was written says nothing: Arize's AI SDK processor leaves one for each tool call.
  const blocks = (
    contents === undefined ? [] : list(contents).map((item) => openInferenceBlock(item))
  ).filter((block) => Object.keys(block).some((name) => name !== "type"));
  const answered = member(message, "tool_call_id");
  const content = member(message, "content");
  // Anthropic and Gemini send a tool's result in a message of the user; the id tells that it is one.
  return answered === undefined || content === undefined || member(message, "role") === "tool"
    ? blocks
    : [...blocks, { type: "tool_call_response", id: answered, response: content }];
}

function openInferenceCall(call: Json | undefined): JsonObject {
  const inner = member(call, "function");
  return {
    id: member(call, "id") ?? null,
    name: firstMember(inner, "name") ?? firstMember(call, "name") ?? null,
    arguments: firstMember(inner, "arguments") ?? firstMember(call, "arguments") ?? null,
  };
}

function openInferenceBlock(item: Json): JsonObject {
  const call = member(item, "tool_call");
  if (isObject(call)) return { type: "tool_call", ...openInferenceCall(call) };
  const block = member(item, "message_content");
  if (!isObject(block)) return { type: "generic", value: item };
  const image = firstMember(member(block, "image"), "image", "url") ?? member(block, "image");
  const address = firstMember(image, "url");
  if (address !== undefined) return { type: "image", url: address };
  const audio = member(block, "audio");
  if (isObject(audio)) {
    return {
      type: "audio",
      url: firstMember(audio, "url") ?? firstMember(member(audio, "audio"), "url") ?? null,
      ...audio,
    };
  }
  return block;
}

/** `llm.tools.<i>.tool.json_schema` as tool definitions. */
export function openInferenceTools(tree: Json): Json[] {
  return list(tree).flatMap((item) => {
    const tool = firstMember(item, "tool") ?? item;
    const schema = firstMember(tool, "json_schema") ?? tool;
    return toTools(typeof schema === "string" ? parsedIfJson(schema) : schema);
  });
}

/** `retrieval.documents.<i>.document.{id,content,score,metadata}` as documents. */
export function openInferenceDocuments(tree: Json): Json[] {
  return list(tree).map((item) => {
    const document = firstMember(item, "document") ?? item;
    const metadata = member(document, "metadata");
    return isObject(document) && typeof metadata === "string"
      ? { ...document, metadata: parsedIfJson(metadata) }
      : document;
  });
}

/** `embedding.embeddings.<i>.embedding.text` as the texts that were embedded. */
export function openInferenceTexts(tree: Json): Json[] {
  return list(tree).flatMap((item) => firstMember(member(item, "embedding"), "text") ?? []);
}

/** `gen_ai.prompt.<i>.{role,content,tool_calls.<k>.*,tool_call_id}` and `gen_ai.completion.<i>.*` as messages. */
export function indexedMessages(tree: Json, role: string): Message[] {
  return list(tree).flatMap((item) => {
    if (!isObject(item)) return toMessages(item, role);
    const calls = member(item, "tool_calls");
    return toMessages(
      {
        ...item,
        role: member(item, "role") ?? role,
        ...(calls === undefined ? {} : { tool_calls: [...list(calls)] }),
      },
      role,
    );
  });
}

/** `llm.request.functions.<i>.{name,description,parameters}` as tool definitions. */
export function indexedTools(tree: Json): Json[] {
  return list(tree).flatMap((item) => toTools(item));
}
