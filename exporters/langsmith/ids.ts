/**
 * LangSmith's ids for OpenTelemetry spans, as its own OTel ingest computes them: a trace id is read as a UUID, the root
 * run has the trace's UUID, and any other run is the span id, padded with zeros on the left. So feedback given in
 * LangSmith can be joined to local spans without asking, and sending a span twice is one run (I6).
 */
export function otelToRunId(traceId: string, spanId: string, isRoot: boolean): string {
  return isRoot ? traceIdToUuid(traceId) : `00000000-0000-0000-${spanId.slice(0, 4)}-${spanId.slice(4)}`;
}

/** 32 hex digits with the dashes of a UUID. */
export function traceIdToUuid(traceId: string): string {
  return [
    traceId.slice(0, 8),
    traceId.slice(8, 12),
    traceId.slice(12, 16),
    traceId.slice(16, 20),
    traceId.slice(20),
  ].join("-");
}

/** Whether text is a UUID in lowercase or uppercase, of any version. */
export function isUuid(text: string | undefined): text is string {
  return text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}

const MICROS_PER_SECOND = 1_000_000n;
/** Latest time that JavaScript's Date holds, microseconds. */
const DATE_MICROS_MAX = 8_640_000_000_000_000_000n;

/** Epoch nanoseconds as ISO 8601 with microseconds, as LangSmith's clients write start times. */
export function nanosToIso(nanos: bigint): string {
  const micros = clampMicros(nanos / 1_000n);
  const seconds = new Date(Number(micros / MICROS_PER_SECOND) * 1_000).toISOString().slice(0, -5);
  return `${seconds}.${String(micros % MICROS_PER_SECOND).padStart(6, "0")}Z`;
}

/** One segment of a dotted order: `YYYYMMDDTHHMMSSffffffZ` and the run id. Sorting them as text is depth-first order. */
export function dottedOrderSegment(startNanos: bigint, runId: string): string {
  return `${nanosToIso(startNanos).replace(/[-:.]/g, "")}${runId}`;
}

function clampMicros(micros: bigint): bigint {
  return micros > DATE_MICROS_MAX ? DATE_MICROS_MAX : micros;
}
