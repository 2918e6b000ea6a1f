import { ANY_VALUE_DEPTH_MAX } from "../limits.js";
import { COMPILED, ROOTS, type Field, type Message, type Plain } from "./compiled.js";
import { tooDeep } from "./malformed.js";
import type { MessageName, MessageTypes, ScalarType } from "./messages.js";
import type { KeyValue, Signal, SignalData } from "./types.js";
import { WIRE_BYTES } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

type Write = (writer: WireWriter, value: never) => void;

const WRITE: Readonly<Record<ScalarType, Write>> = {
  string: (writer, value: string) => writer.string(value),
  hex: (writer, value: string) => writer.hex(value),
  bytes: (writer, value: Uint8Array) => writer.bytes(value),
  bool: (writer, value: boolean) => writer.bool(value),
  int32: (writer, value: number) => writer.int32(value),
  uint32: (writer, value: number) => writer.uint32(value),
  sint32: (writer, value: number) => writer.sint32(value),
  enum: (writer, value: number) => writer.int32(value),
  int64: (writer, value: bigint) => writer.varint64(value),
  uint64: (writer, value: bigint) => writer.varint64(value),
  fixed32: (writer, value: number) => writer.fixed32(value),
  fixed64: (writer, value: bigint) => writer.fixed64(value),
  sfixed64: (writer, value: bigint) => writer.fixed64(value),
  double: (writer, value: number) => writer.double(value),
};

/**
 * Encodes one Export*ServiceRequest, fields in order of their numbers, numbers in lists packed: the canonical bytes.
 * Default scalars are left out, present messages and optional members are kept even when empty.
 * @throws CF_OTLP_MALFORMED for an id that is not hex, CF_OTLP_TOO_DEEP beyond ANY_VALUE_DEPTH_MAX nested values.
 */
export function encodeOtlp<S extends Signal>(signal: S, data: SignalData[S]): Uint8Array {
  const writer = new WireWriter();
  writeMessage(writer, ROOTS[signal], data as unknown as Plain, 0);
  return writer.finish();
}

/**
 * Encodes one message of OTLP by its name.
 * @throws as {@link encodeOtlp}
 */
export function encodeMessage<M extends MessageName>(name: M, value: MessageTypes[M]): Uint8Array {
  const writer = new WireWriter();
  writeMessage(writer, COMPILED[name], value as unknown as Plain, 0);
  return writer.finish();
}

/** Writes one message's fields, last first; `depth` counts the arrays and key-value lists around it. */
function writeMessage(writer: WireWriter, message: Message, value: Plain, depth: number): void {
  const inside = message.container ? depth + 1 : depth;
  if (inside > ANY_VALUE_DEPTH_MAX) throw tooDeep(ANY_VALUE_DEPTH_MAX, "in the data to encode");
  const { fields } = message;
  for (let index = fields.length - 1; index >= 0; index--) {
    const field = fields[index];
    if (field === undefined) continue;
    const member = value[field.name];
    if (member === undefined) continue;
    if (field.repeated) writeList(writer, field, member as readonly unknown[], inside);
    else if (field.message !== undefined) writeChild(writer, field, member as Plain, inside);
    else if (field.scalar !== undefined && !(field.implicit && isDefault(member))) {
      WRITE[field.scalar](writer, member as never);
      writer.tag(field.number, field.wireType);
    }
  }
}

function writeList(writer: WireWriter, field: Field, list: readonly unknown[], depth: number): void {
  if (list.length === 0) return;
  const before = writer.written;
  for (let index = list.length - 1; index >= 0; index--) {
    if (field.message !== undefined) writeChild(writer, field, list[index] as Plain, depth);
    else if (field.scalar !== undefined) {
      WRITE[field.scalar](writer, list[index] as never);
      if (field.wireType === WIRE_BYTES) writer.tag(field.number, WIRE_BYTES);
    }
  }
  if (field.wireType !== WIRE_BYTES) {
    writer.lengthSince(before);
    writer.tag(field.number, WIRE_BYTES);
  }
}

function writeChild(writer: WireWriter, field: Field, child: Plain, depth: number): void {
  if (field.message === undefined) return;
  const before = writer.written;
  if (field.message === COMPILED.KeyValue) writeKeyValue(writer, child as unknown as KeyValue, depth);
  else writeMessage(writer, field.message, child, depth);
  writer.lengthSince(before);
  writer.tag(field.number, WIRE_BYTES);
}

/** Attributes are most of a request, and most hold a string: by hand, with the same result as the table's. */
function writeKeyValue(writer: WireWriter, { key, value }: KeyValue, depth: number): void {
  if (value !== undefined) {
    const before = writer.written;
    if (value.stringValue === undefined) {
      writeMessage(writer, COMPILED.AnyValue, value as unknown as Plain, depth);
    } else {
      writer.string(value.stringValue);
      writer.tag(1, WIRE_BYTES);
    }
    writer.lengthSince(before);
    writer.tag(2, WIRE_BYTES);
  }
  if (key !== "") {
    writer.string(key);
    writer.tag(1, WIRE_BYTES);
  }
}

/** Protobuf's default by bits: -0 is not the default of a double, so it is written. */
function isDefault(value: unknown): boolean {
  return Object.is(value, 0) || value === "" || value === 0n || value === false;
}
