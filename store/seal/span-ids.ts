import type { ColumnBatch } from "./column-batch.js";
import { HAS_END, type SpanIds } from "./messages.js";

/** Bytes of one trace id and span id together. */
export const ID_BYTES = 24;

const HEX_VALUE = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++) HEX_VALUE[(i < 10 ? 48 : 87) + i] = i;

/** Collects the ids and places of span rows as batches go by. Rows without a whole pair of ids are left out. */
export class SpanIdCollector {
  #ids = new Uint8Array(ID_BYTES * 4096);
  #seqs = new Float64Array(4096);
  #places = new Uint32Array(4096);
  #count = 0;

  /** Adds the rows of a batch of the `spans` table. */
  add(batch: ColumnBatch): void {
    const traceId = batch.text("trace_id");
    const spanId = batch.text("span_id");
    const seq = batch.fixed("seq");
    const seqIndex = batch.fixed("seq_index");
    const endTime = batch.fixed("end_time");
    for (let row = 0; row < batch.rows; row++) {
      const trace = batch.textBytes(traceId.offsets[row] as number, traceId.lengths[row] as number);
      const span = batch.textBytes(spanId.offsets[row] as number, spanId.lengths[row] as number);
      if (trace?.length !== 32 || span?.length !== 16) continue;
      const at = this.#open();
      fromHex(trace, this.#ids, at * ID_BYTES);
      fromHex(span, this.#ids, at * ID_BYTES + 16);
      this.#seqs[at] = (seq.u32[row * 2 + 1] as number) * 0x1_0000_0000 + (seq.u32[row * 2] as number);
      this.#places[at] = (seqIndex.u32[row] as number) + (endTime.valid[row] === 1 ? HAS_END : 0);
    }
  }

  /** Adds one row given as hex texts; for rows that were read back. */
  addRow(traceId: string, spanId: string, place: { seq: number; seqIndex: number; hasEnd: boolean }): void {
    if (traceId.length !== 32 || spanId.length !== 16) return;
    const at = this.#open();
    fromHex(Buffer.from(traceId, "latin1"), this.#ids, at * ID_BYTES);
    fromHex(Buffer.from(spanId, "latin1"), this.#ids, at * ID_BYTES + 16);
    this.#seqs[at] = place.seq;
    this.#places[at] = place.seqIndex + (place.hasEnd ? HAS_END : 0);
  }

  #open(): number {
    const at = this.#count++;
    if (at === this.#seqs.length) {
      const ids = new Uint8Array(this.#ids.length * 2);
      ids.set(this.#ids);
      this.#ids = ids;
      const seqs = new Float64Array(this.#seqs.length * 2);
      seqs.set(this.#seqs);
      this.#seqs = seqs;
      const places = new Uint32Array(this.#places.length * 2);
      places.set(this.#places);
      this.#places = places;
    }
    return at;
  }

  /** What was collected, in arrays of its own that may be transferred; starts over. */
  take(): SpanIds {
    const count = this.#count;
    this.#count = 0;
    return {
      ids: this.#ids.slice(0, count * ID_BYTES),
      seqs: this.#seqs.slice(0, count),
      places: this.#places.slice(0, count),
    };
  }
}

function fromHex(hex: Uint8Array, out: Uint8Array, at: number): void {
  for (let i = 0, to = at; i < hex.length; i += 2, to++) {
    out[to] = ((HEX_VALUE[hex[i] as number] as number) << 4) | (HEX_VALUE[hex[i + 1] as number] as number);
  }
}
