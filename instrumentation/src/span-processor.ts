import type { Context } from "@opentelemetry/api";
import { conversationAttributes } from "./conversation.js";
import { guard } from "./guard.js";
import { ATTR_LANGSMITH_SESSION_NAME } from "./semconv.js";

/** The part of an SDK span this processor touches; the same in SDK 2.x and 3.x. */
export interface StartingSpan {
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly parentSpanContext?: { readonly isRemote?: boolean | undefined } | undefined;
  readonly parentSpanId?: string | undefined;
  setAttribute(key: string, value: string): unknown;
}

/**
 * Span processor that puts conversation and user id on every span, also on those of other libraries (Vercel AI SDK,
 * LangChain, HTTP), and the LangSmith project on the first span of a trace in this process. `register` installs it; give
 * it to your own provider if you set up OpenTelemetry yourself.
 */
export class ConversationSpanProcessor {
  readonly #project: string | undefined;
  #endedCount = 0;

  constructor(options: { readonly project?: string | undefined } = {}) {
    this.#project = options.project;
  }

  /** Spans ended so far: tells whether there is anything new to flush. */
  get endedCount(): number {
    return this.#endedCount;
  }

  onStart(span: StartingSpan, parent: Context): void {
    guard("setting conversation attributes", () => {
      for (const [key, value] of Object.entries(conversationAttributes(parent))) {
        if (span.attributes?.[key] === undefined && typeof value === "string") span.setAttribute(key, value);
      }
      if (this.#project !== undefined && isFirstHere(span)) {
        span.setAttribute(ATTR_LANGSMITH_SESSION_NAME, this.#project);
      }
    });
  }

  onEnd(): void {
    this.#endedCount += 1;
  }

  forceFlush(): Promise<void> {
    return Promise.resolve();
  }

  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

function isFirstHere(span: StartingSpan): boolean {
  if (span.parentSpanContext !== undefined) return span.parentSpanContext.isRemote === true;
  return span.parentSpanId === undefined;
}
