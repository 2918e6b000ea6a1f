import type { DuckDBDataChunk } from "@duckdb/node-api";
import type { DataChunk, Vector } from "@duckdb/node-bindings";
import { bindings, duckdb } from "../duckdb.js";
import {
  type ColumnBatch,
  type FixedVector,
  type MapVector,
  type TextVector,
  VECTOR_ROWS,
} from "./column-batch.js";
import { type Filler, ValidityMask } from "./filler.js";
import { IN_SCRATCH } from "./scratch.js";

const INLINE_MAX = 12;
const STRING_BYTES = 16;
const WORD = 0x1_0000_0000;

/** One byte range that DuckDB owns a copy of: where it is in this process, and a view of our own copy. */
interface Region {
  view: DataView;
  lo: number;
  hi: number;
}

/**
 * Fills string vectors with one native call a column. The batch's source and scratch are copied once into a BLOB
 * vector that DuckDB owns (the arena); its entry there tells the address, and the 16-byte string entries (length, then
 * either up to 12 bytes inline or a 4-byte prefix and a pointer) are made here. That layout is DuckDB's public
 * `duckdb_string_t`; a self-check at start (self-check.ts) proves it before this filler is used.
 *
 * Lifetime: DuckDB's COPY copies a chunk's strings into its own buffers before it asks for the next chunk, so the
 * arena must outlive one callback. Two arenas are used in turn, so that it outlives the whole next batch as well.
 */
export class PointerFiller implements Filler {
  readonly name = "pointer";
  readonly #arenas: readonly DataChunk[];
  #turn = 0;
  #batch: ColumnBatch | undefined;
  readonly #source: Region = { view: new DataView(new ArrayBuffer(0)), lo: 0, hi: 0 };
  readonly #scratch: Region = { view: new DataView(new ArrayBuffer(0)), lo: 0, hi: 0 };
  readonly #rows = new Uint32Array(VECTOR_ROWS * 4);
  readonly #mask = new ValidityMask(VECTOR_ROWS);
  /** Never written to: no row valid. */
  readonly #allNull = new ValidityMask(VECTOR_ROWS);
  #keys = new Uint32Array(VECTOR_ROWS * 16 * 4);
  #values = new Uint32Array(VECTOR_ROWS * 16 * 4);
  #entryMask = new ValidityMask(VECTOR_ROWS * 16);

  constructor() {
    const blob = duckdb().BLOB.toLogicalType().logical_type;
    this.#arenas = [bindings().create_data_chunk([blob]), bindings().create_data_chunk([blob])];
  }

