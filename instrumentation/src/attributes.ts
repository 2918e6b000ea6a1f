import type { Attributes } from "@opentelemetry/api";
import type { ChatRequest, ChatResponse, Usage } from "./options.js";
import {
  ATTR_OUTPUT_TYPE,
  ATTR_REQUEST_CHOICE_COUNT,
  ATTR_REQUEST_FREQUENCY_PENALTY,
  ATTR_REQUEST_MAX_TOKENS,
  ATTR_REQUEST_MODEL,
  ATTR_REQUEST_PRESENCE_PENALTY,
  ATTR_REQUEST_SEED,
  ATTR_REQUEST_STOP_SEQUENCES,
  ATTR_REQUEST_STREAM,
  ATTR_REQUEST_TEMPERATURE,
  ATTR_REQUEST_TOP_K,
  ATTR_REQUEST_TOP_P,
  ATTR_RESPONSE_FINISH_REASONS,
  ATTR_RESPONSE_ID,
  ATTR_RESPONSE_MODEL,
  ATTR_USAGE_CACHE_CREATION,
  ATTR_USAGE_CACHE_READ,
  ATTR_USAGE_CACHE_WRITE,
  ATTR_USAGE_INPUT_TOKENS,
  ATTR_USAGE_OUTPUT_TOKENS,
  ATTR_USAGE_REASONING,
} from "./semconv.js";

/** The parameters of a request as attributes. Only what was given; `stream` only when true, as the conventions ask. */
export function requestAttributes(request: ChatRequest): Attributes {
  const stops = request.stopSequences;
  return {
    [ATTR_REQUEST_MODEL]: request.model,
    [ATTR_REQUEST_MAX_TOKENS]: request.maxTokens,
    [ATTR_REQUEST_TEMPERATURE]: request.temperature,
    [ATTR_REQUEST_TOP_P]: request.topP,
    [ATTR_REQUEST_TOP_K]: request.topK,
    [ATTR_REQUEST_FREQUENCY_PENALTY]: request.frequencyPenalty,
    [ATTR_REQUEST_PRESENCE_PENALTY]: request.presencePenalty,
    [ATTR_REQUEST_STOP_SEQUENCES]: stops === undefined ? undefined : [...stops],
    [ATTR_REQUEST_SEED]: request.seed,
    [ATTR_REQUEST_CHOICE_COUNT]: request.choiceCount === 1 ? undefined : request.choiceCount,
    [ATTR_REQUEST_STREAM]: request.stream === true ? true : undefined,
    [ATTR_OUTPUT_TYPE]: request.outputType,
  };
}

/** The parts of an answer that are no content. */
export function responseAttributes(response: ChatResponse): Attributes {
  const reasons = response.finishReasons;
  return {
    [ATTR_RESPONSE_ID]: response.id,
    [ATTR_RESPONSE_MODEL]: response.model,
    [ATTR_RESPONSE_FINISH_REASONS]: reasons === undefined || reasons.length === 0 ? undefined : [...reasons],
    ...usageAttributes(response.usage ?? {}),
  };
}

/** Token counts; zero cache and reasoning counts are left out, for they say nothing. */
export function usageAttributes(usage: Usage): Attributes {
  return {
    [ATTR_USAGE_INPUT_TOKENS]: usage.inputTokens,
    [ATTR_USAGE_OUTPUT_TOKENS]: usage.outputTokens,
    [ATTR_USAGE_CACHE_READ]: some(usage.cacheReadTokens),
    [ATTR_USAGE_CACHE_WRITE]: some(usage.cacheWriteTokens),
    [ATTR_USAGE_CACHE_CREATION]: some(usage.cacheWriteTokens),
    [ATTR_USAGE_REASONING]: some(usage.reasoningTokens),
  };
}

function some(count: number | undefined): number | undefined {
  return count === undefined || count === 0 ? undefined : count;
}
