import { randomInt } from "node:crypto";
import { LANGSMITH_SEEN_RUNS_MAX } from "../../../schema/index.js";

/** Half empty at most. */
const SLOTS = 2 * LANGSMITH_SEEN_RUNS_MAX;

/** The ids of a while: 32 bits of each, where 20 others say. */
class Generation {
  readonly #slots = new Uint32Array(SLOTS);
  count = 0;
  /** Of all runs in it, nanoseconds since 1970. */
  latestStart = 0n;

  has(place: number, mark: number): boolean {
    for (let at = place & (SLOTS - 1); this.#slots[at] !== 0; at = (at + 1) & (SLOTS - 1)) {
      if (this.#slots[at] === mark) return true;
    }
    return false;
  }

  add(place: number, mark: number): void {
    let at = place & (SLOTS - 1);
    while (this.#slots[at] !== 0) {
      if (this.#slots[at] === mark) return;
      at = (at + 1) & (SLOTS - 1);
    }
    this.#slots[at] = mark;
    this.count++;
  }
}

/**
 * Which runs came, for much longer than what came of them is remembered: some bytes each instead of thousands. It may take
 * a run for one that came (one in a billion), never the other way round.
 */
export class SeenRuns {
  #young = new Generation();
  #old: Generation | undefined;
  /** Nobody outside can choose ids that all fall together. */
  readonly #seeds = [randomInt(2 ** 31), randomInt(2 ** 31)] as const;

  /** @returns the latest start of runs that are forgotten from now on; undefined when none is. */
  add(id: string, start: bigint): bigint | undefined {
    const [place, mark] = this.#hashes(id);
    const young = this.#young;
    young.add(place, mark);
    if (start > young.latestStart) young.latestStart = start;
    if (young.count < LANGSMITH_SEEN_RUNS_MAX) return undefined;
    const forgotten = this.#old?.latestStart;
    this.#old = young;
    this.#young = new Generation();
    return forgotten;
  }

  mayHold(id: string): boolean {
    const [place, mark] = this.#hashes(id);
    return this.#young.has(place, mark) || this.#old?.has(place, mark) === true;
  }

  #hashes(id: string): readonly [place: number, mark: number] {
    let [place, mark] = this.#seeds as readonly number[] as [number, number];
    for (let at = 0; at < id.length; at++) {
      const char = id.charCodeAt(at);
      place = Math.imul(place ^ char, 0x0100_0193);
      mark = Math.imul(mark ^ char, 0x5bd1_e995);
    }
    place = Math.imul(place ^ (place >>> 15), 0x2c1b_3c6d);
    // 0 stands for an empty slot.
    return [place ^ (place >>> 13), (mark ^ (mark >>> 16)) >>> 0 || 1];
  }
}
