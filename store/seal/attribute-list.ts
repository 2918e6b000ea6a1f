import { sameBytes } from "./any-json.js";
import { KNOWN_CLASSES, KNOWN_KEYS, unknownKeyClass } from "./key-classes.js";
import { hash, KeyTable } from "./key-table.js";
import { IN_SCRATCH, repairedUtf8, type Scratch, validUtf8 } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

/** Types of an attribute's value, as numbers: the index into VALUE_CODES. */
export const TYPE_EMPTY = 0;
export const TYPE_STRING = 1;
export const TYPE_BOOL = 2;
export const TYPE_INT = 3;
export const TYPE_DOUBLE = 4;
export const TYPE_ARRAY = 5;
export const TYPE_KVLIST = 6;
export const TYPE_BYTES = 7;
export const TYPE_ABSENT = 8;

const keyTable = new KeyTable(KNOWN_KEYS);
const SEEN_SLOTS = 1024;

/**
 * Phase 1 of a span: where each of its attributes is, what type it has and which known key it is. No strings are made;
 * offsets point into the source bytes, or into the scratch (tagged) where invalid UTF-8 had to be repaired.
 */
export class AttributeList {
  count = 0;
  /** Union of the classes of all keys. */
  classes = 0;
  keyOffset = new Uint32Array(256);
  keyLength = new Int32Array(256);
  /** Index into KNOWN_KEYS, or -1. */
  keyId = new Int16Array(256);
  keyClass = new Uint8Array(256);
  type = new Uint8Array(256);
  /** String and bytes: their content. Array and kvlist: the AnyValue's content, for the JSON writer. */
  valueOffset = new Uint32Array(256);
  valueLength = new Int32Array(256);
  /** Int, double and bool: the value's 64 bits. */
  lo = new Uint32Array(256);
  hi = new Uint32Array(256);
  #seenKnown = new Uint32Array(KNOWN_KEYS.length);
  #seenSlots = new Int16Array(SEEN_SLOTS);
  #seenSpan = new Uint32Array(SEEN_SLOTS);
  #span = 0;
  readonly #many = new Set<string>();
  #manySpan = 0;

  constructor(
    readonly reader: WireReader,
    readonly scratch: Scratch,
  ) {}

  /** Starts the next span. */
  reset(): void {
    this.count = 0;
    this.classes = 0;
    this.#span++;
    if (this.#span === 0xffff_ffff) {
      this.#span = 1;
      this.#seenKnown.fill(0);
      this.#seenSpan.fill(0);
    }
  }

  /**
   * Reads one KeyValue message that ends at `end`. Returns false when it can't be told exactly by the columns. An
   * attribute whose key came before is left out (the first one counts), and that too returns false.
   */
  read(end: number): boolean {
    const { reader } = this;
    const at = this.count;
    if (at === this.type.length) this.#grow();
    // The shape that SDKs write: a key of less than 128 bytes, then the value, and nothing else.
    const { bytes, pos } = reader;
    if (bytes[pos] === 10) {
      const length = bytes[pos + 1] as number;
      const valueTag = pos + 2 + length;
      if (length < 128 && valueTag < end && bytes[valueTag] === 18) {
        reader.pos = valueTag + 1;
        const valueLength = reader.varint32();
        if (reader.pos + valueLength === end) return this.#add(pos + 2, length, reader.pos, end);
        reader.pos = pos;
      }
    }
    return this.#readAnyShape(end);
  }

