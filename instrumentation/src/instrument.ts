import { context } from "@opentelemetry/api";
import type { ContentOptions } from "./content.js";
import { guard } from "./guard.js";
import { observe, type ResultReader } from "./observe.js";
import { startOperation, type Operation, type SpanStart } from "./operation.js";

/** Any function. Wrappers keep its exact type, overloads, generics and `this` included. */
export type AnyFunction = (...args: never[]) => unknown;

/** How one kind of call becomes a span. */
export interface CallPlan {
  readonly options: ContentOptions;
  /** Called with the arguments, before the call. */
  start(args: readonly unknown[]): SpanStart;
  /** Puts the input on the span, before the call: the callee may change its arguments. Only when content is written. */
  input(operation: Operation, args: readonly unknown[]): void;
  /** Reads the result. */
  reader(operation: Operation, args: readonly unknown[]): ResultReader;
}

/** What a wrapper has of its own, and what only functions in sloppy mode have. */
const NOT_COPIED = new Set<PropertyKey>(["prototype", "arguments", "caller"]);

/** The same function with a span around each call. Results, errors, `this` and own properties pass through. */
export function instrument<F extends AnyFunction>(fn: F, plan: CallPlan): F {
  const traced = function (this: unknown, ...args: unknown[]): unknown {
    const operation = startOperation(() => plan.start(args), plan.options);
    if (operation === undefined) return Reflect.apply(fn, this, args);
    if (operation.capturing) guard("reading a call's input", () => plan.input(operation, args));
    let result: unknown;
    try {
      result = context.with(operation.context, () => Reflect.apply(fn, this, args) as unknown);
    } catch (error) {
      operation.fail(error);
      operation.end();
      throw error;
    }
    return observe(result, operation, plan.reader(operation, args));
  };
  guard("copying a function's properties", () => copyProperties(fn, traced));
  return traced as unknown as F;
}

/** Own properties, `name` and `length` included. */
function copyProperties(from: object, to: object): void {
  for (const key of Reflect.ownKeys(from)) {
    const property = Object.getOwnPropertyDescriptor(from, key);
    if (property !== undefined && !NOT_COPIED.has(key)) Object.defineProperty(to, key, property);
  }
}
