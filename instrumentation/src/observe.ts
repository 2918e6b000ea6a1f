import { context, type Context } from "@opentelemetry/api";
import { guard } from "./guard.js";
import type { Operation } from "./operation.js";

/**
 * Most chunks of one stream kept for the span's output. A stream may go on past it: the caller gets every chunk, the
 * span the first ones and `counterfoil.stream.incomplete`.
 */
export const STREAM_CHUNKS_MAX = 200_000;

/** What to do with a call's result. Both are guarded by the caller: they may throw, and nothing happens. */
export interface ResultReader {
  /** A plain value came back (not a stream). */
  value(result: unknown): void;
  /** A stream ended, was left or failed: the chunks that were read. `result` is what a generator returned. */
  stream(chunks: readonly unknown[], result?: unknown): void;
}

/**
 * Watches what a traced call returned, and ends its span when the work is over: at once for a plain value, on
 * settlement for a promise, at the end of the iteration for an iterator or async iterable. Returns the same object it
 * was given, except for native promises (a new one with the same outcome).
 */
export function observe(result: unknown, operation: Operation, reader: ResultReader): unknown {
  // Looking can throw: a getter or a proxy may refuse. What refuses is a plain value.
  const watch = guard("looking at a result", () => {
    if (result instanceof Promise) return () => observePromise(result, operation, reader);
    return isThenable(result) ? () => observeThenable(result, operation, reader) : undefined;
  });
  return watch === undefined ? observeSettled(result, operation, reader) : watch();
}

function observePromise(
  promise: Promise<unknown>,
  operation: Operation,
  reader: ResultReader,
): Promise<unknown> {
  const settled = promise.then(
    (value: unknown) => observeSettled(value, operation, reader),
    (error: unknown) => {
      finishWithError(operation, error);
      throw error;
    },
  );
  if (promise.constructor === Promise) return settled;
  // A subclass may have methods of its own: the caller keeps it, and its outcome is only watched.
  settled.catch(() => undefined);
  return promise;
}

/** A thenable that is no promise may start its work on `then`: it is watched only when the caller calls it. */
function observeThenable(target: Thenable, operation: Operation, reader: ResultReader): unknown {
  const original = target.then;
  const patched = define(target, "then", (onValue: unknown, onError: unknown) =>
    Reflect.apply(original, target, [
      (value: unknown) => {
        const seen = observeSettled(value, operation, reader);
        return typeof onValue === "function" ? Reflect.apply(onValue, undefined, [seen]) : seen;
      },
      (error: unknown) => {
        finishWithError(operation, error);
        if (typeof onError === "function") return Reflect.apply(onError, undefined, [error]);
        throw error;
      },
    ]),
  );
  if (!patched) operation.end();
  return target;
}

/** The same for what can't be waited for: a stream, or a value. */
export function observeSettled(value: unknown, operation: Operation, reader: ResultReader): unknown {
  const isWatched = guard(
    "watching a stream",
    () => isStream(value) && observeStream(value, operation, reader),
  );
  if (isWatched === true) return value;
  guard("reading a result", () => reader.value(value));
  operation.end();
  return value;
}

/** Ends the span with an error. */
export function finishWithError(operation: Operation, error: unknown): void {
  operation.fail(error);
  operation.end();
}

interface Thenable {
  then: (...args: unknown[]) => unknown;
}

type Step = (...args: unknown[]) => unknown;

