import {
  DECOMPRESS_CONCURRENCY_MAX,
  DECOMPRESS_LARGE_BYTES,
  DECOMPRESS_LARGE_CONCURRENCY_MAX,
} from "../../schema/index.js";

/**
 * Places for decompressing. The threads that do it also write the journal, so a few must stay free, and what is
 * decompressed at once takes memory that its compressed size does not show. Large bodies have one place of these at a time,
 * so that they delay only each other.
 */
export class DecompressSlots {
  readonly #small: (() => void)[] = [];
  readonly #large: (() => void)[] = [];
  #running = 0;
  #runningLarge = 0;

  /** Runs `work` when a place is free. `bytes` is the size that its result may have. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    const large = bytes > DECOMPRESS_LARGE_BYTES;
    if (!this.#fits(large)) {
      await new Promise<void>((start) => (large ? this.#large : this.#small).push(start));
    } else this.#take(large);
    try {
      return await work();
    } finally {
      this.#running -= 1;
      if (large) this.#runningLarge -= 1;
      this.#startNext();
    }
  }

  #fits(large: boolean): boolean {
    if (this.#running >= DECOMPRESS_CONCURRENCY_MAX) return false;
    return !large || this.#runningLarge < DECOMPRESS_LARGE_CONCURRENCY_MAX;
  }

  #take(large: boolean): void {
    this.#running += 1;
    if (large) this.#runningLarge += 1;
  }

  #startNext(): void {
    for (const [queue, large] of [
      [this.#large, true],
      [this.#small, false],
    ] as const) {
      if (!this.#fits(large)) continue;
      const start = queue.shift();
      if (start === undefined) continue;
      // Taken here and not when it runs, so that nobody slips in between.
      this.#take(large);
      start();
      return;
    }
  }
}
