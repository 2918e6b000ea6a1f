/*
 * How a source's value becomes a column's. Pure and total: a value that a shape can't take gives undefined, and then
 * the next source is tried.
 */

import {
  isConventionDocuments,
  isConventionMessages,
  isConventionParts,
  isConventionTools,
} from "./convention.js";
import { toDocuments, eventDocuments } from "./documents.js";
import { type ContentEvent, eventFinishReasons, eventMessages } from "./events.js";
import {
  indexedMessages,
  indexedTools,
  openInferenceDocuments,
  openInferenceMessages,
  openInferenceTexts,
  openInferenceTools,
} from "./flattened.js";
import { isObject, type Json, parsedIfJson, member, parseText, writeJson } from "../json.js";
import { type Message, systemIn, toMessages } from "./messages.js";
import { toOperation } from "../operations.js";
import { toParts } from "./parts.js";
import { toProvider } from "../providers.js";
import {
  instantToMs,
  toFinishReasons,
  sumOfMembers,
  toDuration,
  toInteger,
  toJsonText,
  toMetadata,
  toNumber,
  toStrings,
  toText,
} from "./scalars.js";
import { aiSdkResponse } from "./ai-sdk.js";
import { toTools } from "./tools.js";
import type { ColumnValue, ShapeName } from "../types.js";

/** A source's value: of an attribute, of a path in one, of the tree of a prefix, or of a list of events. */
export type Shape = (value: Json, startTimeUnixNano: bigint) => ColumnValue | undefined;

function written(list: readonly Json[] | undefined): string | undefined {
  return list === undefined || list.length === 0 ? undefined : writeJson([...list]);
}

/**
 * Text that already is what the conventions want stays as it is, to the byte; of anything else `convert` makes a list. It
 * gets what the text holds, so that long ones are parsed once.
 */
function asSentOr(
  value: Json,
  conforms: (parsed: Json | undefined) => boolean,
  convert: (value: Json) => readonly Json[] | undefined,
): string | undefined {
  if (typeof value !== "string") return conforms(value) ? writeJson(value) : written(convert(value));
  const parsed = parseText(value);
  if (conforms(parsed)) return value;
  return written(convert(typeof parsed === "object" && parsed !== null ? parsed : value));
}

function messages(role: string): Shape {
  return (value) => asSentOr(value, isConventionMessages, (held) => withContent(toMessages(held, role)));
}

/** Messages of which none has a part say nothing: another source may. */
function withContent(list: readonly Message[]): readonly Message[] {
  return list.some((item) => item.parts.length > 0) ? list : [];
}

function events(value: Json): ContentEvent[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((event) => {
    const fields = member(event, "fields");
    const name = member(event, "name");
    return typeof name === "string" && isObject(fields) ? [{ name, fields }] : [];
  });
}

function system(value: Json): string | undefined {
  return asSentOr(value, isConventionParts, systemParts);
}

function systemParts(parsed: Json): readonly Json[] {
  const held = isObject(parsed)
    ? (systemIn(parsed) ??
      (member(parsed, "type") === undefined &&
      !("parts" in parsed) &&
      !("text" in parsed) &&
      !("content" in parsed)
        ? undefined
        : parsed))
    : parsed;
  const list = isObject(held) ? (member(held, "parts") ?? member(held, "content") ?? held) : held;
  return toParts(list);
}

/** Events written into one attribute: `[{"event.name": "gen_ai.user.message", ...}]` (Pydantic AI's first format). */
function listedEvents(value: Json): ContentEvent[] {
  const parsed = typeof value === "string" ? parsedIfJson(value) : value;
  if (!Array.isArray(parsed)) return [];
  return parsed.flatMap((event) => {
    const name = member(event, "event.name");
    return typeof name === "string" && isObject(event) ? [{ name, fields: event }] : [];
  });
}

/** A text that was written as JSON: without its quotes, and nothing for JSON's null. */
function unquoted(value: Json): Json {
  if (value === "null") return null;
  const parsed = typeof value === "string" && value.startsWith('"') ? parseText(value) : undefined;
  return typeof parsed === "string" ? parsed : value;
}

/** Messages in a value that is JSON even where it is a plain text. */
function quotedMessages(role: string): Shape {
  const read = messages(role);
  return (value, start) =>
    read(Array.isArray(value) ? value.map((item) => unquoted(item)) : unquoted(value), start);
}

/** What was asked: the text behind `query`, `question` or `input`, as one message. */
function question(value: Json): string | undefined {
  const parsed = typeof value === "string" ? parsedIfJson(value) : value;
  const text = ["query", "question", "input", "search_query"]
    .map((name) => member(parsed, name))
    .find((item) => typeof item === "string");
  return written(toMessages(text ?? parsed, "user"));
}

function provider(value: Json): string | undefined {
  const text = toText(value);
  return text === undefined ? undefined : toProvider(text);
}

const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  text: toText,
  lower: (value) => toText(value)?.toLowerCase(),
  operation: (value) => {
    const text = toText(value);
    return text === undefined ? undefined : toOperation(text);
  },
  provider,
  int: toInteger,
  double: toNumber,
  sum: sumOfMembers,
  seconds_to_ms: (value) => toDuration(value, 1_000),
  ms: (value) => toDuration(value, 1),
  instant_to_ms: instantToMs,
  strings: (value) => written(toStrings(value)),
  finish_reasons: toFinishReasons,
  metadata: toMetadata,
  json: toJsonText,
  input: messages("user"),
  output: messages("assistant"),
  question,
  system,
  tools: (value) => asSentOr(value, isConventionTools, toTools),
  documents: (value) => asSentOr(value, isConventionDocuments, toDocuments),
  openinference_messages: (value) => written(openInferenceMessages(value, "user")),
  openinference_answers: (value) => written(openInferenceMessages(value, "assistant")),
  openinference_tools: (value) => written(openInferenceTools(value)),
  openinference_documents: (value) => written(openInferenceDocuments(value)),
  openinference_texts: (value) =>
    written(openInferenceTexts(value).flatMap((text) => toMessages(text, "user"))),
  indexed_input: (value) => written(withContent(indexedMessages(value, "user"))),
  indexed_output: (value) => written(withContent(indexedMessages(value, "assistant"))),
  indexed_tools: (value) => written(indexedTools(value)),
  ai_sdk_response: (value) => written(withContent(aiSdkResponse(value))),
  event_input: (value) => written(withContent(eventMessages(events(value), false))),
  event_output: (value) => written(withContent(eventMessages(events(value), true))),
  event_documents: (value) => written(eventDocuments(events(value).map(({ fields }) => fields))),
  listed_event_input: (value) => written(withContent(eventMessages(listedEvents(value), false))),
  listed_event_output: (value) => written(withContent(eventMessages(listedEvents(value), true))),
  quoted_text: (value) => toText(unquoted(value)),
  quoted_input: quotedMessages("user"),
  quoted_output: quotedMessages("assistant"),
  quoted_provider: (value) => provider(unquoted(value)),
  event_finish_reasons: (value) => written(eventFinishReasons(events(value))),
};

/** The shape of that name. */
export function shapeOf(name: ShapeName): Shape {
  return SHAPES[name];
}
