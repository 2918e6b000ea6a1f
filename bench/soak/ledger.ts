/** What became of each span, by its number. */
export class SpanLedger {
  #acknowledged = new Uint8Array(1 << 16);
  #next = 1;
  acknowledged = 0;

  /** Takes the next `count` numbers; returns the first. */
  take(count: number): number {
    const first = this.#next;
    this.#next += count;
    if (this.#next > this.#acknowledged.length) {
      const grown = new Uint8Array(this.#acknowledged.length * 2 + count);
      grown.set(this.#acknowledged);
      this.#acknowledged = grown;
    }
    return first;
  }

  /** Notes that the spans from `first` on were answered with success. */
  acknowledge(first: number, count: number): void {
    this.#acknowledged.fill(1, first, first + count);
    this.acknowledged += count;
  }

  /** Compares the numbers read back with what was acknowledged. */
  compare(found: Iterable<number>): Comparison {
    const seen = new Uint8Array(this.#next);
    const doubled: number[] = [];
    const unknown: number[] = [];
    for (const number of found) {
      if (!(number > 0 && number < this.#next)) unknown.push(number);
      else if (seen[number] === 1) doubled.push(number);
      else seen[number] = 1;
    }
    const lost: number[] = [];
    let present = 0;
    for (let number = 1; number < this.#next; number++) {
      if (seen[number] === 1) present += 1;
      else if (this.#acknowledged[number] === 1) lost.push(number);
    }
    return { present, lost, doubled, unknown };
  }
}

/** What reading back showed. `present` may be more than was acknowledged: an answer can get lost in a kill. */
export interface Comparison {
  readonly present: number;
  readonly lost: readonly number[];
  readonly doubled: readonly number[];
  readonly unknown: readonly number[];
}
