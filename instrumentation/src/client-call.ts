import { context } from "@opentelemetry/api";
import type { ContentOptions } from "./content.js";
import { guard } from "./guard.js";
import { isObject, numberOf, stringOf, type JsonObject } from "./json.js";
import { finishWithError, observe, observeSettled, type ResultReader } from "./observe.js";
import { startOperation, type Operation, type SpanStart } from "./operation.js";

/** How one method of a model client becomes a span. */
export interface MethodPlan {
  readonly options: ContentOptions;
  start(body: JsonObject): SpanStart;
  /** Called only when content is written. */
  input(operation: Operation, body: JsonObject): void;
  reader(operation: Operation): ResultReader;
}

type Method = (...args: unknown[]) => unknown;

const WRAPPED = Symbol.for("counterfoil.instrumentation.wrapped");

/**
 * Replaces `owner[method]` by a traced one, on this object only. Does nothing when there is no such method or it is
 * replaced already.
 */
export function wrapMethod(owner: unknown, method: string, plan: MethodPlan): void {
  replaceMethod(
    owner,
    method,
    (original) =>
      function traced(this: unknown, ...args: unknown[]): unknown {
        const body = isObject(args[0]) ? args[0] : {};
        const operation = startOperation(() => plan.start(body), plan.options);
        if (operation === undefined) return Reflect.apply(original, this, args);
        if (operation.capturing) guard("reading a request", () => plan.input(operation, body));
        let result: unknown;
        try {
          result = context.with(operation.context, () => Reflect.apply(original, this, args));
        } catch (error) {
          finishWithError(operation, error);
          throw error;
        }
        return observeClientResult(result, operation, plan.reader(operation));
      },
  );
}

/** Puts another function in the place of a method, once. */
export function replaceMethod(owner: unknown, method: string, make: (original: Method) => Method): void {
  if (typeof owner !== "object" || owner === null) return;
  const original = (owner as Record<string, unknown>)[method];
  if (typeof original !== "function" || WRAPPED in original) return;
  const replacement = make(original as Method);
  Object.defineProperty(replacement, WRAPPED, { value: true });
  Object.defineProperty(replacement, "name", { value: method, configurable: true });
  Object.defineProperty(owner, method, { value: replacement, writable: true, configurable: true });
}

/**
 * The promise of the OpenAI and Anthropic clients. `then`, `withResponse` and the `parse` helpers all read the answer
 * through `parseResponse`, and nothing is read before they are called.
 */
interface ApiPromise {
  responsePromise: Promise<unknown>;
  parseResponse: Method;
  asResponse: () => Promise<unknown>;
}

function isApiPromise(value: unknown): value is ApiPromise {
  return (
    value instanceof Promise &&
    "responsePromise" in value &&
    value.responsePromise instanceof Promise &&
    "parseResponse" in value &&
    typeof value.parseResponse === "function" &&
    "asResponse" in value &&
    typeof value.asResponse === "function"
  );
}

/** Watches a client's answer in place: the caller gets the client's own promise with all its helpers. */
function observeClientResult(result: unknown, operation: Operation, reader: ResultReader): unknown {
  if (!isApiPromise(result)) return observe(result, operation, reader);
  let parsing = false;
  const { parseResponse, asResponse } = result;
  result.responsePromise = result.responsePromise.then(
    (props) => props,
    (error: unknown) => {
      finishWithError(operation, error);
      throw error;
    },
  );
  result.parseResponse = async (...args: unknown[]) => {
    parsing = true;
    let value: unknown;
    try {
      value = await Reflect.apply(parseResponse, result, args);
    } catch (error) {
      finishWithError(operation, error);
      throw error;
    }
    if (!operation.ended) observeSettled(value, operation, reader);
    return value;
  };
  result.asResponse = async () => {
    const response = await Reflect.apply(asResponse, result, []);
    // Whoever takes the raw response and parses nothing reads the body alone: the span can't wait for that.
    if (!parsing) operation.end();
    return response;
  };
  return result;
}

/** Host and port of a client's `baseURL`. */
export function serverOf(client: object): {
  readonly address: string | undefined;
  readonly port: number | undefined;
} {
  const base = stringOf((client as { baseURL?: unknown }).baseURL);
  const url = guard("reading baseURL", () => (base === undefined ? undefined : new URL(base)));
  if (url === undefined) return { address: undefined, port: undefined };
  const standard = url.protocol === "https:" ? 443 : 80;
  return { address: url.hostname, port: numberOf(Number(url.port || standard)) };
}
