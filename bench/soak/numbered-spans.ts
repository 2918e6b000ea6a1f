import { encodeOtlp, type Span } from "../../schema/index.js";

/** Spans of one trace, so that reading back sees traces of several spans. */
const SPANS_PER_TRACE = 8;
const SECOND_NANOS = 1_000_000_000n;

/** The span id of the span with a number. */
export function spanIdOf(number: number): string {
  return number.toString(16).padStart(16, "0");
}

/** The number of a span id. */
export function numberOf(spanId: string): number {
  return Number.parseInt(spanId, 16);
}

/** The request with the spans from `first` on, as OTLP protobuf; each has one text of `textChars` characters. */
export function numberedRequest(first: number, count: number, textChars: number): Uint8Array {
  const startTimeUnixNano = BigInt(Date.now()) * 1_000_000n;
  const text = "the copy you keep ".repeat(Math.ceil(textChars / 18)).slice(0, textChars);
  const spans: Span[] = Array.from({ length: count }, (_, index) => {
    const number = first + index;
    return {
      traceId: (Math.floor(number / SPANS_PER_TRACE) + 1).toString(16).padStart(32, "0"),
      spanId: spanIdOf(number),
      traceState: "",
      parentSpanId: "",
      flags: 0,
      name: "soak",
      kind: 1,
      startTimeUnixNano,
      endTimeUnixNano: startTimeUnixNano + SECOND_NANOS,
      attributes: [{ key: "gen_ai.input.messages", value: { stringValue: `${number} ${text}` } }],
      droppedAttributesCount: 0,
      events: [],
      droppedEventsCount: 0,
      links: [],
      droppedLinksCount: 0,
    };
  });
  return encodeOtlp("traces", { resourceSpans: [{ scopeSpans: [{ spans, schemaUrl: "" }], schemaUrl: "" }] });
}
