import type { Column } from "../../schema/index.js";
import { IN_SCRATCH, Scratch } from "./scratch.js";

/** Rows that DuckDB takes in one call of a table function. */
export const VECTOR_ROWS = 2048;

/** A VARCHAR or BLOB column: ranges of the batch's source bytes, or of its scratch when tagged; length -1 is null. */
export class TextVector {
  readonly kind = "text";
  offsets: Uint32Array;
  lengths: Int32Array;
  /** False while every row is null: such a column costs nothing to clear and next to nothing to write. */
  used = false;

  constructor(
    readonly column: Column,
    rows: number,
  ) {
    this.offsets = new Uint32Array(rows);
    this.lengths = new Int32Array(rows).fill(-1);
  }

  set(row: number, offset: number, length: number): void {
    this.offsets[row] = offset;
    this.lengths[row] = length;
    this.used = true;
  }

  /** The same range in the rows `from` up to `to`; length -1 is null. */
  setAll(from: number, to: number, offset: number, length: number): void {
    if (length < 0) return;
    this.offsets.fill(offset, from, to);
    this.lengths.fill(length, from, to);
    this.used = true;
  }

  grow(rows: number): void {
    const offsets = new Uint32Array(rows);
    offsets.set(this.offsets);
    const lengths = new Int32Array(rows).fill(-1);
    lengths.set(this.lengths);
    this.offsets = offsets;
    this.lengths = lengths;
  }

  clear(from: number, to: number): void {
    if (this.used) this.lengths.fill(-1, from, to);
    if (from === 0) this.used = false;
  }
}

const WIDTHS: Readonly<Record<string, number>> = {
  BIGINT: 8,
  TIMESTAMP_NS: 8,
  DOUBLE: 8,
  INTEGER: 4,
  BOOLEAN: 1,
};

/** A column of numbers: values in DuckDB's own memory layout, and one byte a row that says whether it has one. */
export class FixedVector {
  readonly kind = "fixed";
  readonly width: number;
  data: ArrayBuffer;
  valid: Uint8Array;
  u32: Uint32Array;
  /** False while every row is null. */
  used = false;
  #f64: Float64Array;
  #u8: Uint8Array;

  constructor(
    readonly column: Column,
    rows: number,
  ) {
    const width = WIDTHS[column.type];
    if (width === undefined) throw new Error(`no vector for a column of type ${column.type}`);
    this.width = width;
    this.data = new ArrayBuffer(rows * 8);
    this.valid = new Uint8Array(rows);
    this.u32 = new Uint32Array(this.data);
    this.#f64 = new Float64Array(this.data);
    this.#u8 = new Uint8Array(this.data);
  }

  /** A 64-bit value as two words. */
  set64(row: number, lo: number, hi: number): void {
    this.u32[row * 2] = lo;
    this.u32[row * 2 + 1] = hi;
    this.valid[row] = 1;
    this.used = true;
  }

  /** A BIGINT from a number that is an integer up to 2^53. */
  setNumber(row: number, value: number): void {
    const hi = Math.floor(value / 0x1_0000_0000);
    this.set64(row, value - hi * 0x1_0000_0000, hi >>> 0);
  }

  setBigInt(row: number, value: bigint): void {
    this.set64(row, Number(value & 0xffff_ffffn), Number((value >> 32n) & 0xffff_ffffn));
  }

  setDouble(row: number, value: number): void {
    this.#f64[row] = value;
    this.valid[row] = 1;
    this.used = true;
  }

  setInt32(row: number, value: number): void {
    this.u32[row] = value;
    this.valid[row] = 1;
    this.used = true;
  }

  setBoolean(row: number, value: boolean): void {
    this.#u8[row] = value ? 1 : 0;
    this.valid[row] = 1;
    this.used = true;
  }

