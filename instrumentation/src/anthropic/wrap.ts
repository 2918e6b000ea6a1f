import { SpanKind } from "@opentelemetry/api";
import { answerReader, type AnswerShape, type CostOf } from "../answer.js";
import { replaceMethod, serverOf, wrapMethod, type MethodPlan } from "../client-call.js";
import type { ContentOptions } from "../content.js";
import { fieldOf, stringOf } from "../json.js";
import {
  ATTR_OPERATION_NAME,
  ATTR_PROVIDER_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
} from "../semconv.js";
import { writeRequestContent } from "../trace-models.js";
import {
  eventsToMessage,
  messageResponse,
  messagesRequestAttributes,
  messagesRequestContent,
} from "./message.js";

/** Options of `wrapAnthropic`. */
export interface WrapAnthropicOptions extends ContentOptions {
  /** The conventions' name of the provider. Default: by the client's class, otherwise anthropic. */
  readonly provider?: string | undefined;
  /** What a call cost, by your price list: `gen_ai.usage.cost`. */
  readonly cost?: CostOf | undefined;
  /**
   * The SDK makes spans of its own since 0.134, without content by default; two spans a call would count its tokens
   * twice. `replace` (the default) turns those off for this client; `keep` leaves them, for whoever wants both.
   */
  readonly nativeSpans?: "replace" | "keep" | undefined;
}

/**
 * Traces an `@anthropic-ai/sdk` client (and its Bedrock and Vertex siblings): `messages.create` and
 * `beta.messages.create`, and with them `.stream`, `.parse` and the tool runner, which call these. The client is changed
 * in place and returned; wrapping twice does nothing. Copies made by `withOptions` are traced too.
 */
export function wrapAnthropic<Client extends object>(
  client: Client,
  options: WrapAnthropicOptions = {},
): Client {
  if (options.nativeSpans !== "keep") disableNativeSpans(client);
  const plan = messagesPlan(client, options);
  wrapMethod(fieldOf(client, "messages"), "create", plan);
  wrapMethod(fieldOf(fieldOf(client, "beta"), "messages"), "create", plan);
  replaceMethod(
    client,
    "withOptions",
    (original) =>
      function withOptions(this: unknown, ...args: unknown[]): unknown {
        const copy = Reflect.apply(original, this, args);
        return typeof copy === "object" && copy !== null ? wrapAnthropic(copy, options) : copy;
      },
  );
  return client;
}

const ANSWER: AnswerShape = { read: messageResponse, join: eventsToMessage };

function messagesPlan(client: object, options: WrapAnthropicOptions): MethodPlan {
  const server = serverOf(client);
  const provider = options.provider ?? providerOf(client);
  return {
    options,
    start(body) {
      const model = stringOf(body["model"]);
      return {
        name: model === undefined ? "chat" : `chat ${model}`,
        kind: SpanKind.CLIENT,
        attributes: {
          [ATTR_OPERATION_NAME]: "chat",
          [ATTR_PROVIDER_NAME]: provider,
          [ATTR_SERVER_ADDRESS]: server.address,
          [ATTR_SERVER_PORT]: server.port,
          ...messagesRequestAttributes(body),
        },
      };
    },
    input: (operation, body) => writeRequestContent(operation, messagesRequestContent(body)),
    reader: (operation) => answerReader(operation, ANSWER, options.cost),
  };
}

function providerOf(client: object): string {
  const name = client.constructor.name;
  if (name.includes("Bedrock")) return "aws.bedrock";
  return name.includes("Vertex") ? "gcp.vertex_ai" : "anthropic";
}

/** The SDK asks this one field whether to make spans; without a tracer there it makes none. */
function disableNativeSpans(client: object): void {
  if (fieldOf(client, "_tracer") !== undefined) Reflect.set(client, "_tracer", undefined);
}