function isThenable(value: unknown): value is Thenable {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

/** Async iterables, and sync iterators such as generators. Arrays, strings, maps and sets are plain values. */
function isStream(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  if (Symbol.asyncIterator in value) return true;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === "function";
}

/** Watches the stream in place, so that it keeps its identity and methods. False when it can't be changed. */
function observeStream(stream: object, operation: Operation, reader: ResultReader): boolean {
  const watch = new StreamWatch(
    operation,
    reader,
    () => guard("looking at a stream's controller", () => isAborted(stream)) === true,
  );
  if (typeof (stream as { next?: unknown }).next === "function") return watch.patch(stream);
  watchOtherReaders(stream, watch, operation);
  // The OpenAI and Anthropic streams make every reader (also `tee` and `toReadableStream`) from this one function.
  const key = typeof Object.getOwnPropertyDescriptor(stream, "iterator")?.value === "function";
  const property = key ? "iterator" : Symbol.asyncIterator;
  const make = (stream as Record<PropertyKey, unknown>)[property] as Step;
  return define(stream, property, (...args: unknown[]) => {
    const iterator = context.with(operation.context, () => Reflect.apply(make, stream, args));
    if (typeof iterator === "object" && iterator !== null) {
      guard("watching an iterator", () => watch.patch(iterator));
    }
    return iterator;
  });
}

/**
 * Web and Node streams can be read past their async iterator. A web stream's reader is watched like an iterator; what
 * takes a web stream as a whole ends the span there and then; a Node stream says itself when and how it is over.
 */
function watchOtherReaders(stream: object, watch: StreamWatch, operation: Operation): void {
  const methods = stream as Record<string, unknown>;
  const { getReader, once } = methods;
  if (typeof getReader === "function") {
    define(stream, "getReader", (...args: unknown[]) => {
      const streamReader: unknown = Reflect.apply(getReader, stream, args);
      if (typeof streamReader === "object" && streamReader !== null) {
        guard("watching a reader", () => watch.patchReader(streamReader));
      }
      return streamReader;
    });
    watch.patchCancel(stream);
    for (const name of ["pipeTo", "pipeThrough", "tee"]) {
      const method = methods[name];
      if (typeof method !== "function") continue;
      define(stream, name, (...args: unknown[]) => {
        const result: unknown = Reflect.apply(method, stream, args);
        operation.end();
        return result;
      });
    }
  } else if (typeof once === "function" && typeof methods["pipe"] === "function") {
    guard("watching a Node stream", () =>
      Reflect.apply(once, stream, ["close", () => watch.closed(methods)]),
    );
  }
}

/** Follows one stream through its iterator's `next`, `return` and `throw`. */
class StreamWatch {
  readonly #operation: Operation;
  readonly #reader: ResultReader;
  readonly #chunks: unknown[] = [];
  readonly #context: Context;

  readonly #aborted: () => boolean;

  constructor(operation: Operation, reader: ResultReader, aborted: () => boolean) {
    this.#operation = operation;
    this.#reader = reader;
    this.#aborted = aborted;
    this.#context = operation.context;
  }

  patch(iterator: object): boolean {
    const methods = iterator as Record<string, unknown>;
    const next = methods["next"];
    if (typeof next !== "function" || !this.#replace(iterator, "next", next as Step)) return false;
    const leave = methods["return"];
    if (typeof leave === "function") this.#replace(iterator, "return", leave as Step, true);
    const fail = methods["throw"];
    if (typeof fail === "function") this.#replace(iterator, "throw", fail as Step);
    return true;
  }

  /** A web stream's reader: `read` answers like `next`, `cancel` leaves. */
  patchReader(streamReader: object): void {
    const { read } = streamReader as Record<string, unknown>;
    if (typeof read === "function") this.#replace(streamReader, "read", read as Step);
    this.patchCancel(streamReader);
  }

  /** `cancel` of a web stream or of its reader leaves; on a stream that a reader holds it does nothing. */
  patchCancel(target: object): void {
    const { cancel } = target as Record<string, unknown>;
    if (typeof cancel !== "function") return;
    define(target, "cancel", (...args: unknown[]) => {
      if ((target as { locked?: unknown }).locked !== true) this.#left();
      return Reflect.apply(cancel, target, args);
    });
  }

  /** A Node stream is closed: it says whether it failed, or was destroyed before its end. */
  closed({ errored, readableAborted }: Record<string, unknown>): void {
    if (this.#operation.ended) return;
    if (errored !== undefined && errored !== null) this.#failed(errored);
    else if (readableAborted === true) this.#left();
    else {
      // Its iterator may tell of the end only after this event; a stream that flowed has shown no chunks.
      if (this.#chunks.length > 0) this.#read(undefined);
      this.#operation.end();
    }
  }

  #left(): void {
    if (this.#operation.ended) return;
    this.#operation.incomplete();
    this.#read(undefined);
    this.#operation.end();
  }

  /** The iterator's own code runs inside the span's context, so that spans it makes are children. */
  #replace(iterator: object, name: string, original: Step, leaving = false): boolean {
    return define(iterator, name, (...args: unknown[]) => {
      let step: unknown;
      try {
        step = context.with(this.#context, () => Reflect.apply(original, iterator, args));
      } catch (error) {
        this.#failed(error);
        throw error;
      }
      if (isThenable(step)) {
        return Promise.resolve(step).then(
          (result: unknown) => this.#stepped(result, leaving),
          (error: unknown) => {
            this.#failed(error);
            throw error;
          },
        );
      }
      return this.#stepped(step, leaving);
    });
  }

  #stepped(step: unknown, leaving: boolean): unknown {
    if (this.#operation.ended || typeof step !== "object" || step === null) return step;
    const { done, value } = step as IteratorResult<unknown>;
    if (done !== true) {
      this.#operation.chunk();
      if (this.#operation.recording && this.#chunks.length < STREAM_CHUNKS_MAX) this.#chunks.push(value);
      else if (this.#chunks.length >= STREAM_CHUNKS_MAX) this.#operation.incomplete();
      return step;
    }
    if (leaving || this.#aborted()) this.#operation.incomplete();
    this.#read(value);
    this.#operation.end();
    return step;
  }

  #failed(error: unknown): void {
    this.#read(undefined);
    finishWithError(this.#operation, error);
  }

  #read(result: unknown): void {
    if (!this.#operation.recording) return;
    guard("reading a stream", () => this.#reader.stream(this.#chunks, result));
  }
}

/** An aborted OpenAI or Anthropic stream ends as if it were complete; its controller tells. */
function isAborted(stream: object): boolean {
  const { controller } = stream as { controller?: { signal?: { aborted?: unknown } } };
  return controller?.signal?.aborted === true;
}

/** Puts an own method on an object; false when the object doesn't allow it. */
function define(target: object, key: PropertyKey, value: Step): boolean {
  return Reflect.defineProperty(target, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: Object.getOwnPropertyDescriptor(target, key)?.enumerable ?? false,
  });
}
