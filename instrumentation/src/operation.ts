import {
  context,
  isSpanContextValid,
  SpanStatusCode,
  trace,
  type Attributes,
  type Context,
  type Span,
  type SpanKind,
} from "@opentelemetry/api";
import { allowedJson, allowedText, contentPolicy, redacted } from "./content.js";
import type { ContentOptions, ContentPolicy } from "./content.js";
import { conversationAttributes } from "./conversation.js";
import { guard } from "./guard.js";
import { fieldOf } from "./json.js";
import {
  ATTR_ERROR_TYPE,
  ATTR_EXCEPTION_MESSAGE,
  ATTR_EXCEPTION_STACKTRACE,
  ATTR_EXCEPTION_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_RESPONSE_TIME_TO_FIRST_CHUNK,
  ATTR_STREAM_INCOMPLETE,
  ERROR_TYPE_OTHER,
} from "./semconv.js";
import { PACKAGE_NAME, PACKAGE_VERSION, SCHEMA_URL } from "./version.js";

/** What is known when a span starts; samplers see these attributes. */
export interface SpanStart {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

/**
 * One traced call: a span with the rules of this package around it. No method throws; after `end` all do nothing.
 */
export class Operation {
  /** The context with this span in it: run the call inside it. */
  readonly context: Context;
  readonly #span: Span;
  readonly #policy: ContentPolicy;
  readonly #startedAtMs = performance.now();
  #sawChunk = false;
  #ended = false;

  constructor(span: Span, parent: Context, policy: ContentPolicy) {
    this.#span = span;
    this.#policy = policy;
    this.context = trace.setSpan(parent, span);
  }

  /** False when the span is sampled out or over: building attributes would be wasted. */
  get recording(): boolean {
    return !this.#ended && this.#span.isRecording();
  }

  /** True when content will be written: otherwise it need not be built. */
  get capturing(): boolean {
    return this.#policy.capture && this.recording;
  }

  /** True once the span is over. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sets the attributes `build` returns; those with the value `undefined` are left out. */
  set(build: () => Attributes): void {
    if (!this.recording) return;
    guard("building span attributes", () => {
      const attributes = build();
      for (const key of Object.keys(attributes)) {
        const value = attributes[key];
        if (value !== undefined) this.#span.setAttribute(key, value);
      }
    });
  }

  /** Writes content as JSON, if content may be written, after redaction. */
  content(attribute: string, build: () => unknown): void {
    if (!this.capturing) return;
    guard(`writing ${attribute}`, () => {
      const text = allowedJson(this.#policy, attribute, build());
      if (text !== undefined) this.#span.setAttribute(attribute, text);
    });
  }

  /** Writes content that is plain text. */
  text(attribute: string, build: () => string | undefined): void {
    if (!this.capturing) return;
    guard(`writing ${attribute}`, () => {
      const value = build();
      const text = value === undefined ? undefined : allowedText(this.#policy, attribute, value);
      if (text !== undefined) this.#span.setAttribute(attribute, text);
    });
  }

  /** Notes that a chunk came; the first one sets the time to first chunk, in seconds. */
  chunk(): void {
    if (this.#sawChunk) return;
    this.#sawChunk = true;
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    this.set(() => ({ [ATTR_RESPONSE_TIME_TO_FIRST_CHUNK]: seconds }));
  }

  /** Notes that the caller left a stream before its end. */
  incomplete(): void {
    this.set(() => ({ [ATTR_STREAM_INCOMPLETE]: true }));
  }

  /** Records an error: `error.type`, status ERROR and an exception event. Doesn't end the span. */
  fail(error: unknown): void {
    if (!this.recording) return;
    const message = this.#errorMessage(error);
    // Reading an error can throw as well: it may be a proxy, or have no constructor.
    const type = guard("reading an error's type", () => errorType(error)) ?? ERROR_TYPE_OTHER;
    const status = guard("reading an error's status", () => fieldOf(error, "status"));
    this.set(() => ({
      [ATTR_ERROR_TYPE]: type,
      [ATTR_HTTP_RESPONSE_STATUS_CODE]: Number.isInteger(status) ? (status as number) : undefined,
    }));
    guard("recording an error", () => {
      this.#span.setStatus({
        code: SpanStatusCode.ERROR,
        ...(message === undefined ? {} : { message }),
      });
      this.#span.addEvent("exception", {
        [ATTR_EXCEPTION_TYPE]: type,
        ...(message === undefined ? {} : { [ATTR_EXCEPTION_MESSAGE]: message }),
        ...this.#stack(error),
      });
    });
  }

  /** Ends the span, once. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    guard("ending a span", () => this.#span.end());
  }

  #errorMessage(error: unknown): string | undefined {
    return guard("reading an error's message", () => {
      const message = String(error instanceof Error ? error.message : error);
      const { redact } = this.#policy;
      if (redact === undefined) return message;
      const kept = redacted(redact, ATTR_EXCEPTION_MESSAGE, message);
      return typeof kept === "string" ? kept : undefined;
    });
  }

  /** A stack starts with the message, so with a redact callback only its frames are kept. */
  #stack(error: unknown): Attributes {
    if (!(error instanceof Error) || typeof error.stack !== "string") return {};
    if (this.#policy.redact === undefined) return { [ATTR_EXCEPTION_STACKTRACE]: error.stack };
    const frames = error.stack.split("\n").filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
    return { [ATTR_EXCEPTION_STACKTRACE]: frames.join("\n") };
  }
}

/**
 * Starts a span as a child of the active one. `undefined` when tracing is off or the span can't be described: the
 * caller then runs the plain call.
 */
export function startOperation(describe: () => SpanStart, options: ContentOptions): Operation | undefined {
  return guard("starting a span", () => {
    const parent = context.active();
    const provider = trace.getTracerProvider();
    const tracer = provider.getTracer(PACKAGE_NAME, PACKAGE_VERSION, { schemaUrl: SCHEMA_URL });
    const { name, kind, attributes } = describe();
    const span = tracer.startSpan(
      name,
      { kind, attributes: { ...conversationAttributes(parent), ...known(attributes) } },
      parent,
    );
    if (!isSpanContextValid(span.spanContext())) return undefined;
    return new Operation(span, parent, contentPolicy(options));
  });
}

/** Attributes without those whose value is `undefined`. */
function known(attributes: Attributes): Attributes {
  const kept: Attributes = {};
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (value !== undefined) kept[key] = value;
  }
  return kept;
}

/** `error.type`: the class of the error, or its name when the class says nothing. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return ERROR_TYPE_OTHER;
  const className = error.constructor.name;
  if (className !== "" && className !== "Error" && className !== "Object") return className;
  return error.name === "" ? ERROR_TYPE_OTHER : error.name;
}
