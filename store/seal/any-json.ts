import { ANY_VALUE_DEPTH_MAX, CounterfoilError } from "../../schema/index.js";
import { doubleOf, doubleText, type Scratch } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

const KEYS_COMPARED_MAX = 64;
const COLON = 58;
const COMMA = 44;

/** Calls back with each attribute's key range and value range (start, end; start is -1 when it has no value). */
export interface AttributeSeen {
  (keyOffset: number, keyLength: number, valueStart: number, valueEnd: number): void;
}

/**
 * Writes OTLP attribute lists and AnyValues as plain JSON into a scratch buffer, straight from the wire. Integers are
 * written without, doubles always with a point or exponent, so that types come back; what JSON can't tell apart
 * clears {@link exact}.
 */
export class AnyJsonWriter {
  /** False once something was written that can't be had back exactly. Callers set it to true before they start. */
  exact = true;

  constructor(
    readonly reader: WireReader,
    readonly scratch: Scratch,
  ) {}

  /**
   * The object `{key: value, ...}` of all fields with the tag `fieldTag` (KeyValue messages) in a message's range.
   * Other fields are passed over: whether they may be there is the caller's business.
   */
  attributes(start: number, end: number, fieldTag: number, seen?: AttributeSeen): number {
    const { reader, scratch } = this;
    reader.pos = start;
    let count = 0;
    const keys: number[] = [];
    scratch.reserve(2);
    scratch.byte(123);
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag !== fieldTag) {
        reader.skip(tag, end);
        continue;
      }
      const kvEnd = reader.fieldEnd(end);
      if (count++ > 0) {
        scratch.reserve(1);
        scratch.byte(COMMA);
      }
      this.#keyValue(kvEnd, 1, keys, seen);
    }
    this.#closed(end);
    this.#checkKeys(keys);
    scratch.reserve(1);
    scratch.byte(125);
    return count;
  }

  /** One AnyValue whose content is the range, as JSON. */
  value(start: number, end: number, depth = 1): void {
    const { reader, scratch } = this;
    if (depth > ANY_VALUE_DEPTH_MAX + 1) {
      throw new CounterfoilError(
        "CF_OTLP_TOO_DEEP",
        `an attribute value is nested deeper than ${ANY_VALUE_DEPTH_MAX} levels`,
      );
    }
    reader.pos = start;
    if (start === end) {
      // The empty value, which is how OTLP says null. An attribute without any value is something else: see #keyValue.
      scratch.ascii("null");
      return;
    }
    const from = scratch.length;
    let members = 0;
    while (reader.pos < end) {
      const tag = reader.varint32();
      const before = scratch.length;
      if (this.#member(tag, end, depth)) {
        if (members++ > 0) {
          // The last member of a oneof wins: move it over the earlier one.
          scratch.bytes.copyWithin(from, before, scratch.length);
          scratch.length -= before - from;
        }
      } else {
        this.exact = false;
        reader.skip(tag, end);
      }
    }
    this.#closed(end);
    if (members === 0) scratch.ascii("null");
    if (members !== 1) this.exact = false;
  }

  #closed(end: number): void {
    if (this.reader.pos !== end) throw malformed("a field longer than the message it is in", end);
  }

  #member(tag: number, end: number, depth: number): boolean {
    const { reader, scratch } = this;
    switch (tag) {
      case 10: {
        const stop = reader.fieldEnd(end);
        if (!scratch.jsonString(reader.bytes, reader.pos, stop - reader.pos)) this.exact = false;
        reader.pos = stop;
        return true;
      }
      case 16:
        reader.varint64();
        scratch.ascii(reader.lo !== 0 || reader.hi !== 0 ? "true" : "false");
        return true;
      case 24:
        reader.varint64();
        scratch.int64(reader.lo, reader.hi);
        return true;
      case 33:
        reader.fixed64();
        this.#double(doubleOf(reader.lo, reader.hi));
        return true;
      case 42:
        this.#array(reader.fieldEnd(end), depth);
        return true;
      case 50:
        this.#keyValueList(reader.fieldEnd(end), depth);
        return true;
      case 58: {
        const stop = reader.fieldEnd(end);
        this.exact = false;
        scratch.ascii(`"${base64(reader.bytes, reader.pos, stop)}"`);
        reader.pos = stop;
        return true;
      }
      default:
        return false;
    }
  }

  #double(value: number): void {
    if (Number.isFinite(value)) this.scratch.ascii(doubleText(value));
    else {
      this.exact = false;
      this.scratch.ascii(`"${String(value)}"`);
    }
  }

  #array(end: number, depth: number): void {
    const { reader, scratch } = this;
    let count = 0;
    scratch.reserve(2);
    scratch.byte(91);
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag !== 10) {
        this.exact = false;
        reader.skip(tag, end);
        continue;
      }
      const stop = reader.fieldEnd(end);
      if (count++ > 0) {
        scratch.reserve(1);
        scratch.byte(COMMA);
      }
      if (!this.#plainString(stop)) this.value(reader.pos, stop, depth + 1);
    }
    this.#closed(end);
    scratch.reserve(1);
    scratch.byte(93);
  }

  /** Writes an element that is a string in the usual form; false, and nothing read, when it is not. */
  #plainString(end: number): boolean {
    const { reader } = this;
    const start = reader.pos;
    if (start === end || reader.bytes[start] !== 10) return false;
    reader.pos = start + 1;
    const length = reader.varint32();
    if (reader.pos + length !== end) {
      reader.pos = start;
      return false;
    }
    if (!this.scratch.jsonString(reader.bytes, reader.pos, length)) this.exact = false;
    reader.pos = end;
    return true;
  }

  #keyValueList(end: number, depth: number): void {
    const { reader, scratch } = this;
    const keys: number[] = [];
    let count = 0;
    scratch.reserve(2);
    scratch.byte(123);
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag !== 10) {
        this.exact = false;
        reader.skip(tag, end);
        continue;
      }
      const stop = reader.fieldEnd(end);
      if (count++ > 0) {
        scratch.reserve(1);
        scratch.byte(COMMA);
      }
      this.#keyValue(stop, depth + 1, keys);
    }
    this.#closed(end);
    this.#checkKeys(keys);
    scratch.reserve(1);
    scratch.byte(125);
  }

  #keyValue(end: number, depth: number, keys: number[], seen?: AttributeSeen): void {
    const { reader, scratch } = this;
    const start = reader.pos;
    let keyOffset = start;
    let keyLength = 0;
    let valueStart = -1;
    let valueEnd = -1;
    let fields = 0;
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag === 10) {
        const stop = reader.fieldEnd(end);
        keyOffset = reader.pos;
        keyLength = stop - keyOffset;
        reader.pos = stop;
        fields += 1;
      } else if (tag === 18) {
        valueEnd = reader.fieldEnd(end);
        valueStart = reader.pos;
        reader.pos = valueEnd;
        fields += 8;
      } else {
        this.exact = false;
        reader.skip(tag, end);
      }
    }
    this.#closed(end);
    // 9 is one key and one value; 8 is a value without a key field, which means the empty key.
    if (fields !== 9 && fields !== 8) this.exact = false;
    keys.push(keyOffset, keyLength);
    if (!scratch.jsonString(reader.bytes, keyOffset, keyLength)) this.exact = false;
    scratch.reserve(1);
    scratch.byte(COLON);
    if (valueStart < 0) {
      this.exact = false;
      scratch.ascii("null");
    } else this.value(valueStart, valueEnd, depth);
    reader.pos = end;
    seen?.(keyOffset, keyLength, valueStart, valueEnd);
  }

  /** A key that occurs twice can't come back from a JSON object. Long lists are doubted instead of compared. */
  #checkKeys(keys: number[]): void {
    const count = keys.length / 2;
    if (count > KEYS_COMPARED_MAX) {
      const names = new Set<string>();
      const bytes = this.reader.bytes;
      for (let i = 0; i < keys.length; i += 2) {
        const offset = keys[i] as number;
        names.add(Buffer.from(bytes.buffer, bytes.byteOffset + offset, keys[i + 1]).toString("latin1"));
      }
      if (names.size !== count) this.exact = false;
      return;
    }
    for (let i = 2; i < keys.length; i += 2) {
      for (let j = 0; j < i; j += 2) {
        if (
          keys[i + 1] === keys[j + 1] &&
          this.#same(keys[i] as number, keys[j] as number, keys[i + 1] as number)
        ) {
          this.exact = false;
        }
      }
    }
  }

  #same(a: number, b: number, length: number): boolean {
    return sameBytes(this.reader.bytes, a, b, length);
  }
}

/** Whether two ranges of one array are equal. */
export function sameBytes(bytes: Uint8Array, a: number, b: number, length: number): boolean {
  for (let i = length - 1; i >= 0; i--) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}

/** A range as base64. */
export function base64(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("base64");
}
