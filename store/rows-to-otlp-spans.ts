import type { KeyValue, Span, SpanEvent, SpanLink } from "../schema/index.js";
import type { MirrorRow } from "./mirror-row.js";
import { numberOf, rowAttributes, stringOf } from "./rows-to-otlp-values.js";
import { plainJsonToValue } from "./seal/plain-json.js";

const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const STATUS_CODES = ["UNSET", "OK", "ERROR"];

/** The span of a row of `spans` whose `raw` is null. */
export function rowToSpan(row: MirrorRow): Span {
  const statusCode = row.text("status_code");
  const span: Span = {
    traceId: row.text("trace_id") ?? "",
    spanId: row.text("span_id") ?? "",
    traceState: row.text("trace_state") ?? "",
    parentSpanId: row.text("parent_span_id") ?? "",
    flags: row.number("flags"),
    name: row.text("name") ?? "",
    kind: enumOf(KINDS, row.text("kind")),
    startTimeUnixNano: row.time("start_time"),
    endTimeUnixNano: row.time("end_time"),
    attributes: rowAttributes(row),
    droppedAttributesCount: row.number("dropped_attributes_count"),
    events: objectsOf(row.text("events")).map(toEvent),
    droppedEventsCount: row.number("dropped_events_count"),
    links: objectsOf(row.text("links")).map(toLink),
    droppedLinksCount: row.number("dropped_links_count"),
  };
  if (statusCode !== null) {
    span.status = { code: enumOf(STATUS_CODES, statusCode), message: row.text("status_message") ?? "" };
  }
  return span;
}

/** The number of an enum's name, or of the number that stands for an unknown one; 0 when absent. */
function enumOf(names: readonly string[], text: string | null): number {
  if (text === null) return 0;
  const known = names.indexOf(text);
  return known < 0 ? Number(text) : known;
}

function objectsOf(json: string | null): KeyValue[][] {
  if (json === null) return [];
  return (plainJsonToValue(json).arrayValue?.values ?? []).map((item) => item.kvlistValue?.values ?? []);
}

function attributesOf(fields: readonly KeyValue[]): KeyValue[] {
  return fields.find(({ key }) => key === "attributes")?.value?.kvlistValue?.values ?? [];
}

function toEvent(fields: KeyValue[]): SpanEvent {
  return {
    timeUnixNano: BigInt(stringOf(fields, "time_unix_nano")),
    name: stringOf(fields, "name"),
    attributes: attributesOf(fields),
    droppedAttributesCount: numberOf(fields, "dropped_attributes_count"),
  };
}

function toLink(fields: KeyValue[]): SpanLink {
  return {
    traceId: stringOf(fields, "trace_id"),
    spanId: stringOf(fields, "span_id"),
    traceState: stringOf(fields, "trace_state"),
    attributes: attributesOf(fields),
    droppedAttributesCount: numberOf(fields, "dropped_attributes_count"),
    flags: numberOf(fields, "flags"),
  };
}
