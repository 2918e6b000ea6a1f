import { TRACE_MEMORY_SPANS_MAX, type Span } from "../../schema/index.js";
import { dottedOrderSegment, otelToRunId } from "./ids.js";
import { attributeMap, isRootSpan } from "./read-genai.js";
import { placeBelow, type RunPlace } from "./run.js";

interface KnownSpan {
  readonly parentSpanId: string;
  readonly startNanos: bigint;
  readonly isRoot: boolean;
}

interface KnownTrace {
  readonly spans: Map<string, KnownSpan>;
  /** Segments that were sent as part of an order; they stay as they are, whatever is learned later. */
  readonly segments: Map<string, string>;
  rootSpanId?: string;
}

/** Stands for the root while its span is unknown; no span id looks like it. */
const UNKNOWN_ROOT = "root";
/** Ancestors followed before a cycle of parents is assumed. */
const DEPTH_MAX = 1_000;

/**
 * What is known of each trace, for placing runs: `dotted_order` needs every ancestor's start time. Bounded; the traces
 * longest unused are forgotten first.
 */
export class TraceTree {
  readonly #traces = new Map<string, KnownTrace>();
  readonly #spansMax: number;
  #spans = 0;

  constructor(spansMax: number = TRACE_MEMORY_SPANS_MAX) {
    this.#spansMax = spansMax;
  }

  /** Remembers a span. */
  learn(span: Span): void {
    const trace = this.#touch(span.traceId);
    const isRoot = isRootSpan(span, attributeMap(span.attributes));
    if (!trace.spans.has(span.spanId)) this.#spans += 1;
    trace.spans.set(span.spanId, {
      parentSpanId: span.parentSpanId,
      startNanos: span.startTimeUnixNano,
      isRoot,
    });
    if (isRoot) trace.rootSpanId = span.spanId;
    this.#forget();
  }

  /** Whether the trace's root was seen. */
  hasRoot(traceId: string): boolean {
    return this.#traces.get(traceId)?.rootSpanId !== undefined;
  }

  /**
   * Ids and order of a span's run. An ancestor that is not known is taken to start with its child and to hang below the
   * root; what was said once about an ancestor stays, so that all orders of a trace keep fitting each other.
   */
  place(span: Span): RunPlace {
    const trace = this.#touch(span.traceId);
    const isRoot = isRootSpan(span, attributeMap(span.attributes));
    const ancestors = isRoot ? [] : this.#ancestors(span, trace);
    const key = isRoot ? UNKNOWN_ROOT : span.spanId;
    const place = placeBelow(span, isRoot, ancestors);
    const settled = trace.segments.get(key);
    if (settled !== undefined && settled.endsWith(place.runId)) {
      return { ...place, dottedOrder: [...ancestors, settled].join(".") };
    }
    if (settled === undefined) trace.segments.set(key, place.dottedOrder.split(".").at(-1) ?? "");
    return place;
  }

  /** Segments from the root down to the span's parent. */
  #ancestors(span: Span, trace: KnownTrace): string[] {
    const path: string[] = [];
    let parentId = span.parentSpanId;
    let childStart = span.startTimeUnixNano;
    for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
      const parent = trace.spans.get(parentId);
      if (parent === undefined) {
        path.unshift(this.#segment(trace, span.traceId, parentId, { startNanos: childStart, isRoot: false }));
        break;
      }
      path.unshift(this.#segment(trace, span.traceId, parentId, parent));
      if (parent.isRoot) return path;
      childStart = parent.startNanos;
      parentId = parent.parentSpanId;
    }
    const root = trace.rootSpanId === undefined ? undefined : trace.spans.get(trace.rootSpanId);
    const startNanos = root?.startNanos ?? childStart;
    path.unshift(this.#segment(trace, span.traceId, UNKNOWN_ROOT, { startNanos, isRoot: true }));
    return path;
  }

  #segment(
    trace: KnownTrace,
    traceId: string,
    spanId: string,
    known: { startNanos: bigint; isRoot: boolean },
  ): string {
    const key = known.isRoot ? UNKNOWN_ROOT : spanId;
    let segment = trace.segments.get(key);
    if (segment === undefined) {
      segment = dottedOrderSegment(known.startNanos, otelToRunId(traceId, spanId, known.isRoot));
      trace.segments.set(key, segment);
    }
    return segment;
  }

  #touch(traceId: string): KnownTrace {
    const trace = this.#traces.get(traceId) ?? { spans: new Map(), segments: new Map() };
    this.#traces.delete(traceId);
    this.#traces.set(traceId, trace);
    return trace;
  }

  #forget(): void {
    for (const [traceId, trace] of this.#traces) {
      if (this.#spans <= this.#spansMax || this.#traces.size === 1) return;
      this.#traces.delete(traceId);
      this.#spans -= trace.spans.size;
    }
  }
}
