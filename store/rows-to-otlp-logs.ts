import type { LogRecord } from "../schema/index.js";
import type { MirrorRow } from "./mirror-row.js";
import { rowAttributes, textToValue } from "./rows-to-otlp-values.js";
import { VALUE_CODES } from "./seal/lift-codes.js";

/** The log record of a row of `span_logs` whose `raw` is null. */
export function rowToLogRecord(row: MirrorRow): LogRecord {
  const attributes = rowAttributes(row);
  // The column also shows the older attribute event.name; such a record had no event_name of its own.
  const older = attributes.some(({ key, value }) => key === "event.name" && value?.stringValue !== undefined);
  const record: LogRecord = {
    timeUnixNano: row.time("time"),
    observedTimeUnixNano: row.time("observed_time"),
    severityNumber: row.number("severity_number"),
    severityText: row.text("severity_text") ?? "",
    attributes,
    droppedAttributesCount: row.number("dropped_attributes_count"),
    flags: row.number("flags"),
    traceId: row.text("trace_id") ?? "",
    spanId: row.text("span_id") ?? "",
    eventName: older ? "" : (row.text("event_name") ?? ""),
  };
  const code = VALUE_CODES.find((known) => known === row.text("body_type"));
  const body = code === undefined ? undefined : textToValue(code, row.text("body"));
  if (body !== undefined) record.body = body;
  return record;
}
