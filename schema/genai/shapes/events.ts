/*
 * Messages as events: one for each message (conventions up to 1.36, as span events or log records), or one event with
 * the whole exchange (`gen_ai.client.inference.operation.details`, later).
 */

import {
  firstMember,
  isObject,
  type Json,
  type JsonObject,
  jsonToText,
  member,
  parsedIfJson,
} from "../json.js";
import { toFinishReason } from "../finish-reasons.js";
import { type Message, toMessages } from "./messages.js";

/** One answer to a request. */
export const CHOICE_EVENT = "gen_ai.choice";

/** Direction and role of each per-message event. */
const MESSAGE_EVENTS: ReadonlyMap<string, { readonly out: boolean; readonly role: string }> = new Map([
  ["gen_ai.system.message", { out: false, role: "system" }],
  ["gen_ai.user.message", { out: false, role: "user" }],
  ["gen_ai.assistant.message", { out: false, role: "assistant" }],
  ["gen_ai.tool.message", { out: false, role: "tool" }],
  [CHOICE_EVENT, { out: true, role: "assistant" }],
  // Before per-message events, and in Semantic Kernel: the whole prompt and the whole completion.
  ["gen_ai.content.prompt", { out: false, role: "user" }],
  ["gen_ai.content.completion", { out: true, role: "assistant" }],
]);

/** The event that holds a whole exchange, and repeats it whole when it comes again. */
export const DETAILS_EVENT = "gen_ai.client.inference.operation.details";

/** Names of events that hold messages. */
export const CONTENT_EVENTS: ReadonlySet<string> = new Set([...MESSAGE_EVENTS.keys(), DETAILS_EVENT]);

/** An event: its name and its fields (attributes of a span event, body and attributes of a log record). */
export interface ContentEvent {
  readonly name: string;
  readonly fields: JsonObject;
}

/** The messages of one direction in a span's events, in their order. */
export function eventMessages(events: readonly ContentEvent[], out: boolean): Message[] {
  return events.flatMap((event) => {
    const kind = MESSAGE_EVENTS.get(event.name);
    if (kind !== undefined) return kind.out === out ? oneMessage(event.fields, kind.role) : [];
    return toMessages(
      member(event.fields, out ? "gen_ai.output.messages" : "gen_ai.input.messages"),
      out ? "assistant" : "user",
    );
  });
}

function oneMessage(fields: JsonObject, role: string): Message[] {
  const packed = firstMember(fields, "gen_ai.event.content", "gen_ai.prompt", "gen_ai.completion");
  const body = typeof packed === "string" ? parsedIfJson(packed) : packed;
  if (body !== undefined && !isObject(body)) return toMessages(body, role);
  const held = body ?? fields;
  const inner = parsed(member(held, "message"));
  const finish = firstMember(held, "finish_reason");
  const content = inner === undefined ? parsed(member(held, "content")) : contentOf(inner);
  const calls = firstMember(inner, "tool_calls") ?? parsed(member(held, "tool_calls"));
  const id = firstMember(held, "id", "tool_call_id");
  const named = firstMember(inner, "role") ?? firstMember(held, "role") ?? role;
  const message: JsonObject = {
    role: named,
    content: content ?? null,
    ...(Array.isArray(calls) ? { tool_calls: calls } : {}),
    ...(id === undefined || named !== "tool" ? {} : { tool_call_id: id }),
  };
  const messages = toMessages(message, role);
  if (typeof finish !== "string" || finish === "") return messages;
  return messages.map((item) => ({ ...item, finish_reason: toFinishReason(finish) }));
}

function contentOf(inner: Json): Json | undefined {
  return isObject(inner) ? member(inner, "content") : inner;
}

function parsed(value: Json | undefined): Json | undefined {
  return typeof value === "string" ? parsedIfJson(value) : value;
}

/** The reasons in `gen_ai.choice` events, in the order of the choices. */
export function eventFinishReasons(events: readonly ContentEvent[]): string[] {
  return events
    .filter(({ name }) => name === CHOICE_EVENT)
    .map(({ fields }) => heldFields(fields))
    .map((fields) => ({
      index: Number(member(fields, "index") ?? 0) || 0,
      reason: jsonToText(member(fields, "finish_reason")),
    }))
    .filter(({ reason }) => reason !== "")
    .sort((a, b) => a.index - b.index)
    .map(({ reason }) => toFinishReason(reason));
}

/** Fields of an event, also where one of them holds all others as JSON. */
function heldFields(fields: JsonObject): JsonObject {
  const packed = firstMember(fields, "gen_ai.event.content");
  const body = typeof packed === "string" ? parsedIfJson(packed) : packed;
  return isObject(body) ? { ...fields, ...body } : fields;
}
