import { type FieldSpec, type MessageName, MESSAGES } from "../../schema/index.js";
import { validUtf8 } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

const VARINT = new Set(["bool", "int32", "uint32", "sint32", "enum", "int64", "uint64"]);
const FIXED_64 = new Set(["fixed64", "sfixed64", "double"]);
const LENGTH_DELIMITED = 2;

interface Known {
  readonly name: string;
  readonly spec: FieldSpec;
  readonly wireType: number;
}

const tables = new Map<MessageName, ReadonlyMap<number, Known>>();

function tableOf(message: MessageName): ReadonlyMap<number, Known> {
  const known = tables.get(message);
  if (known !== undefined) return known;
  const fields: Readonly<Record<string, FieldSpec>> = MESSAGES[message];
  const table = new Map(
    Object.entries(fields).map(([name, spec]) => [spec.number, { name, spec, wireType: wireTypeOf(spec) }]),
  );
  tables.set(message, table);
  return table;
}

function wireTypeOf(spec: FieldSpec): number {
  if (VARINT.has(spec.type)) return 0;
  if (FIXED_64.has(spec.type)) return 1;
  return spec.type === "fixed32" ? 5 : LENGTH_DELIMITED;
}

/**
 * Whether a message holds nothing that decoding it to an object loses: only known fields with their own wire types,
 * singular fields once, one member of each oneof, valid UTF-8, numbers within their type. The reader's position is left
 * at `end`. Throws CF_OTLP_MALFORMED when the bytes are no protobuf.
 */
export function isPlainMessage(
  message: MessageName,
  reader: WireReader,
  start: number,
  end: number,
): boolean {
  const table = tableOf(message);
  const seen = new Set<string>();
  let plain = true;
  reader.pos = start;
  while (reader.pos < end) {
    const tag = reader.varint32();
    const known = table.get(tag >>> 3);
    const packed = known?.spec.repeated === true && (tag & 7) === LENGTH_DELIMITED;
    if (known === undefined || (known.wireType !== (tag & 7) && !packed)) {
      plain = false;
      reader.skip(tag, end);
      continue;
    }
    const { spec, name } = known;
    if (spec.repeated !== true) {
      const slot = spec.oneof ?? name;
      if (seen.has(slot)) plain = false;
      seen.add(slot);
    }
    if (!plainField(spec, tag, reader, end)) plain = false;
  }
  if (reader.pos !== end) throw malformed("a field longer than the message it is in", end);
  return plain;
}

function plainField(spec: FieldSpec, tag: number, reader: WireReader, limit: number): boolean {
  if ((tag & 7) === LENGTH_DELIMITED) {
    const end = reader.fieldEnd(limit);
    const start = reader.pos;
    reader.pos = end;
    if (spec.type === "string") return validUtf8(reader.bytes, start, end - start);
    if (Object.hasOwn(MESSAGES, spec.type)) {
      return isPlainMessage(spec.type as MessageName, reader, start, end);
    }
    return true;
  }
  if ((tag & 7) !== 0) {
    reader.skip(tag, limit);
    return true;
  }
  const short = reader.varint64();
  if (spec.type === "uint32" || spec.type === "sint32") return short;
  if (spec.type === "int32" || spec.type === "enum") {
    return short ? reader.lo < 0x8000_0000 : reader.hi === 0xffff_ffff && reader.lo >= 0x8000_0000;
  }
  return true;
}
