import { malformed } from "./malformed.js";

/** Protobuf wire types that OTLP may use; 3 and 4 (groups) are refused. */
export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BYTES = 2;
export const WIRE_FIXED32 = 5;

/**
 * Reads the protobuf wire format. Every read is checked against `limit`, the end of the message being read, so a bad
 * length can never reach into the message around it. Faults throw CF_OTLP_MALFORMED with the byte offset.
 */
export class WireReader {
  readonly bytes: Buffer;
  readonly #view: DataView;
  pos = 0;
  limit: number;
  /** Upper 32 bits of the varint read last. */
  high = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.limit = bytes.byteLength;
  }

  /** Lower 32 bits (unsigned) of a varint; the upper 32 are in {@link high}. */
  varint(): number {
    const byte = this.pos < this.limit ? (this.bytes[this.pos] as number) : 128;
    if (byte > 127) return this.#longVarint();
    this.pos++;
    this.high = 0;
    return byte;
  }

  #longVarint(): number {
    const start = this.pos;
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      if (this.pos >= this.limit) throw this.#cutOff("a number");
      const byte = this.bytes[this.pos++] as number;
      const bits = byte & 127;
      if (index < 4) low |= bits << (7 * index);
      else if (index === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * index - 32);
      if (byte < 128) {
        this.high = high >>> 0;
        return low >>> 0;
      }
    }
    throw malformed(`a varint of more than 10 bytes at byte ${start}`);
  }

  /** The next field's tag, `number << 3 | wire type`: a number from 1 to 2^29-1 and a wire type in use. */
  tag(): number {
    const start = this.pos;
    const tag = this.varint();
    if (this.high !== 0 || tag < 8) {
      throw malformed(`field number ${this.high === 0 ? 0 : "out of range"} at byte ${start}`);
    }
    return tag;
  }

  /** A length that fits in the enclosing message. */
  length(): number {
    const start = this.pos;
    const length = this.varint();
    if (this.high !== 0 || length > this.limit - this.pos) {
      throw malformed(
        `a length at byte ${start} reaches beyond the end of its message (the body may be cut off)`,
      );
    }
    return length;
  }

  /** Narrows the limit to the nested message that starts here; give the returned limit back to {@link leave}. */
  enter(): number {
    const outer = this.limit;
    const length = this.length();
    this.limit = this.pos + length;
    return outer;
  }

  leave(outer: number): void {
    this.limit = outer;
  }

  /** Whether the current message holds more. */
  more(): boolean {
    return this.pos < this.limit;
  }

  skip(wireType: number): void {
    switch (wireType) {
      case WIRE_VARINT:
        this.varint();
        return;
      case WIRE_FIXED64:
        this.#advance(8);
        return;
      case WIRE_BYTES: {
        const length = this.length();
        this.pos += length;
        return;
      }
      case WIRE_FIXED32:
        this.#advance(4);
        return;
      default:
        throw malformed(
          `wire type ${wireType} before byte ${this.pos} (groups and reserved types are not used by OTLP)`,
        );
    }
  }

  int32(): number {
    return this.varint() | 0;
  }

  uint32(): number {
    return this.varint();
  }

  sint32(): number {
    const value = this.varint();
    return (value >>> 1) ^ -(value & 1);
  }

  bool(): boolean {
    return this.varint() !== 0 || this.high !== 0;
  }

  uint64(): bigint {
    const low = this.varint();
    return this.high === 0 ? BigInt(low) : (BigInt(this.high) << 32n) | BigInt(low);
  }

  int64(): bigint {
    const low = this.varint();
    return this.high === 0 ? BigInt(low) : (BigInt(this.high | 0) << 32n) | BigInt(low);
  }

  fixed32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  fixed64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  sfixed64(): bigint {
    return this.#view.getBigInt64(this.#advance(8), true);
  }

  double(): number {
    return this.#view.getFloat64(this.#advance(8), true);
  }

  /** A string; invalid UTF-8 becomes U+FFFD. */
  string(): string {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return length === 0 ? "" : this.bytes.toString("utf8", start, this.pos);
  }

  /** Bytes as lowercase hex: how ids are shown. */
  hex(): string {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return length === 0 ? "" : this.bytes.toString("hex", start, this.pos);
  }

  /** A copy of bytes, so that a kept value does not keep the whole request alive. */
  bytesCopy(): Uint8Array {
    const length = this.length();
    const start = this.pos;
    this.pos += length;
    return new Uint8Array(this.bytes.subarray(start, this.pos));
  }

  #advance(size: number): number {
    const start = this.pos;
    if (size > this.limit - start) throw this.#cutOff(`${size} bytes`);
    this.pos = start + size;
    return start;
  }

  #cutOff(what: string): Error {
    return malformed(`the message ends at byte ${this.limit}, in the middle of ${what}`);
  }
}
