import { CounterfoilError } from "../../schema/index.js";

const LOW_BITS = 0x1_0000_0000;

/** The error for bytes that are not the protobuf they should be. */
export function malformed(what: string, position: number): CounterfoilError {
  return new CounterfoilError(
    "CF_OTLP_MALFORMED",
    `not a valid OTLP message: ${what} at byte ${position}; the sender's encoder or the stored bytes are damaged`,
  );
}

/**
 * Reads protobuf's wire format in place. It never reads beyond the array, but a varint may run past the end of the
 * message it is in: callers check `pos` against the message's end after its last field.
 */
export class WireReader {
  bytes: Uint8Array = new Uint8Array(0);
  pos = 0;
  /** The last 64-bit value read, low and high 32 bits, unsigned. */
  lo = 0;
  hi = 0;

  /** Takes up a byte range's array; positions are absolute in it. */
  open(bytes: Uint8Array, pos: number): void {
    this.bytes = bytes;
    this.pos = pos;
  }

  /** A field tag or a length: at most 32 bits. */
  varint32(): number {
    const bytes = this.bytes;
    const start = this.pos;
    let byte = bytes[this.pos++] as number;
    if (byte < 128) return byte;
    let value = byte & 127;
    byte = bytes[this.pos++] as number;
    value |= (byte & 127) << 7;
    if (byte < 128) return value;
    byte = bytes[this.pos++] as number;
    value |= (byte & 127) << 14;
    if (byte < 128) return value;
    byte = bytes[this.pos++] as number;
    value |= (byte & 127) << 21;
    if (byte < 128) return value;
    byte = bytes[this.pos++] as number;
    if (byte < 16) return (value | (byte << 28)) >>> 0;
    // Longer than it needs to be (allowed, never seen), over 32 bits, or the end of the data.
    this.pos = start;
    if (this.varint64()) return this.lo;
    throw malformed("a tag or length over 32 bits", this.pos);
  }

  /** A varint of up to 64 bits into {@link lo} and {@link hi}. Returns true when it fits 32 bits unsigned. */
  varint64(): boolean {
    const bytes = this.bytes;
    let lo = 0;
    let hi = 0;
    let shift = 0;
    for (;;) {
      const byte = bytes[this.pos++];
      if (byte === undefined) throw malformed("the data ends inside a varint", this.pos);
      const bits = byte & 127;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >> 4;
      } else if (shift < 63) hi |= bits << (shift - 32);
      else if (shift === 63) hi |= (bits & 1) << 31;
      else throw malformed("a varint longer than ten bytes", this.pos);
      if (byte < 128) break;
      shift += 7;
    }
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
    return hi === 0;
  }

  /** Eight little-endian bytes into {@link lo} and {@link hi}. */
  fixed64(): void {
    this.lo = this.fixed32();
    this.hi = this.fixed32();
  }

  /** Four little-endian bytes, unsigned. */
  fixed32(): number {
    const bytes = this.bytes;
    const at = this.pos;
    this.pos = at + 4;
    return (
      ((bytes[at] as number) |
        ((bytes[at + 1] as number) << 8) |
        ((bytes[at + 2] as number) << 16) |
        ((bytes[at + 3] as number) << 24)) >>>
      0
    );
  }

  /** Reads a length and returns where the field ends; throws when that is beyond `limit`. */
  fieldEnd(limit: number): number {
    const length = this.varint32();
    const end = this.pos + length;
    if (!(end <= limit)) throw malformed("a field longer than the message it is in", this.pos);
    return end;
  }

  /** Skips the value of a field whose tag was just read. */
  skip(tag: number, limit: number): void {
    if (tag >>> 3 === 0) throw malformed("field number 0", this.pos);
    switch (tag & 7) {
      case 0:
        this.varint64();
        break;
      case 1:
        this.pos += 8;
        break;
      case 2:
        this.pos = this.fieldEnd(limit);
        break;
      case 3:
        this.#skipGroup(tag >>> 3, limit);
        break;
      case 5:
        this.pos += 4;
        break;
      default:
        throw malformed(`wire type ${tag & 7}`, this.pos);
    }
    if (this.pos > limit) throw malformed("a field longer than the message it is in", this.pos);
  }

  #skipGroup(field: number, limit: number): void {
    const open = [field];
    while (open.length > 0) {
      if (this.pos >= limit) throw malformed("a group without an end", this.pos);
      const tag = this.varint32();
      if ((tag & 7) === 3) open.push(tag >>> 3);
      else if ((tag & 7) === 4) {
        if (open.pop() !== tag >>> 3) throw malformed("a group closed by another's end", this.pos);
      } else this.skip(tag, limit);
    }
  }

  /** The last 64-bit value as a signed integer; exact up to 2^53, else use {@link signedBigInt}. */
  signedNumber(): number {
    const high = this.hi | 0;
    return high * LOW_BITS + this.lo;
  }

  /** The last 64-bit value, exactly. */
  signedBigInt(): bigint {
    return (BigInt(this.hi | 0) << 32n) | BigInt(this.lo);
  }
}
