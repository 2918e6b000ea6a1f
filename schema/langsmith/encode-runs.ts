import { encodeMessage } from "../otlp/encode.js";
import { WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT } from "../otlp/wire-reader.js";
import { WireWriter } from "../otlp/wire-writer.js";
import { writeRunAttributes } from "./encode-run-attributes.js";
import { isRunId, runSpanId, runTraceId, UUID_CHARS } from "./ids.js";
import type { RawFields, RawRun } from "./raw-fields.js";
import { writeRawString } from "./raw-string.js";
import { KIND_INTERNAL, NATIVE_RUN_SCOPE, STATUS_ERROR, STATUS_OK } from "./run-span.js";
import { dottedOrderNanos } from "./time.js";

/** What a span takes beside its run's JSON, about: most of its texts are in it twice. */
const SPAN_BYTES = 1_536;
/** Fields of the messages around spans. */
const REQUEST_RESOURCE_SPANS = 1;
const RESOURCE_SCOPE_SPANS = 2;
const SCOPE_SCOPE = 1;
const SCOPE_SPANS = 2;

const SCOPE = encodeMessage("InstrumentationScope", {
  name: NATIVE_RUN_SCOPE,
  version: "",
  attributes: [],
  droppedAttributesCount: 0,
});

/**
 * One OTLP request whose spans are the runs: what `encodeOtlp` makes of the spans of `runToSpan`, but no object is made and
 * no JSON written: what a run's fields hold goes into its attributes byte by byte, as it came. (A property test compares
 * the two.) Bytes are written from the last to the first, so the fields of a message come in reverse order.
 */
export function encodeRuns(runs: readonly RawRun[]): Uint8Array {
  let bytes = SPAN_BYTES;
  for (const { fields } of runs) bytes += fields.size + SPAN_BYTES;
  const writer = new WireWriter(bytes);
  for (let at = runs.length - 1; at >= 0; at--) {
    const before = writer.written;
    writeSpan(writer, runs[at] as RawRun);
    writer.lengthSince(before);
    writer.tag(SCOPE_SPANS, WIRE_BYTES);
  }
  writer.bytes(SCOPE);
  writer.tag(SCOPE_SCOPE, WIRE_BYTES);
  for (const field of [RESOURCE_SCOPE_SPANS, REQUEST_RESOURCE_SPANS]) {
    writer.lengthSince(0);
    writer.tag(field, WIRE_BYTES);
  }
  return writer.take();
}

function writeSpan(writer: WireWriter, run: RawRun): void {
  const { fields } = run;
  const end = fields.time("end_time") ?? 0n;
  const start = startNanosOf(fields) ?? 0n;
  writeStatus(writer, fields, end);
  writeRunAttributes(writer, run, start);
  if (end !== 0n) {
    writer.fixed64(end);
    writer.tag(8, WIRE_FIXED64);
  }
  if (start !== 0n) {
    writer.fixed64(start);
    writer.tag(7, WIRE_FIXED64);
  }
  writer.varint(KIND_INTERNAL);
  writer.tag(6, WIRE_VARINT);
  const name = fields.find("name");
  if (fields.isString(name) && fields.length(name) > 2) {
    writeRawString(writer, fields, name);
    writer.tag(5, WIRE_BYTES);
  }
  const parent = fields.text("parent_run_id");
  if (isRunId(parent)) {
    writer.hex(runSpanId(parent));
    writer.tag(4, WIRE_BYTES);
  }
  const id = fields.text("id") ?? "";
  writer.hex(runSpanId(id));
  writer.tag(2, WIRE_BYTES);
  const trace = fields.find("trace_id");
  if (fields.isUuid(trace) && fields.length(trace) === UUID_CHARS + 2) {
    writer.uuid(fields.bytes, fields.start(trace) + 1);
  } else writer.hex(runTraceId(fields.text("trace_id") ?? id));
  writer.tag(1, WIRE_BYTES);
}

function writeStatus(writer: WireWriter, fields: RawFields, end: bigint): void {
  const error = fields.text("error") ?? "";
  if (error === "" && end === 0n) return;
  const before = writer.written;
  writer.varint(error === "" ? STATUS_OK : STATUS_ERROR);
  writer.tag(3, WIRE_VARINT);
  if (error !== "") {
    writer.string(error);
    writer.tag(2, WIRE_BYTES);
  }
  writer.lengthSince(before);
  writer.tag(15, WIRE_BYTES);
}

/** When a run started, nanoseconds since 1970, by its own field or its place in the trace; undefined when neither says. */
export function startNanosOf(fields: RawFields): bigint | undefined {
  return fields.time("start_time") ?? dottedOrderNanos(fields.text("dotted_order"));
}
