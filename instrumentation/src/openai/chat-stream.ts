import { arrayOf, fieldOf, isObject, numberOf, stringOf, type JsonObject } from "../json.js";

interface ToolCall {
  id: string | undefined;
  type: string;
  name: string;
  arguments: string;
}

interface Choice {
  content: string;
  refusal: string;
  reasoning: string;
  finishReason: string | undefined;
  toolCalls: Map<number, ToolCall>;
}

/**
 * The chunks of one streamed chat completion put together as the completion they make. Usage is there when the stream
 * had it (`stream_options: {include_usage: true}`).
 */
export function chunksToCompletion(chunks: readonly unknown[]): JsonObject {
  const completion: JsonObject = {};
  const choices = new Map<number, Choice>();
  for (const chunk of chunks) {
    if (!isObject(chunk)) continue;
    for (const key of ["id", "model", "service_tier", "system_fingerprint", "usage"]) {
      const value = chunk[key];
      if (value !== undefined && value !== null && value !== "") completion[key] = value;
    }
    for (const part of arrayOf(chunk["choices"]).filter(isObject)) addToChoice(choices, part);
  }
  completion["choices"] = [...choices].sort(([a], [b]) => a - b).map(([, choice]) => completed(choice));
  return completion;
}

function addToChoice(choices: Map<number, Choice>, part: JsonObject): void {
  const index = numberOf(part["index"]) ?? 0;
  let choice = choices.get(index);
  if (choice === undefined) {
    choice = { content: "", refusal: "", reasoning: "", finishReason: undefined, toolCalls: new Map() };
    choices.set(index, choice);
  }
  choice.finishReason = stringOf(part["finish_reason"]) ?? choice.finishReason;
  const delta = part["delta"];
  choice.content += stringOf(fieldOf(delta, "content")) ?? "";
  choice.refusal += stringOf(fieldOf(delta, "refusal")) ?? "";
  choice.reasoning +=
    stringOf(fieldOf(delta, "reasoning_content")) ?? stringOf(fieldOf(delta, "reasoning")) ?? "";
  for (const call of arrayOf(fieldOf(delta, "tool_calls")).filter(isObject)) {
    addToolCall(choice.toolCalls, call);
  }
}

function addToolCall(calls: Map<number, ToolCall>, delta: JsonObject): void {
  const index = numberOf(delta["index"]) ?? calls.size;
  const call = calls.get(index) ?? { id: undefined, type: "function", name: "", arguments: "" };
  calls.set(index, call);
  call.id = stringOf(delta["id"]) ?? call.id;
  call.type = stringOf(delta["type"]) ?? call.type;
  const body = delta[call.type] ?? delta["function"];
  call.name += stringOf(fieldOf(body, "name")) ?? "";
  call.arguments += stringOf(fieldOf(body, "arguments")) ?? stringOf(fieldOf(body, "input")) ?? "";
}

function completed(choice: Choice): JsonObject {
  return {
    finish_reason: choice.finishReason,
    message: {
      role: "assistant",
      content: choice.content,
      refusal: choice.refusal,
      reasoning_content: choice.reasoning,
      tool_calls: [...choice.toolCalls]
        .sort(([a], [b]) => a - b)
        .map(([, call]) => ({
          id: call.id,
          type: call.type,
          function: { name: call.name, arguments: call.arguments },
        })),
    },
  };
}
