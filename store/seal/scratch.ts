import { isUtf8 } from "node:buffer";

/** Added to an offset that points into the scratch buffer instead of the source bytes. Both stay below 2 GiB. */
export const IN_SCRATCH = 0x8000_0000;

const SAFE_HIGH = 0x1f_ffff;
const HEX = Uint8Array.from(Buffer.from("0123456789abcdef", "latin1"));
const doubleBits = new Uint32Array(2);
const doubleValue = new Float64Array(doubleBits.buffer);

/** The double whose bits are these two words (low, high). */
export function doubleOf(lo: number, hi: number): number {
  doubleBits[0] = lo;
  doubleBits[1] = hi;
  return doubleValue[0] as number;
}

/** A double as text that always shows it is one: shortest round trip, with a point or an exponent. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const text = String(value);
  return Number.isInteger(value) && !text.includes("e") ? `${text}.0` : text;
}

/** Where generated text is written: a growing byte buffer, reused from batch to batch. Constants stay at its start. */
export class Scratch {
  bytes: Uint8Array;
  length = 0;
  #constants = 0;
  #buffer: Buffer;

  constructor(size = 1 << 20) {
    this.#buffer = Buffer.allocUnsafeSlow(size);
    this.bytes = this.#buffer;
  }

  /** Keeps a text for ever and returns its offset (tagged). Call before the first reset. */
  constant(text: string): { offset: number; length: number } {
    const offset = this.length;
    this.text(text);
    this.#constants = this.length;
    return { offset: offset + IN_SCRATCH, length: this.length - offset };
  }

  /** Drops everything but the constants. */
  reset(): void {
    this.length = this.#constants;
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, needed));
    grown.set(this.bytes.subarray(0, this.length));
    this.#buffer = grown;
    this.bytes = grown;
  }

  /** One byte; the caller reserved it. */
  byte(value: number): void {
    this.bytes[this.length++] = value;
  }

  /** Any JavaScript string, as UTF-8 (a lone surrogate becomes U+FFFD). */
  text(text: string): void {
    this.reserve(text.length * 3);
    this.length += this.#buffer.write(text, this.length, "utf8");
  }

  /** A short ASCII text. */
  ascii(text: string): void {
    this.reserve(text.length);
    let at = this.length;
    for (let i = 0; i < text.length; i++) this.bytes[at++] = text.charCodeAt(i);
    this.length = at;
  }

  /** Bytes as they are. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.bytes.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** Bytes as lowercase hex. */
  hex(source: Uint8Array, offset: number, length: number): void {
    this.reserve(length * 2);
    const bytes = this.bytes;
    let at = this.length;
    for (let i = 0; i < length; i++) {
      const byte = source[offset + i] as number;
      bytes[at++] = HEX[byte >> 4] as number;
      bytes[at++] = HEX[byte & 15] as number;
    }
    this.length = at;
  }

  /** A number from 0 to 2^32-1, decimal. */
  unsigned(value: number): void {
    this.reserve(10);
    let digits = 1;
    for (let rest = value; rest >= 10; rest = Math.floor(rest / 10)) digits++;
    let at = this.length + digits;
    this.length = at;
    let rest = value;
    for (let i = 0; i < digits; i++) {
      const next = Math.floor(rest / 10);
      this.bytes[--at] = 48 + (rest - next * 10);
      rest = next;
    }
  }

  /** A signed 64-bit integer given as two words, decimal. */
  int64(lo: number, hi: number): void {
    if (hi === 0) this.unsigned(lo);
    else if (hi <= SAFE_HIGH) this.ascii(String(hi * 0x1_0000_0000 + lo));
    else this.ascii(String((BigInt(hi | 0) << 32n) | BigInt(lo)));
  }

  /** An unsigned 64-bit integer given as two words, decimal. */
  uint64(lo: number, hi: number): void {
    if (hi <= SAFE_HIGH) this.int64(lo, hi);
    else this.ascii(String((BigInt(hi) << 32n) | BigInt(lo)));
  }

  /** A range as a JSON string with quotes. Returns false when it was not UTF-8: U+FFFD then stands for what was not. */
  jsonString(source: Uint8Array, offset: number, length: number): boolean {
    if (!validUtf8(source, offset, length)) {
      const repaired = repairedUtf8(source, offset, length);
      this.jsonString(repaired, 0, repaired.length);
      return false;
    }
    this.reserve(length * 6 + 2);
    const bytes = this.bytes;
    let at = this.length;
    bytes[at++] = 34;
    for (let i = offset; i < offset + length; i++) {
      const byte = source[i] as number;
      if (byte >= 32 && byte !== 34 && byte !== 92) bytes[at++] = byte;
      else at = escape(bytes, at, byte);
    }
    bytes[at++] = 34;
    this.length = at;
    return true;
  }

  /** What was written since `start`, as text; for rare paths and tests. */
  slice(start: number, end: number): string {
    return this.#buffer.toString("utf8", start, end);
  }
}

function escape(bytes: Uint8Array, at: number, byte: number): number {
  let next = at;
  bytes[next++] = 92;
  if (byte === 34 || byte === 92) bytes[next++] = byte;
  else if (byte === 10) bytes[next++] = 110;
  else if (byte === 13) bytes[next++] = 114;
  else if (byte === 9) bytes[next++] = 116;
  else {
    bytes[next++] = 117;
    bytes[next++] = 48;
    bytes[next++] = 48;
    bytes[next++] = HEX[byte >> 4] as number;
    bytes[next++] = HEX[byte & 15] as number;
  }
  return next;
}

/** Whether a range is valid UTF-8. Short ranges are nearly always ASCII, so they are tried without a call first. */
export function validUtf8(source: Uint8Array, offset: number, length: number): boolean {
  if (length <= 64) {
    let bits = 0;
    for (let i = offset, end = offset + length; i < end; i++) bits |= source[i] as number;
    if (bits < 128) return true;
  }
  return isUtf8(source.subarray(offset, offset + length));
}

/** The range decoded with U+FFFD for what is not UTF-8, encoded again. DuckDB must never be given invalid UTF-8. */
export function repairedUtf8(source: Uint8Array, offset: number, length: number): Uint8Array {
  const view = Buffer.from(source.buffer, source.byteOffset + offset, length);
  return Buffer.from(view.toString("utf8"), "utf8");
}
