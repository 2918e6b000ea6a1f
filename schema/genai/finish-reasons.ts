/** The conventions' word for what providers and frameworks call a reason; any other stays as it is. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ["stop", "stop"],
  ["end_turn", "stop"],
  ["endturn", "stop"],
  ["stop_sequence", "stop"],
  ["eos", "stop"],
  ["eos_token", "stop"],
  ["complete", "stop"],
  ["completed", "stop"],
  ["finish", "stop"],
  ["length", "length"],
  ["max_tokens", "length"],
  ["max_output_tokens", "length"],
  ["model_length", "length"],
  ["content_filter", "content_filter"],
  ["content-filter", "content_filter"],
  ["content_filtered", "content_filter"],
  ["guardrail_intervened", "content_filter"],
  ["safety", "content_filter"],
  ["refusal", "content_filter"],
  ["tool_call", "tool_call"],
  ["tool_calls", "tool_call"],
  ["tool-calls", "tool_call"],
  ["tool_use", "tool_call"],
  ["function_call", "tool_call"],
  ["toolcalls", "tool_call"],
  ["error", "error"],
]);

/** The conventions' word for why generation stopped: stop, length, content_filter, tool_call, error; else as given. */
export function toFinishReason(reason: string): string {
  return WORDS.get(reason.toLowerCase().replace(/^finishreason\./, "")) ?? reason;
}

/** The words that stay as they are: a value made of these only needs no mapping. */
export const FINISH_REASONS: readonly string[] = ["stop", "length", "content_filter", "tool_call", "error"];
