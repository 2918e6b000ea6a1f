import { context, propagation, type Attributes, type Context } from "@opentelemetry/api";
import { ATTR_CONVERSATION_ID, ATTR_USER_ID } from "./semconv.js";

/** Who is talking, and in which conversation. */
export interface Conversation {
  readonly conversationId?: string | undefined;
  readonly userId?: string | undefined;
}

const KEYS = [ATTR_CONVERSATION_ID, ATTR_USER_ID] as const;

/**
 * Runs `fn` so that every span made inside carries `gen_ai.conversation.id` and `user.id`. Both travel as W3C baggage:
 * other services that continue the trace see them too, and so does any third party that gets your `baggage` header.
 * What `fn` returns or throws passes through.
 */
export function withConversation<R>(conversation: Conversation, fn: () => R): R {
  const active = context.active();
  let baggage = propagation.getBaggage(active) ?? propagation.createBaggage();
  const values = [conversation.conversationId, conversation.userId];
  for (const [index, key] of KEYS.entries()) {
    const value = values[index];
    if (value !== undefined) baggage = baggage.setEntry(key, { value });
  }
  return context.with(propagation.setBaggage(active, baggage), fn);
}

/** The conversation of a context: the attributes that go on every span started in it. */
export function conversationAttributes(from: Context): Attributes {
  const baggage = propagation.getBaggage(from);
  if (baggage === undefined) return {};
  const attributes: Attributes = {};
  for (const key of KEYS) {
    const value = baggage.getEntry(key)?.value;
    if (value !== undefined) attributes[key] = value;
  }
  return attributes;
}