  #readAnyShape(end: number): boolean {
    const { reader } = this;
    let exact = true;
    let keyOffset = reader.pos;
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
        exact = false;
        reader.skip(tag, end);
      }
    }
    if (reader.pos !== end) throw malformed("a field longer than the attribute it is in", end);
    if ((fields & 7) > 1 || fields > 9) exact = false;
    return this.#add(keyOffset, keyLength, valueStart, valueEnd) && exact;
  }

  /** Adds the attribute with that key and value (start -1 when it has none); the reader ends behind it. */
  #add(keyOffset: number, keyLength: number, valueStart: number, valueEnd: number): boolean {
    const { reader } = this;
    const at = this.count;
    const end = valueStart < 0 ? reader.pos : Math.max(valueEnd, reader.pos);
    let exact = true;
    const hashed = keyLength === 0 ? 0 : hash(reader.bytes, keyOffset, keyLength);
    const id = keyLength === 0 ? -1 : keyTable.findHashed(hashed, reader.bytes, keyOffset, keyLength);
    if (id >= 0) {
      if (this.#seenKnown[id] === this.#span) return false;
      this.#seenKnown[id] = this.#span;
      this.keyClass[at] = KNOWN_CLASSES[id] as number;
      this.keyOffset[at] = keyOffset;
      this.keyLength[at] = keyLength;
    } else {
      if (!this.#unknownKey(at, keyOffset, keyLength, hashed)) exact = false;
      if (this.#repeats(at, hashed)) return false;
    }
    this.keyId[at] = id;
    this.classes |= this.keyClass[at] as number;
    if (valueStart < 0) this.type[at] = TYPE_ABSENT;
    else if (!this.#value(at, valueStart, valueEnd)) exact = false;
    reader.pos = end;
    this.count = at + 1;
    return exact;
  }

  #unknownKey(at: number, offset: number, length: number, hashed: number): boolean {
    const bytes = this.reader.bytes;
    this.keyClass[at] = unknownKeyClass(bytes, offset, length, hashed);
    if (validUtf8(bytes, offset, length)) {
      this.keyOffset[at] = offset;
      this.keyLength[at] = length;
      return true;
    }
    const repaired = repairedUtf8(bytes, offset, length);
    this.keyOffset[at] = this.scratch.length + IN_SCRATCH;
    this.keyLength[at] = repaired.length;
    this.scratch.copy(repaired, 0, repaired.length);
    return false;
  }

  /**
   * Whether the key of attribute `at` is that of an earlier one; remembers it when not. `hashed` is that of the key as
   * sent, which a repaired key shares with others that became the same text only by chance; those are exact in `raw`.
   */
  #repeats(at: number, hashed: number): boolean {
    const length = this.keyLength[at] as number;
    const offset = this.keyOffset[at] as number;
    const bytes = offset >= IN_SCRATCH ? this.scratch.bytes : this.reader.bytes;
    const start = offset >= IN_SCRATCH ? offset - IN_SCRATCH : offset;
    if (at >= SEEN_SLOTS / 2) return this.#repeatsAmongMany(at, bytes, start, length);
    let slot = hashed & (SEEN_SLOTS - 1);
    while (this.#seenSpan[slot] === this.#span) {
      if (this.#sameKey(this.#seenSlots[slot] as number, bytes, start, length)) return true;
      slot = (slot + 1) & (SEEN_SLOTS - 1);
    }
    this.#seenSpan[slot] = this.#span;
    this.#seenSlots[slot] = at;
    return false;
  }

  /** A span with hundreds of attributes is rare: a set of strings will do, and stays linear. */
  #repeatsAmongMany(at: number, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.#manySpan !== this.#span) {
      this.#manySpan = this.#span;
      this.#many.clear();
      for (let other = 0; other < at; other++) {
        const offset = this.keyOffset[other] as number;
        const inScratch = offset >= IN_SCRATCH;
        const from = inScratch ? offset - IN_SCRATCH : offset;
        const source = inScratch ? this.scratch.bytes : this.reader.bytes;
        this.#many.add(latin1(source, from, this.keyLength[other] as number));
      }
    }
    const key = latin1(bytes, start, length);
    if (this.#many.has(key)) return true;
    this.#many.add(key);
    return false;
  }

  #sameKey(other: number, bytes: Uint8Array, start: number, length: number): boolean {
    if (this.keyLength[other] !== length) return false;
    const offset = this.keyOffset[other] as number;
    if (offset < IN_SCRATCH && bytes === this.reader.bytes) return sameBytes(bytes, offset, start, length);
    const otherBytes = offset >= IN_SCRATCH ? this.scratch.bytes : this.reader.bytes;
    const otherStart = offset >= IN_SCRATCH ? offset - IN_SCRATCH : offset;
    for (let i = 0; i < length; i++) if (otherBytes[otherStart + i] !== bytes[start + i]) return false;
    return true;
  }

  #value(at: number, start: number, end: number): boolean {
    const { reader } = this;
    const { bytes } = reader;
    reader.pos = start;
    if (bytes[start] === 10 && start < end) {
      reader.pos = start + 1;
      const length = reader.varint32();
      if (reader.pos + length === end) return this.#string(at, reader.pos, length);
      reader.pos = start;
    } else if (bytes[start] === 24 && start + 2 === end && (bytes[start + 1] as number) < 128) {
      this.type[at] = TYPE_INT;
      this.lo[at] = bytes[start + 1] as number;
      this.hi[at] = 0;
      return true;
    }
    return this.#anyValue(at, start, end);
  }

  #anyValue(at: number, start: number, end: number): boolean {
    const { reader } = this;
    this.type[at] = TYPE_EMPTY;
    this.valueOffset[at] = start;
    this.valueLength[at] = end - start;
    let exact = true;
    let members = 0;
    while (reader.pos < end) {
      const tag = reader.varint32();
      switch (tag) {
        case 10: {
          const stop = reader.fieldEnd(end);
          if (!this.#string(at, reader.pos, stop - reader.pos)) exact = false;
          reader.pos = stop;
          members++;
          break;
        }
        case 16:
        case 24:
          reader.varint64();
          this.#bits(at, tag === 16 ? TYPE_BOOL : TYPE_INT);
          members++;
          break;
        case 33:
          reader.fixed64();
          this.#bits(at, TYPE_DOUBLE);
          members++;
          break;
        case 42:
        case 50:
          reader.pos = reader.fieldEnd(end);
          this.type[at] = tag === 42 ? TYPE_ARRAY : TYPE_KVLIST;
          this.valueOffset[at] = start;
          this.valueLength[at] = end - start;
          members++;
          break;
        case 58: {
          const stop = reader.fieldEnd(end);
          this.type[at] = TYPE_BYTES;
          this.valueOffset[at] = reader.pos;
          this.valueLength[at] = stop - reader.pos;
          reader.pos = stop;
          members++;
          break;
        }
        default:
          reader.skip(tag, end);
          exact = false;
      }
    }
    if (reader.pos !== end) throw malformed("a field longer than the value it is in", end);
    return exact && members <= 1;
  }

  #bits(at: number, type: number): void {
    this.type[at] = type;
    this.lo[at] = this.reader.lo;
    this.hi[at] = this.reader.hi;
  }

  #string(at: number, offset: number, length: number): boolean {
    this.type[at] = TYPE_STRING;
    if (validUtf8(this.reader.bytes, offset, length)) {
      this.valueOffset[at] = offset;
      this.valueLength[at] = length;
      return true;
    }
    const repaired = repairedUtf8(this.reader.bytes, offset, length);
    this.valueOffset[at] = this.scratch.length + IN_SCRATCH;
    this.valueLength[at] = repaired.length;
    this.scratch.copy(repaired, 0, repaired.length);
    return false;
  }

  #grow(): void {
    const size = this.type.length * 2;
    const u32 = (old: Uint32Array): Uint32Array<ArrayBuffer> => fill(new Uint32Array(size), old);
    const i32 = (old: Int32Array): Int32Array<ArrayBuffer> => fill(new Int32Array(size), old);
    this.keyOffset = u32(this.keyOffset);
    this.valueOffset = u32(this.valueOffset);
    this.lo = u32(this.lo);
    this.hi = u32(this.hi);
    this.keyLength = i32(this.keyLength);
    this.valueLength = i32(this.valueLength);
    this.keyId = fill(new Int16Array(size), this.keyId);
    this.keyClass = fill(new Uint8Array(size), this.keyClass);
    this.type = fill(new Uint8Array(size), this.type);
  }
}

function fill<T extends { set(from: ArrayLike<number>): void }>(target: T, from: ArrayLike<number>): T {
  target.set(from);
  return target;
}

function latin1(bytes: Uint8Array, start: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("latin1");
}
