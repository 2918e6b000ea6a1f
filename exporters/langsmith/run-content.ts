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
import { jsonOf, type AttributeMap, type GenAiReading, type Json } from "./read-genai.js";

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

/** What went in: tool arguments, a retrieval's query, or messages with system text and tools. */
export function readInputs(
  runType: string,
  attributes: AttributeMap,
  reading: GenAiReading,
  attachments: Attachment[],
): Content | undefined {
  const toolArguments = reading.get("tool_arguments");
  if (runType === "tool" && toolArguments !== undefined) {
    return { value: asObject(toolArguments.value, "input"), sources: [toolArguments.source] };
  }
  const query = attributes.get(RETRIEVAL_QUERY);
  if (query !== undefined) {
    return { value: { query: anyValueToText(query) }, sources: [RETRIEVAL_QUERY] };
  }
  const messages = reading.get("input_messages");
  const system = reading.get("system_instructions");
  if (messages === undefined && system === undefined) return raw(RAW_INPUTS, attributes, "input");
  if (messages !== undefined && !isConventionMessages(messages.value)) {
    return plain(messages, RAW_INPUTS, "input");
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
  const result = reading.get("tool_result");
  if (runType === "tool" && result !== undefined) {
    return { value: asObject(result.value, "output"), sources: [result.source] };
  }
  const documents = reading.get("retrieval_documents");
  if (documents !== undefined) {
    return { value: { documents: toDocuments(documents.value) }, sources: [documents.source] };
  }
  const messages = reading.get("output_messages");
  if (messages === undefined) return raw(RAW_OUTPUTS, attributes, "output");
  if (!isConventionMessages(messages.value)) return plain(messages, RAW_OUTPUTS, "output");
  return { value: toCompletion(messages.value, attachments), sources: [messages.source] };
}

/** Content that is not in the convention's shape: kept as it is; written anew only when LangSmith would not find it. */
function plain(read: { value: Json; source: string }, rawSources: readonly string[], key: string): Content {
  const sources = rawSources.includes(read.source) ? [] : [read.source];
  const { value } = read;
  return { value: Array.isArray(value) ? { messages: value } : asObject(value, key), sources };
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
