import { SpanKind, type Attributes } from "@opentelemetry/api";
import { answerReader, writeCost, type AnswerShape, type CostOf } from "../answer.js";
import { replaceMethod, serverOf, wrapMethod, type MethodPlan } from "../client-call.js";
import type { ContentOptions } from "../content.js";
import { arrayOf, fieldOf, numberOf, stringOf, type JsonObject } from "../json.js";
import {
  ATTR_EMBEDDINGS_DIMENSION_COUNT,
  ATTR_OPERATION_NAME,
  ATTR_PROVIDER_NAME,
  ATTR_REQUEST_ENCODING_FORMATS,
  ATTR_REQUEST_MODEL,
  ATTR_RESPONSE_MODEL,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  ATTR_USAGE_INPUT_TOKENS,
} from "../semconv.js";
import { writeRequestContent } from "../trace-models.js";
import { chunksToCompletion } from "./chat-stream.js";
import { chatRequestAttributes, chatRequestContent, chatResponse, openAIResponseAttributes } from "./chat.js";
import { providerOf } from "./provider.js";
import {
  eventsToResponse,
  responseError,
  responsesRequestAttributes,
  responsesRequestContent,
  responsesResponse,
} from "./responses.js";

/** Options of `wrapOpenAI`. */
export interface WrapOpenAIOptions extends ContentOptions {
  /** The conventions' name of the provider. Default: by the client's class and host, otherwise openai. */
  readonly provider?: string | undefined;
  /** What a call cost, by your price list: `gen_ai.usage.cost`. */
  readonly cost?: CostOf | undefined;
}

interface Shared {
  readonly options: WrapOpenAIOptions;
  readonly attributes: Attributes;
}

/**
 * Traces an `openai` client (majors 4 to 7, and others of that shape): `chat.completions.create`, `responses.create` and
 * `embeddings.create`, and with them `.stream`, `.parse` and the runners, which call these. The client is changed in
 * place and returned, so that its helpers and private fields keep working; wrapping twice does nothing. Copies made by
 * `withOptions` are traced too.
 */
export function wrapOpenAI<Client extends object>(client: Client, options: WrapOpenAIOptions = {}): Client {
  const server = serverOf(client);
  const shared: Shared = {
    options,
    attributes: {
      [ATTR_PROVIDER_NAME]: options.provider ?? providerOf(client, server.address),
      [ATTR_SERVER_ADDRESS]: server.address,
      [ATTR_SERVER_PORT]: server.port,
    },
  };
  const { chat, responses, embeddings } = client as Record<string, unknown>;
  wrapMethod((chat as JsonObject | undefined)?.["completions"], "create", chatPlan(shared, CHAT_COMPLETIONS));
  wrapMethod(responses, "create", chatPlan(shared, RESPONSES));
  wrapMethod(embeddings, "create", embeddingsPlan(shared));
  replaceMethod(
    client,
    "withOptions",
    (original) =>
      function withOptions(this: unknown, ...args: unknown[]): unknown {
        const copy = Reflect.apply(original, this, args);
        return typeof copy === "object" && copy !== null ? wrapOpenAI(copy, options) : copy;
      },
  );
  return client;
}

/** What differs between the two APIs that the conventions both call `chat`. */
interface ChatApi {
  readonly attributes: typeof chatRequestAttributes;
  readonly content: typeof chatRequestContent;
  readonly answer: AnswerShape;
}

function chatPlan(shared: Shared, api: ChatApi): MethodPlan {
  return {
    options: shared.options,
    start: (body) => ({
      name: spanName("chat", body),
      kind: SpanKind.CLIENT,
      attributes: { [ATTR_OPERATION_NAME]: "chat", ...shared.attributes, ...api.attributes(body) },
    }),
    input: (operation, body) => writeRequestContent(operation, api.content(body)),
    reader: (operation) => answerReader(operation, api.answer, shared.options.cost),
  };
}

function embeddingsPlan(shared: Shared): MethodPlan {
  return {
    options: shared.options,
    start(body) {
      const format = stringOf(body["encoding_format"]);
      return {
        name: spanName("embeddings", body),
        kind: SpanKind.CLIENT,
        attributes: {
          [ATTR_OPERATION_NAME]: "embeddings",
          ...shared.attributes,
          [ATTR_REQUEST_MODEL]: stringOf(body["model"]),
          [ATTR_REQUEST_ENCODING_FORMATS]: format === undefined ? undefined : [format],
        },
      };
    },
    input: () => undefined,
    reader: (operation) => ({
      stream: () => undefined,
      value(result) {
        const usage = fieldOf(result, "usage");
        const model = stringOf(fieldOf(result, "model"));
        const inputTokens = numberOf(fieldOf(usage, "prompt_tokens"));
        const vector = fieldOf(arrayOf(fieldOf(result, "data"))[0], "embedding");
        operation.set(() => ({
          [ATTR_RESPONSE_MODEL]: model,
          [ATTR_USAGE_INPUT_TOKENS]: inputTokens,
          [ATTR_EMBEDDINGS_DIMENSION_COUNT]: Array.isArray(vector) ? vector.length : undefined,
        }));
        if (inputTokens !== undefined) writeCost(operation, model, { inputTokens }, shared.options.cost);
      },
    }),
  };
}

const CHAT_ANSWER: AnswerShape = {
  read: chatResponse,
  join: chunksToCompletion,
  attributes: openAIResponseAttributes,
};

const RESPONSES_ANSWER: AnswerShape = {
  read: responsesResponse,
  join: eventsToResponse,
  attributes: openAIResponseAttributes,
  error: responseError,
};

function spanName(operation: string, body: JsonObject): string {
  const model = stringOf(body["model"]);
  return model === undefined ? operation : `${operation} ${model}`;
}

const CHAT_COMPLETIONS: ChatApi = {
  attributes: chatRequestAttributes,
  content: chatRequestContent,
  answer: CHAT_ANSWER,
};

const RESPONSES: ChatApi = {
  attributes: responsesRequestAttributes,
  content: responsesRequestContent,
  answer: RESPONSES_ANSWER,
};