  /** The same BIGINT or time in the rows `from` up to `to`. */
  fill64(from: number, to: number, value: bigint): void {
    const lo = Number(value & 0xffff_ffffn);
    const hi = Number((value >> 32n) & 0xffff_ffffn);
    for (let row = from; row < to; row++) this.set64(row, lo, hi);
  }

  bigint(row: number): bigint {
    return (BigInt((this.u32[row * 2 + 1] as number) | 0) << 32n) | BigInt(this.u32[row * 2] as number);
  }

  double(row: number): number {
    return this.#f64[row] as number;
  }

  boolean(row: number): boolean {
    return this.#u8[row] === 1;
  }

  grow(rows: number): void {
    const data = new ArrayBuffer(rows * 8);
    new Uint8Array(data).set(this.#u8);
    const valid = new Uint8Array(rows);
    valid.set(this.valid);
    this.data = data;
    this.valid = valid;
    this.u32 = new Uint32Array(data);
    this.#f64 = new Float64Array(data);
    this.#u8 = new Uint8Array(data);
  }

  clear(from: number, to: number): void {
    if (this.used) this.valid.fill(0, from, to);
    if (from === 0) this.used = false;
  }
}

/** A MAP(VARCHAR, VARCHAR) column: row r has the entries `starts[r]` up to `starts[r + 1]`. */
export class MapVector {
  readonly kind = "map";
  starts: Uint32Array;
  keyOffsets = new Uint32Array(VECTOR_ROWS * 8);
  keyLengths = new Int32Array(VECTOR_ROWS * 8);
  valueOffsets = new Uint32Array(VECTOR_ROWS * 8);
  valueLengths = new Int32Array(VECTOR_ROWS * 8);
  entries = 0;

  constructor(
    readonly column: Column,
    rows: number,
  ) {
    this.starts = new Uint32Array(rows + 1);
  }

  /** Adds an entry to the row that is being written. A value length of -1 is null. */
  add(keyOffset: number, keyLength: number, valueOffset: number, valueLength: number): void {
    const at = this.entries++;
    if (at === this.keyOffsets.length) this.#growEntries();
    this.keyOffsets[at] = keyOffset;
    this.keyLengths[at] = keyLength;
    this.valueOffsets[at] = valueOffset;
    this.valueLengths[at] = valueLength;
  }

  #growEntries(): void {
    const size = this.keyOffsets.length * 2;
    const unsigned = (old: Uint32Array): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(size);
      grown.set(old);
      return grown;
    };
    const signed = (old: Int32Array): Int32Array<ArrayBuffer> => {
      const grown = new Int32Array(size);
      grown.set(old);
      return grown;
    };
    this.keyOffsets = unsigned(this.keyOffsets);
    this.keyLengths = signed(this.keyLengths);
    this.valueOffsets = unsigned(this.valueOffsets);
    this.valueLengths = signed(this.valueLengths);
  }

  grow(rows: number): void {
    const starts = new Uint32Array(rows + 1);
    starts.set(this.starts);
    this.starts = starts;
  }

  clear(from: number, _to: number): void {
    this.entries = this.starts[from] ?? 0;
  }
}

/** Any vector of a batch. */
export type BatchVector = TextVector | FixedVector | MapVector;

/** A place in a batch to go back to when a record turns out to be bad. */
export interface BatchMark {
  readonly rows: number;
  readonly scratchLength: number;
}

/**
 * Rows in columns, reused from batch to batch. Text is never copied per value: it stays a range of `source` (the
 * requests' own bytes, several after another) or of `scratch` (generated text).
 */
export class ColumnBatch {
  readonly scratch = new Scratch();
  readonly vectors: readonly BatchVector[];
  /** Bytes that untagged offsets point into; only the first `sourceLength` are in use. */
  source: Uint8Array;
  sourceLength = 0;
  rows = 0;
  #capacity: number;
  #own: Uint8Array;

