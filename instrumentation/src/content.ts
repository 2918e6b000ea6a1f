import { diag } from "@opentelemetry/api";
import { toJson } from "./json.js";

/** The standard switch of OpenTelemetry's GenAI instrumentations. */
export const CAPTURE_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/**
 * Changes content before it is put on a span. It gets a copy (never the caller's own objects) and the name of the
 * attribute, and returns what to write; `undefined` writes nothing. It must answer at once: when it throws or returns
 * a promise, that content is dropped. Error messages come through it too, as `exception.message`.
 */
export type Redact = (value: unknown, field: { readonly attribute: string }) => unknown;

/** What may be written of prompts, answers, tool arguments and results, documents. */
export interface ContentOptions {
  /** Default: the variable OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT; on when it is not set. */
  readonly captureContent?: boolean | undefined;
  /** Default: the callback given to `configure` or `register`, if any. */
  readonly redact?: Redact | undefined;
}

let defaults: ContentOptions = {};

/** Sets the defaults of every wrapper in this process that doesn't say otherwise. Called by `register` too. */
export function configure(options: ContentOptions): void {
  defaults = { captureContent: options.captureContent, redact: options.redact };
}

/** The rules for one span: is content written, and through which callback. */
export interface ContentPolicy {
  readonly capture: boolean;
  readonly redact: Redact | undefined;
}

/** Wrapper's options first, then the process's defaults, then the standard variable. */
export function contentPolicy(options: ContentOptions): ContentPolicy {
  return {
    capture: options.captureContent ?? defaults.captureContent ?? captureByEnvironment(),
    redact: options.redact ?? defaults.redact,
  };
}

/**
 * Reads the standard variable: SPAN_ONLY, SPAN_AND_EVENT and true mean on; NO_CONTENT, EVENT_ONLY (this package writes
 * no events) and false mean off; not set means on. A value nobody knows means off: the safe reading of a typing error.
 */
export function captureByEnvironment(): boolean {
  const value = process.env[CAPTURE_VARIABLE];
  if (value === undefined || value.trim() === "") return true;
  switch (value.trim().toUpperCase()) {
    case "TRUE":
    case "SPAN_ONLY":
    case "SPAN_AND_EVENT":
      return true;
    case "FALSE":
    case "NO_CONTENT":
    case "EVENT_ONLY":
      return false;
    default:
      diag.warn(
        `${CAPTURE_VARIABLE} has a value that is not known, so no content is written. ` +
          "Use SPAN_ONLY, SPAN_AND_EVENT, true, EVENT_ONLY, NO_CONTENT or false.",
      );
      return false;
  }
}

/** The value as it may be written, as JSON; `undefined` when nothing may be. Throws only what `redact` throws. */
export function allowedJson(policy: ContentPolicy, attribute: string, value: unknown): string | undefined {
  if (!policy.capture || value === undefined) return undefined;
  if (policy.redact === undefined) return toJson(value);
  const kept = redacted(policy.redact, attribute, JSON.parse(toJson(value)));
  return kept === undefined ? undefined : toJson(kept);
}

/** The same for content that is plain text and not JSON, such as a search query. */
export function allowedText(policy: ContentPolicy, attribute: string, value: string): string | undefined {
  if (!policy.capture) return undefined;
  if (policy.redact === undefined) return value;
  const kept = redacted(policy.redact, attribute, value);
  return kept === undefined ? undefined : typeof kept === "string" ? kept : toJson(kept);
}

/** Calls the callback; a promise counts as a failure, for the span can't wait for it. */
export function redacted(redact: Redact, attribute: string, copy: unknown): unknown {
  const kept = redact(copy, { attribute });
  if (typeof kept === "object" && kept !== null && "then" in kept) {
    Promise.resolve(kept).catch(() => undefined);
    throw new TypeError("redact returned a promise: it must answer at once");
  }
  return kept;
}
