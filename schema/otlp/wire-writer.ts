import { malformed } from "./malformed.js";

const FIRST_BYTES = 4096;
const SHORT_CHARS = 40;

/**
 * Writes the protobuf wire format from the end to the start: a nested message is complete, and its length known,
 * before its length and tag are written, so nothing is measured twice. Callers write fields in reverse order.
 */
export class WireWriter {
  #bytes: Buffer;
  #view: DataView;
  #pos: number;

  /** `firstBytes`: about how much will be written, so that little is copied into larger buffers. */
  constructor(firstBytes = FIRST_BYTES) {
    this.#bytes = Buffer.allocUnsafe(firstBytes);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    this.#pos = firstBytes;
  }

  /** Bytes written so far: take it before a nested message, and give it to {@link lengthSince} after. */
  get written(): number {
    return this.#bytes.length - this.#pos;
  }

  /** Everything written, as a copy of its own. */
  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(this.#pos));
  }

  /** Everything written, not copied: nothing may be written after. */
  take(): Uint8Array {
    return this.#bytes.subarray(this.#pos);
  }

  /** Bytes as they are, without their length. */
  copy(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    let to = this.#reserve(size);
    // A call costs more than a short copy.
    if (size > SHORT_CHARS) this.#bytes.set(source.subarray(start, end), to);
    else for (let at = start; at < end; at++) this.#bytes[to++] = source[at] as number;
  }

  byte(value: number): void {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  /** A text without its length. */
  text(value: string): void {
    const size = Buffer.byteLength(value);
    const at = this.#reserve(size);
    this.#bytes.write(value, at, size, "utf8");
  }

  tag(number: number, wireType: number): void {
    this.varint(number * 8 + wireType);
  }

  lengthSince(written: number): void {
    this.varint(this.written - written);
  }

  /** An unsigned integer below 2^53. */
  varint(value: number): void {
    if (value < 128) {
      // The place first: reserving may put another buffer in the place of #bytes.
      const at = this.#reserve(1);
      this.#bytes[at] = value;
      return;
    }
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
    let at = this.#reserve(size);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[at] = rest;
  }

  /** An integer of any sign: negative ones take ten bytes, as protobuf's int32 and int64 do. */
  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value);
    if (rest <= 0xffff_ffffn) {
      this.varint(Number(rest));
      return;
    }
    const groups: number[] = [];
    for (; rest !== 0n; rest >>= 7n) groups.push(Number(rest & 127n));
    const at = this.#reserve(groups.length);
    for (const [index, group] of groups.entries()) {
      this.#bytes[at + index] = index === groups.length - 1 ? group : group | 128;
    }
  }

  int32(value: number): void {
    if (value >= 0) this.varint(value);
    else this.varint64(BigInt(value));
  }

  uint32(value: number): void {
    this.varint(value >>> 0);
  }

  sint32(value: number): void {
    this.varint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  bool(value: boolean): void {
    this.varint(value ? 1 : 0);
  }

  fixed32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
  }

  /** Both fixed64 and sfixed64: the bits are the same. */
  fixed64(value: bigint): void {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  string(value: string): void {
    if (value.length <= SHORT_CHARS && this.#ascii(value)) return;
    const size = Buffer.byteLength(value);
    const at = this.#reserve(size);
    this.#bytes.write(value, at, size, "utf8");
    this.varint(size);
  }

  /** Short ASCII, as keys are, is cheaper to copy here than to hand over; false when it is not ASCII. */
  #ascii(value: string): boolean {
    const at = this.#reserve(value.length);
    for (let index = 0; index < value.length; index++) {
      const char = value.charCodeAt(index);
      if (char > 127) {
        this.#pos += value.length;
        return false;
      }
      this.#bytes[at + index] = char;
    }
    this.varint(value.length);
    return true;
  }

  hex(value: string): void {
    const size = value.length >>> 1;
    const at = this.#reserve(size);
    if (value.length % 2 !== 0 || this.#bytes.write(value, at, size, "hex") !== size) {
      throw malformed("an id that is not hexadecimal bytes");
    }
    this.varint(size);
  }

  /** The 16 bytes that a UUID's 36 ASCII characters say, with their length. */
  uuid(source: Uint8Array, start: number): void {
    let to = this.#reserve(16);
    for (let at = start; at < start + 36; at += 2) {
      if (source[at] === 45) at++;
      this.#bytes[to++] = (nibble(source[at] as number) << 4) | nibble(source[at + 1] as number);
    }
    this.varint(16);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
    this.varint(value.length);
  }

  #reserve(size: number): number {
    if (size > this.#pos) this.#grow(size);
    this.#pos -= size;
    return this.#pos;
  }

  #grow(size: number): void {
    const old = this.#bytes.subarray(this.#pos);
    const next = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, (old.length + size) * 2));
    this.#pos = next.length - old.length;
    next.set(old, this.#pos);
    this.#bytes = next;
    this.#view = new DataView(next.buffer, next.byteOffset, next.byteLength);
  }
}

/** The value of a hexadecimal digit in either case. */
function nibble(char: number): number {
  return (char & 15) + (char > 57 ? 9 : 0);
}
