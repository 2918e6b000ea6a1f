import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const MANIFEST = "manifest.jsonl";
const COUNT = /"sealedCounts":\{[^}]*"traces":(\d+)/g;
const POLL_MS = 5;

/**
 * Follows how many spans the manifest lists, by reading only what was appended to it. A poll without news costs one
 * stat: parsing the manifest each time would take CPU from what is measured.
 */
export class SealedCount {
  readonly #path: string;
  #file = -1;
  #inode = 0;
  #read = 0;
  #spans = 0;
  #rest = "";

  constructor(mirrorDir: string) {
    this.#path = join(mirrorDir, MANIFEST);
  }

  /** Spans visible now. */
  spans(): number {
    const stat = statSync(this.#path, { throwIfNoEntry: false });
    if (stat === undefined) return this.#spans;
    if (stat.ino !== this.#inode) {
      this.close();
      this.#file = openSync(this.#path, "r");
      this.#inode = fstatSync(this.#file).ino;
      this.#read = 0;
      this.#rest = "";
    }
    if (stat.size > this.#read) this.#follow(stat.size);
    return this.#spans;
  }

  #follow(size: number): void {
    const bytes = Buffer.alloc(size - this.#read);
    const length = readSync(this.#file, bytes, 0, bytes.length, this.#read);
    this.#read += length;
    const text = this.#rest + bytes.toString("latin1", 0, length);
    const end = text.lastIndexOf("\n") + 1;
    this.#rest = text.slice(end);
    for (const match of text.slice(0, end).matchAll(COUNT)) this.#spans = Number(match[1]);
  }

  /** Resolves with the time (`performance.now()`) when at least `spans` are visible. */
  async reach(spans: number, timeoutMs = 300_000): Promise<number> {
    const deadline = performance.now() + timeoutMs;
    while (this.spans() < spans) {
      if (performance.now() > deadline) {
        throw new Error(
          `only ${this.#spans} of ${spans} acknowledged spans were sealed after ${timeoutMs} ms`,
        );
      }
      await sleep(POLL_MS);
    }
    return performance.now();
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
    this.#inode = 0;
  }
}
