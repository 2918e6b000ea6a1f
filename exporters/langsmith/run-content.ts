import { anyValueToText } from "../../schema/index.js";
import {
  isConventionMessages,
  isObject,
  toChatMessages,
  toCompletion,
  toDocuments,
  toSystemMessage,
  toTools,
  type Attachment,
} from "./messages.js";
import { jsonOf, type AttributeMap, type GenAiReading, type Json, type ReadValue } from "./read-genai.js";

/** Inputs or outputs of a run. */
export interface Content {
  readonly value: { readonly [key: string]: Json };
  /**
   * Attributes whose content this is. Empty when the value stands in an attribute that LangSmith reads itself: nothing
   * needs to be written for it.
   */
  readonly sources: readonly string[];
}

/** The query of a retrieval has no column of its own. */
const RETRIEVAL_QUERY = "gen_ai.retrieval.query.text";
/** Attributes that LangSmith documents as raw inputs and outputs, in its order. */
const RAW_INPUTS = ["input.value", "traceloop.entity.input", "gen_ai.prompt"];
const RAW_OUTPUTS = ["output.value", "traceloop.entity.output", "gen_ai.completion"];

/** Attributes of the conventions that say what the raw ones of the same span say, in a better shape. */
const CONVENTION_CONTENT = new Set([
  "gen_ai.input.messages",
  "gen_ai.output.messages",
  "gen_ai.system_instructions",
  "gen_ai.tool.call.arguments",
  "gen_ai.tool.call.result",
  "gen_ai.retrieval.documents",
]);

/**
 * What went in: tool arguments, a retrieval's query, or messages with system text and tools. Where the span has an attribute
 * that LangSmith reads as it is, and none of the conventions', that one is left to it.
 */
export function readInputs(
  runType: string,
  attributes: AttributeMap,
  reading: GenAiReading,
  attachments: Attachment[],
): Content | undefined {
  const query = attributes.get(RETRIEVAL_QUERY);
  if (query !== undefined && runType !== "tool") {
    return { value: { query: anyValueToText(query) }, sources: [RETRIEVAL_QUERY] };
  }
  const toolArguments = runType === "tool" ? reading.get("tool_arguments") : undefined;
  const messages = reading.get("input_messages");
  const system = reading.get("system_instructions");
  const given = toolArguments ?? messages ?? system;
  if (given === undefined || isLeftToLangSmith(given, RAW_INPUTS, attributes)) {
    return raw(RAW_INPUTS, attributes, "input");
  }
  if (toolArguments !== undefined) {
    return { value: asObject(toolArguments.value, "input"), sources: [toolArguments.source] };
  }
  const question = runType === "retriever" ? textOfMessages(messages?.value) : undefined;
  if (messages !== undefined && question !== undefined) {
    return { value: { query: question }, sources: [messages.source] };
  }
  const chat = [
    ...(system === undefined ? [] : toSystemMessage(system.value, attachments)),
    ...(isConventionMessages(messages?.value) ? toChatMessages(messages.value, attachments) : []),
  ];
  const tools = reading.get("tool_definitions");
  return {
    value: { messages: chat, ...(tools === undefined ? {} : { tools: toTools(tools.value) }) },
    sources: [messages, system, tools].flatMap((read) => (read === undefined ? [] : [read.source])),
  };
}

/** What came out: a tool's result, documents, or the answer. */
export function readOutputs(
  runType: string,
  attributes: AttributeMap,
  reading: GenAiReading,
  attachments: Attachment[],
): Content | undefined {
  const result = runType === "tool" ? reading.get("tool_result") : undefined;
  const documents = reading.get("retrieval_documents");
  const messages = reading.get("output_messages");
  const given = result ?? documents ?? messages;
  if (given === undefined || isLeftToLangSmith(given, RAW_OUTPUTS, attributes)) {
    return raw(RAW_OUTPUTS, attributes, "output");
  }
  const { source, value } = given;
  if (given === result) return { value: asObject(value, "output"), sources: [source] };
  if (given === documents) return { value: { documents: toDocuments(value) }, sources: [source] };
  if (!isConventionMessages(value)) return raw(RAW_OUTPUTS, attributes, "output");
  return { value: toCompletion(value, attachments), sources: [source] };
}

function isLeftToLangSmith(
  read: ReadValue,
  rawSources: readonly string[],
  attributes: AttributeMap,
): boolean {
  return !CONVENTION_CONTENT.has(read.source) && rawSources.some((source) => attributes.has(source));
}

/** The text of one message that is nothing else: what a retrieval was asked. */
function textOfMessages(value: Json | undefined): string | undefined {
  const [message, ...more] = isConventionMessages(value) ? value : [];
  const [part, ...others] = Array.isArray(message?.["parts"]) ? message["parts"] : [];
  if (more.length > 0 || others.length > 0 || !isObject(part) || part["type"] !== "text") return undefined;
  return typeof part["content"] === "string" ? part["content"] : undefined;
}

function raw(sources: readonly string[], attributes: AttributeMap, key: string): Content | undefined {
  for (const source of sources) {
    const value = attributes.get(source);
    if (value !== undefined) return { value: asObject(jsonOf(value), key), sources: [] };
  }
  return undefined;
}

/** Inputs and outputs of a run are objects; anything else goes under one key. */
function asObject(value: Json, key: string): { [key: string]: Json } {
  return isObject(value) ? value : { [key]: value };
}