  load(batch: ColumnBatch): void {
    this.#batch = batch;
    this.#turn = 1 - this.#turn;
    const arena = this.#arenas[this.#turn] as DataChunk;
    bindings().data_chunk_reset(arena);
    const vector = bindings().data_chunk_get_vector(arena, 0);
    // At least 13 bytes each: a shorter one would be stored inline and have no address.
    const source = padded(batch.source, batch.sourceLength);
    const scratch = padded(batch.scratch.bytes, batch.scratch.length);
    bindings().vector_assign_string_element_len(vector, 0, source);
    bindings().vector_assign_string_element_len(vector, 1, scratch);
    const entries = bindings().vector_get_data(vector, 2 * STRING_BYTES);
    const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
    locate(this.#source, view, 0, source);
    locate(this.#scratch, view, STRING_BYTES, scratch);
  }

  fill(chunk: DuckDBDataChunk, from: number, to: number): void {
    const batch = this.#batch;
    if (batch === undefined) throw new Error("fill before load");
    const raw = chunk.chunk;
    for (const [index, column] of batch.vectors.entries()) {
      const vector = bindings().data_chunk_get_vector(raw, index);
      if (column.kind === "text") this.#text(vector, column, from, to);
      else if (column.kind === "fixed") this.#fixed(vector, column, from, to);
      else this.#map(vector, column, from, to);
    }
    bindings().data_chunk_set_size(raw, to - from);
  }

  #text(vector: Vector, column: TextVector, from: number, to: number): void {
    if (!column.used) {
      setValidity(vector, this.#allNull, to - from);
      return;
    }
    const nulls = this.#strings(this.#rows, column, from, to, this.#mask);
    if (nulls < to - from) {
      bindings().copy_data_to_vector(vector, 0, this.#rows.buffer, 0, (to - from) * STRING_BYTES);
    }
    if (nulls > 0) setValidity(vector, this.#mask, to - from);
  }

  #fixed(vector: Vector, column: FixedVector, from: number, to: number): void {
    if (!column.used) {
      setValidity(vector, this.#allNull, to - from);
      return;
    }
    const { width, valid } = column;
    let nulls = 0;
    for (let row = from; row < to; row++) {
      if (valid[row] === 1) continue;
      if (nulls++ === 0) this.#mask.set();
      this.#mask.clear(row - from);
    }
    if (nulls < to - from) {
      bindings().copy_data_to_vector(vector, 0, column.data, from * width, (to - from) * width);
    }
    if (nulls > 0) setValidity(vector, this.#mask, to - from);
  }

  #map(vector: Vector, column: MapVector, from: number, to: number): void {
    const first = column.starts[from] as number;
    const last = column.starts[to] as number;
    const count = last - first;
    bindings().list_vector_reserve(vector, count);
    bindings().list_vector_set_size(vector, count);
    const lists = this.#rows;
    for (let row = from, word = 0; row < to; row++, word += 4) {
      const start = column.starts[row] as number;
      lists[word] = start - first;
      lists[word + 1] = 0;
      lists[word + 2] = (column.starts[row + 1] as number) - start;
      lists[word + 3] = 0;
    }
    bindings().copy_data_to_vector(vector, 0, lists.buffer, 0, (to - from) * STRING_BYTES);
    if (count === 0) return;
    if (count * 4 > this.#keys.length) {
      this.#keys = new Uint32Array(count * 8);
      this.#values = new Uint32Array(count * 8);
      this.#entryMask = new ValidityMask(count * 2);
    }
    const entries = bindings().list_vector_get_child(vector);
    const keys = { offsets: column.keyOffsets, lengths: column.keyLengths };
    const values = { offsets: column.valueOffsets, lengths: column.valueLengths };
    this.#strings(this.#keys, keys, first, last, this.#entryMask);
    const keyVector = bindings().struct_vector_get_child(entries, 0);
    bindings().copy_data_to_vector(keyVector, 0, this.#keys.buffer, 0, count * STRING_BYTES);
    const nulls = this.#strings(this.#values, values, first, last, this.#entryMask);
    const valueVector = bindings().struct_vector_get_child(entries, 1);
    bindings().copy_data_to_vector(valueVector, 0, this.#values.buffer, 0, count * STRING_BYTES);
    if (nulls > 0) setValidity(valueVector, this.#entryMask, count);
  }

  /** Makes the string entries of a range; returns how many are null. */
  #strings(
    out: Uint32Array,
    text: { readonly offsets: Uint32Array; readonly lengths: Int32Array },
    from: number,
    to: number,
    mask: ValidityMask,
  ): number {
    const { offsets, lengths } = text;
    let nulls = 0;
    for (let i = from, word = 0; i < to; i++, word += 4) {
      const length = lengths[i] as number;
      if (length < 0) {
        if (nulls++ === 0) mask.set();
        mask.clear(i - from);
        out[word] = 0;
        out[word + 1] = 0;
        out[word + 2] = 0;
        out[word + 3] = 0;
        continue;
      }
      let offset = offsets[i] as number;
      let region = this.#source;
      if (offset >= IN_SCRATCH) {
        offset -= IN_SCRATCH;
        region = this.#scratch;
      }
      out[word] = length;
      if (length <= INLINE_MAX) inline(out, word, region.view, offset, length);
      else {
        out[word + 1] = region.view.getUint32(offset, true);
        const address = region.lo + offset;
        out[word + 2] = address >= WORD ? address - WORD : address;
        out[word + 3] = address >= WORD ? region.hi + 1 : region.hi;
      }
    }
    return nulls;
  }
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (length > INLINE_MAX) return bytes.subarray(0, length);
  const copy = new Uint8Array(INLINE_MAX + 4);
  copy.set(bytes.subarray(0, length));
  return copy;
}

function locate(region: Region, entries: DataView, at: number, bytes: Uint8Array): void {
  region.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  region.lo = entries.getUint32(at + 8, true);
  region.hi = entries.getUint32(at + 12, true);
}

/** Up to 12 bytes into the entry itself, the rest zero (DuckDB compares whole entries). */
function inline(out: Uint32Array, word: number, view: DataView, offset: number, length: number): void {
  let a = 0;
  let b = 0;
  let c = 0;
  if (offset + INLINE_MAX <= view.byteLength) {
    a = view.getUint32(offset, true);
    if (length < 4) a = length === 0 ? 0 : a & ((1 << (length << 3)) - 1);
    else if (length > 4) {
      b = view.getUint32(offset + 4, true);
      if (length < 8) b &= (1 << ((length - 4) << 3)) - 1;
      else if (length > 8) {
        c = view.getUint32(offset + 8, true);
        if (length < 12) c &= (1 << ((length - 8) << 3)) - 1;
      }
    }
  } else {
    for (let i = 0; i < length; i++) {
      const byte = view.getUint8(offset + i);
      if (i < 4) a |= byte << (i * 8);
      else if (i < 8) b |= byte << ((i - 4) * 8);
      else c |= byte << ((i - 8) * 8);
    }
  }
  out[word + 1] = a;
  out[word + 2] = b;
  out[word + 3] = c;
}

function setValidity(vector: Vector, mask: ValidityMask, rows: number): void {
  bindings().vector_ensure_validity_writable(vector);
  bindings().copy_data_to_vector_validity(vector, 0, mask.words.buffer, 0, (rows + 7) >> 3);
}
