import { setImmediate } from "node:timers/promises";
import { HAS_END, type SpanIds, type Winner } from "./messages.js";
import { ID_BYTES } from "./span-ids.js";

const WORDS = ID_BYTES / 4;

/** One open-addressing table of ids and the best row known of each. */
class Generation {
  readonly #mask: number;
  readonly #ids: Uint32Array;
  readonly seqs: Float64Array;
  readonly places: Uint32Array;
  count = 0;

  constructor(readonly max: number) {
    let size = 16;
    while (size < max * 2) size *= 2;
    this.#mask = size - 1;
    this.#ids = new Uint32Array(size * WORDS);
    this.seqs = new Float64Array(size);
    this.places = new Uint32Array(size);
  }

  /** The slot of an id, or of the free place where it would go. A free one has seq 0. */
  find(words: Uint32Array, at: number): number {
    // Ids are random by specification; words of both spread even those that are not.
    let hash = (words[at] as number) ^ Math.imul(words[at + 3] as number, 0x9e37_79b1);
    hash ^= Math.imul(words[at + 4] as number, 0x85eb_ca6b) ^ Math.imul(words[at + 5] as number, 0xc2b2_ae35);
    let slot = (hash ^ (hash >>> 15)) & this.#mask;
    while (this.seqs[slot] !== 0 && !this.#equal(slot, words, at)) slot = (slot + 1) & this.#mask;
    return slot;
  }

  #equal(slot: number, words: Uint32Array, at: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.#ids[slot * WORDS + i] !== words[at + i]) return false;
    return true;
  }

  put(slot: number, words: Uint32Array, at: number, seq: number, place: number): void {
    if (this.seqs[slot] === 0) this.count++;
    for (let i = 0; i < WORDS; i++) this.#ids[slot * WORDS + i] = words[at + i] as number;
    this.seqs[slot] = seq;
    this.places[slot] = place;
  }
}

/** Rows looked up before the event loop may turn: about 5 ms. */
const SLICE_ROWS = 16_384;

/**
 * The spans of the recent past, to notice one that comes again. Bounded: two generations of half the size each; when
 * the younger is full, the older is forgotten. Ids are compared whole, so a hit is never a coincidence.
 */
export class RecentSpans {
  #young: Generation;
  #old: Generation | undefined;
  readonly #half: number;

  constructor(max: number) {
    this.#half = Math.max(1, Math.floor(max / 2));
    this.#young = new Generation(this.#half);
  }

  /**
   * Takes up rows in journal order. Returns the winning row of each span that had been there before: a row with an
   * end time beats one without, then the later (seq, seq_index) beats the earlier. It lets the event loop turn between
   * slices, as this runs where requests are answered: one call at a time.
   */
  async add(rows: SpanIds): Promise<Winner[]> {
    const winners = new Map<string, Winner>();
    for (let from = 0; from < rows.seqs.length; from += SLICE_ROWS) {
      if (from > 0) await setImmediate();
      this.#addSlice(rows, { from, to: Math.min(rows.seqs.length, from + SLICE_ROWS) }, winners);
    }
    return [...winners.values()];
  }

  #addSlice(rows: SpanIds, { from, to }: { from: number; to: number }, winners: Map<string, Winner>): void {
    const words = new Uint32Array(rows.ids.buffer, rows.ids.byteOffset, rows.ids.byteLength / 4);
    for (let i = from; i < to; i++) {
      const seq = rows.seqs[i] as number;
      const place = rows.places[i] as number;
      const known = this.#lookUp(words, i * WORDS);
      if (known === undefined) {
        this.#remember(words, i * WORDS, seq, place);
        continue;
      }
      // The same row once more (a range that is redone) is no duplicate.
      if (known.seq === seq && known.place === place) continue;
      const better = beats(seq, place, known.seq, known.place);
      if (better) this.#remember(words, i * WORDS, seq, place);
      const winner = better ? { seq, place } : known;
      const id = Buffer.from(rows.ids.buffer, rows.ids.byteOffset + i * ID_BYTES, ID_BYTES).toString("hex");
      winners.set(id, {
        traceId: id.slice(0, 32),
        spanId: id.slice(32),
        seq: winner.seq,
        seqIndex: winner.place & ~HAS_END,
      });
    }
  }

  #lookUp(words: Uint32Array, at: number): { seq: number; place: number } | undefined {
    for (const generation of [this.#young, this.#old]) {
      if (generation === undefined) continue;
      const slot = generation.find(words, at);
      const seq = generation.seqs[slot] as number;
      if (seq !== 0) return { seq, place: generation.places[slot] as number };
    }
    return undefined;
  }

  #remember(words: Uint32Array, at: number, seq: number, place: number): void {
    if (this.#young.count >= this.#half) {
      this.#old = this.#young;
      this.#young = new Generation(this.#half);
    }
    this.#young.put(this.#young.find(words, at), words, at, seq, place);
  }
}

function beats(seq: number, place: number, otherSeq: number, otherPlace: number): boolean {
  const ended = place >= HAS_END;
  if (ended !== otherPlace >= HAS_END) return ended;
  return seq !== otherSeq ? seq > otherSeq : place > otherPlace;
}
