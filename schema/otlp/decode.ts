import { ANY_VALUE_DEPTH_MAX } from "../limits.js";
import { COMPILED, emptyMessage, ROOTS, type Field, type Message, type Plain } from "./compiled.js";
import { tooDeep } from "./malformed.js";
import type { MessageName, MessageTypes, ScalarType } from "./messages.js";
import type { AnyValue, KeyValue, Signal, SignalData } from "./types.js";
import { WIRE_BYTES, WireReader } from "./wire-reader.js";

const READ: Readonly<Record<ScalarType, (reader: WireReader) => unknown>> = {
  string: (reader) => reader.string(),
  hex: (reader) => reader.hex(),
  bytes: (reader) => reader.bytesCopy(),
  bool: (reader) => reader.bool(),
  int32: (reader) => reader.int32(),
  uint32: (reader) => reader.uint32(),
  sint32: (reader) => reader.sint32(),
  enum: (reader) => reader.int32(),
  int64: (reader) => reader.int64(),
  uint64: (reader) => reader.uint64(),
  fixed32: (reader) => reader.fixed32(),
  fixed64: (reader) => reader.fixed64(),
  sfixed64: (reader) => reader.sfixed64(),
  double: (reader) => reader.double(),
};

/**
 * Decodes one Export*ServiceRequest (or TracesData, LogsData, MetricsData: the same wire form). By protobuf's rules:
 * the last scalar wins, a singular message sent twice is merged, lists may be packed or not, unknown fields and fields
 * with another wire type are skipped. Invalid UTF-8 becomes U+FFFD.
 * @throws CF_OTLP_MALFORMED with the byte offset, CF_OTLP_TOO_DEEP beyond ANY_VALUE_DEPTH_MAX nested values.
 */
export function decodeOtlp<S extends Signal>(signal: S, bytes: Uint8Array): SignalData[S] {
  return readMessage(new WireReader(bytes), ROOTS[signal]) as unknown as SignalData[S];
}

/**
 * Decodes one message of OTLP by its name, e.g. a `ResourceSpans` or a `NumberDataPoint`.
 * @throws as {@link decodeOtlp}
 */
export function decodeMessage<M extends DecodableMessage>(name: M, bytes: Uint8Array): MessageTypes[M] {
  const reader = new WireReader(bytes);
  const read =
    name === "AnyValue" ? readAnyValue(reader, 0) : name === "KeyValue" ? readKeyValue(reader, 0) : undefined;
  return (read ?? readMessage(reader, COMPILED[name])) as unknown as MessageTypes[M];
}

/** Messages that {@link decodeMessage} starts from: all but the inside of an AnyValue. */
export type DecodableMessage = Exclude<MessageName, "ArrayValue" | "KeyValueList">;

/** Reads the fields of one message up to the reader's limit, into `target` when the message came in parts. */
function readMessage(reader: WireReader, message: Message, target: Plain = emptyMessage(message)): Plain {
  while (reader.more()) {
    const tag = reader.tag();
    const field = message.byTag[tag];
    if (field === undefined) reader.skip(tag & 7);
    else if (field.message !== undefined) readChild(reader, field, field.message, target);
    else if (field.scalar !== undefined) readScalar(reader, field, field.scalar, tag & 7, target);
  }
  return target;
}

function readChild(reader: WireReader, field: Field, child: Message, target: Plain): void {
  const outer = reader.enter();
  if (field.repeated) {
    const list = target[field.name] as unknown[];
    if (child.name === "KeyValue") list.push(readKeyValue(reader, 0));
    else list.push(readMessage(reader, child));
  } else {
    clearRivals(field, target);
    const before = target[field.name];
    if (child.name === "AnyValue")
      target[field.name] = readAnyValue(reader, 0, before as AnyValue | undefined);
    else target[field.name] = readMessage(reader, child, before as Plain | undefined);
  }
  reader.leave(outer);
}

function readScalar(
  reader: WireReader,
  field: Field,
  type: ScalarType,
  wireType: number,
  target: Plain,
): void {
  const read = READ[type];
  if (!field.repeated) {
    clearRivals(field, target);
    target[field.name] = read(reader);
    return;
  }
  const list = target[field.name] as unknown[];
  if (wireType !== WIRE_BYTES || field.wireType === WIRE_BYTES) {
    list.push(read(reader));
    return;
  }
  const outer = reader.enter();
  while (reader.more()) list.push(read(reader));
  reader.leave(outer);
}

/** Of the members of a oneof, the one read last stays. */
function clearRivals(field: Field, target: Plain): void {
  for (const rival of field.rivals) if (target[rival] !== undefined) delete target[rival];
}

/* Attributes are most of a request, so these two are written by hand: they make objects of few, fixed shapes. */

function readKeyValue(reader: WireReader, depth: number): KeyValue {
  let key = "";
  let value: AnyValue | undefined;
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === 0x0a) key = reader.string();
    else if (tag === 0x12) {
      const outer = reader.enter();
      value = readAnyValue(reader, depth, value);
      reader.leave(outer);
    } else reader.skip(tag & 7);
  }
  return value === undefined ? { key } : { key, value };
}

/** `depth` counts the arrays and key-value lists around this value; `before` is what an earlier part of it held. */
function readAnyValue(reader: WireReader, depth: number, before?: AnyValue): AnyValue {
  let value = before ?? {};
  while (reader.more()) {
    const tag = reader.tag();
    switch (tag) {
      case 0x0a:
        value = { stringValue: reader.string() };
        break;
      case 0x10:
        value = { boolValue: reader.bool() };
        break;
      case 0x18:
        value = { intValue: reader.int64() };
        break;
      case 0x21:
        value = { doubleValue: reader.double() };
        break;
      case 0x2a:
        value = { arrayValue: { values: readArray(reader, depth + 1, value.arrayValue?.values) } };
        break;
      case 0x32:
        value = { kvlistValue: { values: readKeyValues(reader, depth + 1, value.kvlistValue?.values) } };
        break;
      case 0x3a:
        value = { bytesValue: reader.bytesCopy() };
        break;
      default:
        reader.skip(tag & 7);
    }
  }
  return value;
}

function readArray(reader: WireReader, depth: number, before: AnyValue[] | undefined): AnyValue[] {
  if (depth > ANY_VALUE_DEPTH_MAX) throw tooDeep(ANY_VALUE_DEPTH_MAX, `at byte ${reader.pos}`);
  const values = before ?? [];
  const outer = reader.enter();
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === 0x0a) {
      const inner = reader.enter();
      values.push(readAnyValue(reader, depth));
      reader.leave(inner);
    } else reader.skip(tag & 7);
  }
  reader.leave(outer);
  return values;
}

function readKeyValues(reader: WireReader, depth: number, before: KeyValue[] | undefined): KeyValue[] {
  if (depth > ANY_VALUE_DEPTH_MAX) throw tooDeep(ANY_VALUE_DEPTH_MAX, `at byte ${reader.pos}`);
  const values = before ?? [];
  const outer = reader.enter();
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === 0x0a) {
      const inner = reader.enter();
      values.push(readKeyValue(reader, depth));
      reader.leave(inner);
    } else reader.skip(tag & 7);
  }
  reader.leave(outer);
  return values;
}
