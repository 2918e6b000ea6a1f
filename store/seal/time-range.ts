import type { ColumnBatch } from "./column-batch.js";

/** Smallest and largest event time of a file's rows. */
export class TimeRange {
  #min: bigint | undefined;
  #max: bigint | undefined;

  constructor(readonly column: string) {}

  /** Takes in a batch. Words are compared first, so that bigints are only made for the two extremes. */
  add(batch: ColumnBatch): void {
    const vector = batch.fixed(this.column);
    const { u32, valid } = vector;
    let min = -1;
    let max = -1;
    for (let row = 0; row < batch.rows; row++) {
      if (valid[row] !== 1) continue;
      if (min < 0 || less(u32, row, min)) min = row;
      if (max < 0 || less(u32, max, row)) max = row;
    }
    if (min < 0) return;
    const low = vector.bigint(min);
    const high = vector.bigint(max);
    if (this.#min === undefined || low < this.#min) this.#min = low;
    if (this.#max === undefined || high > this.#max) this.#max = high;
  }

  /** Decimal nanoseconds; null when no row had a time. */
  get min(): string | null {
    return this.#min?.toString() ?? null;
  }

  get max(): string | null {
    return this.#max?.toString() ?? null;
  }
}

/** Times are never negative here, so the words compare as unsigned. */
function less(words: Uint32Array, a: number, b: number): boolean {
  const high = (words[a * 2 + 1] as number) - (words[b * 2 + 1] as number);
  return high !== 0 ? high < 0 : (words[a * 2] as number) < (words[b * 2] as number);
}
