/**
 * Prompts, answers and tool data as lines for people. The input is whatever the emitter wrote: the GenAI convention's
 * JSON (`[{role, parts: [...]}]`), an older shape, or plain text. Anything unknown is shown as it is, never dropped.
 */

/** One thing said: who, and the text. Not yet inert, may hold line feeds. */
export interface Utterance {
  readonly who: string;
  readonly text: string;
}

/** The messages in a content column. A text that is no JSON is one utterance by `fallback`. */
export function readMessages(json: string, fallback: string): Utterance[] {
  const value = parse(json);
  if (value === undefined) return [{ who: fallback, text: json }];
  const list = Array.isArray(value) ? value : [value];
  // System instructions are a list of parts without roles.
  if (list.length > 0 && list.every((item) => isRecord(item) && "type" in item && !("role" in item))) {
    return list.map((part) => ({ who: fallback, text: partText(part) }));
  }
  return list.flatMap((item) => messageUtterances(item, fallback));
}

function messageUtterances(item: unknown, fallback: string): Utterance[] {
  if (!isRecord(item)) return [{ who: fallback, text: plain(item) }];
  const who = typeof item["role"] === "string" ? item["role"] : fallback;
  const parts = item["parts"] ?? item["content"];
  const lines: Utterance[] = [];
  if (Array.isArray(parts)) for (const part of parts) lines.push({ who, text: partText(part) });
  else if (parts !== undefined && parts !== null && parts !== "") lines.push({ who, text: plain(parts) });
  const calls = item["tool_calls"];
  if (Array.isArray(calls)) for (const call of calls) lines.push({ who, text: callText(call) });
  return lines.length > 0 ? lines : [{ who, text: plain(item) }];
}

function partText(part: unknown): string {
  if (!isRecord(part)) return plain(part);
  const type = part["type"];
  if (type === "text" || type === "reasoning" || type === "thinking") {
    const text = plain(part["content"] ?? part["text"] ?? part["thinking"] ?? "");
    return type === "text" ? text : `(${type}) ${text}`;
  }
  if (type === "tool_call" || type === "tool_use" || type === "function_call") return callText(part);
  if (type === "tool_call_response" || type === "tool_result") {
    return `⇐ ${plain(part["response"] ?? part["result"] ?? part["content"] ?? "")}`;
  }
  return plain(part);
}

function callText(call: unknown): string {
  if (!isRecord(call)) return plain(call);
  const inner = isRecord(call["function"]) ? call["function"] : call;
  return `⇒ ${plain(inner["name"] ?? "?")}(${plain(inner["arguments"] ?? inner["input"] ?? "")})`;
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