  constructor(
    readonly columns: readonly Column[],
    capacity = VECTOR_ROWS * 2,
  ) {
    this.#capacity = capacity;
    this.#own = Buffer.allocUnsafeSlow(1 << 20);
    this.source = this.#own;
    this.vectors = columns.map((column) => {
      if (column.type === "VARCHAR" || column.type === "BLOB") return new TextVector(column, capacity);
      if (column.type === "MAP(VARCHAR, VARCHAR)") return new MapVector(column, capacity);
      return new FixedVector(column, capacity);
    });
  }

  /** The VARCHAR or BLOB column of that name. */
  text(name: string): TextVector {
    const vector = this.#vector(name);
    if (vector.kind !== "text") throw new Error(`column ${name} is not text`);
    return vector;
  }

  /** The numeric column of that name. */
  fixed(name: string): FixedVector {
    const vector = this.#vector(name);
    if (vector.kind !== "fixed") throw new Error(`column ${name} is not a number`);
    return vector;
  }

  /** The MAP column of that name. */
  map(name: string): MapVector {
    const vector = this.#vector(name);
    if (vector.kind !== "map") throw new Error(`column ${name} is not a map`);
    return vector;
  }

  #vector(name: string): BatchVector {
    const found = this.vectors.find((vector) => vector.column.name === name);
    if (found === undefined) throw new Error(`no column ${name}`);
    return found;
  }

  /** Forgets all rows and source bytes. */
  reset(): void {
    for (const vector of this.vectors) vector.clear(0, this.rows);
    this.rows = 0;
    this.source = this.#own;
    this.sourceLength = 0;
    this.scratch.reset();
  }

  /**
   * Puts a request's bytes into the source and returns where they start. A large first one is used where it is;
   * others are copied behind each other, so that small requests share one batch.
   */
  addSource(bytes: Uint8Array): number {
    if (this.sourceLength === 0 && bytes.length >= this.#own.length / 2) {
      this.source = bytes;
      this.sourceLength = bytes.length;
      return 0;
    }
    const start = this.sourceLength;
    const needed = start + bytes.length;
    if (this.source !== this.#own || needed > this.#own.length) {
      const grown = needed > this.#own.length ? Buffer.allocUnsafeSlow(needed * 2) : this.#own;
      grown.set(this.source.subarray(0, start));
      this.#own = grown;
      this.source = grown;
    }
    this.source.set(bytes, start);
    this.sourceLength = needed;
    return start;
  }

  /** Opens the next row and returns its index. */
  addRow(): number {
    const row = this.rows++;
    if (this.rows > this.#capacity) {
      this.#capacity *= 2;
      for (const vector of this.vectors) vector.grow(this.#capacity);
    }
    return row;
  }

  /** Remembers the state before a record. */
  mark(): BatchMark {
    return { rows: this.rows, scratchLength: this.scratch.length };
  }

  /** Takes back every row since the mark. */
  rollback(mark: BatchMark): void {
    for (const vector of this.vectors) vector.clear(mark.rows, this.rows);
    this.rows = mark.rows;
    this.scratch.length = mark.scratchLength;
  }

  /** Writes a JavaScript string into the scratch and points the row at it. For the paths that have objects anyway. */
  putText(vector: TextVector, row: number, text: string): void {
    const start = this.scratch.length;
    this.scratch.text(text);
    vector.set(row, start + IN_SCRATCH, this.scratch.length - start);
  }

  /** The bytes of one text value; null when it is null. A view: it changes with the next batch. */
  textBytes(offset: number, length: number): Uint8Array | null {
    if (length < 0) return null;
    if (offset >= IN_SCRATCH) {
      const start = offset - IN_SCRATCH;
      return this.scratch.bytes.subarray(start, start + length);
    }
    return this.source.subarray(offset, offset + length);
  }
}

/**
 * A number that rules made, without the sign of a zero: whether Parquet keeps that depends on what else is in the page, so a
 * column would change when its file is written anew.
 */
export function unsignedZero(value: number): number {
  return value === 0 ? 0 : value;
}
