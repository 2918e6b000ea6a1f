import { SpanKind } from "@opentelemetry/api";
import { requestAttributes, responseAttributes } from "./attributes.js";
import { guard } from "./guard.js";
import { instrument, type AnyFunction } from "./instrument.js";
import { numberOf } from "./json.js";
import { textPart, valueToMessages } from "./messages.js";
import type { Operation } from "./operation.js";
import type {
  ChatOptions,
  ChatRequest,
  ChatResponse,
  EmbeddingsOptions,
  MessagesLike,
  Result,
  RetrievalOptions,
} from "./options.js";
import {
  ATTR_DATA_SOURCE_ID,
  ATTR_EMBEDDINGS_DIMENSION_COUNT,
  ATTR_INPUT_MESSAGES,
  ATTR_OPERATION_NAME,
  ATTR_OUTPUT_MESSAGES,
  ATTR_PROVIDER_NAME,
  ATTR_REQUEST_MODEL,
  ATTR_RESPONSE_MODEL,
  ATTR_RETRIEVAL_DOCUMENTS,
  ATTR_RETRIEVAL_QUERY_TEXT,
  ATTR_RETRIEVAL_TOP_K,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_SYSTEM_INSTRUCTIONS,
  ATTR_TOOL_DEFINITIONS,
  ATTR_USAGE_INPUT_TOKENS,
} from "./semconv.js";
import { extraAttributes, joined, readerOf } from "./trace-steps.js";

/**
 * Wraps a call to a model: span `chat {model}`, kind CLIENT. For clients without a wrapper of their own here; `request`
 * and `response` say what was asked and answered.
 */
export function traceChat<F extends AnyFunction>(options: ChatOptions<F>, fn: F): F {
  const operationName = options.operation ?? "chat";
  const asked = (args: readonly unknown[]): ChatRequest =>
    (options.request === undefined
      ? { inputMessages: args[0] as MessagesLike }
      : guard("request", () => options.request?.(...(args as Parameters<F>)))) ?? {};
  return instrument(fn, {
    options,
    start(args) {
      const request = asked(args);
      const model = request.model ?? options.model;
      return {
        name: model === undefined ? operationName : `${operationName} ${model}`,
        kind: SpanKind.CLIENT,
        attributes: {
          [ATTR_OPERATION_NAME]: operationName,
          [ATTR_PROVIDER_NAME]: options.provider,
          [ATTR_SERVER_ADDRESS]: options.serverAddress,
          [ATTR_SERVER_PORT]: options.serverPort,
          ...requestAttributes({ ...request, model }),
          ...extraAttributes(options, args),
        },
      };
    },
    input: (operation, args) => writeRequestContent(operation, asked(args)),
    reader: (operation) =>
      readerOf<F>(operation, options, (result, isStream) => {
        const response = readResponse(options, result, isStream);
        operation.set(() => responseAttributes(response));
        operation.content(ATTR_OUTPUT_MESSAGES, () => valueToMessages(response.outputMessages, "assistant"));
      }),
  });
}

function readResponse<F extends AnyFunction>(
  options: ChatOptions<F>,
  result: Result<F>,
  isStream: boolean,
): ChatResponse {
  if (options.response === undefined) return { outputMessages: joined(result, isStream) as MessagesLike };
  return guard("response", () => options.response?.(result)) ?? {};
}

/** Writes what was asked, as content. */
export function writeRequestContent(operation: Operation, request: ChatRequest): void {
  const { systemInstructions, tools } = request;
  if (systemInstructions !== undefined) {
    operation.content(ATTR_SYSTEM_INSTRUCTIONS, () =>
      typeof systemInstructions === "string" ? [textPart(systemInstructions)] : systemInstructions,
    );
  }
  operation.content(ATTR_INPUT_MESSAGES, () => valueToMessages(request.inputMessages, "user"));
  if (tools !== undefined && tools.length > 0) operation.content(ATTR_TOOL_DEFINITIONS, () => tools);
}

/** Wraps a search in a knowledge base: span `retrieval {dataSourceId}`, kind CLIENT, with query and documents. */
export function traceRetrieval<F extends AnyFunction>(options: RetrievalOptions<F>, fn: F): F {
  return instrument(fn, {
    options,
    start: (args) => ({
      name: `retrieval ${options.dataSourceId}`,
      kind: SpanKind.CLIENT,
      attributes: {
        [ATTR_OPERATION_NAME]: "retrieval",
        [ATTR_DATA_SOURCE_ID]: options.dataSourceId,
        [ATTR_PROVIDER_NAME]: options.provider,
        [ATTR_REQUEST_MODEL]: options.model,
        [ATTR_RETRIEVAL_TOP_K]: options.topK,
        ...extraAttributes(options, args),
      },
    }),
    input(operation, args) {
      operation.text(ATTR_RETRIEVAL_QUERY_TEXT, () => {
        if (options.query !== undefined) return options.query(...(args as Parameters<F>));
        return typeof args[0] === "string" ? args[0] : undefined;
      });
    },
    reader: (operation) =>
      readerOf<F>(operation, options, (result) => {
        operation.content(ATTR_RETRIEVAL_DOCUMENTS, () => {
          if (options.documents !== undefined) return options.documents(result);
          return Array.isArray(result) ? result : undefined;
        });
      }),
  });
}

/** Wraps a call that turns text into vectors: span `embeddings {model}`, kind CLIENT. Vectors are never written. */
export function traceEmbeddings<F extends AnyFunction>(options: EmbeddingsOptions<F>, fn: F): F {
  return instrument(fn, {
    options,
    start: (args) => ({
      name: options.model === undefined ? "embeddings" : `embeddings ${options.model}`,
      kind: SpanKind.CLIENT,
      attributes: {
        [ATTR_OPERATION_NAME]: "embeddings",
        [ATTR_PROVIDER_NAME]: options.provider,
        [ATTR_REQUEST_MODEL]: options.model,
        [ATTR_SERVER_ADDRESS]: options.serverAddress,
        [ATTR_SERVER_PORT]: options.serverPort,
        ...extraAttributes(options, args),
      },
    }),
    input: () => undefined,
    reader: (operation) =>
      readerOf<F>(operation, options, (result) => {
        operation.set(() => {
          const response = options.response?.(result) ?? { dimensions: dimensionsOf(result) };
          return {
            [ATTR_RESPONSE_MODEL]: response.model,
            [ATTR_USAGE_INPUT_TOKENS]: response.inputTokens,
            [ATTR_EMBEDDINGS_DIMENSION_COUNT]: response.dimensions,
          };
        });
      }),
  });
}

/** Length of a vector, or of the first of several. */
function dimensionsOf(result: unknown): number | undefined {
  const first: unknown = Array.isArray(result) && typeof result[0] === "object" ? result[0] : result;
  const isVector = Array.isArray(first)
    ? numberOf(first[0]) !== undefined
    : ArrayBuffer.isView(first) && "length" in first;
  return isVector ? numberOf((first as { length?: unknown }).length) : undefined;
}
