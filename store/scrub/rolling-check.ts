import { statSync } from "node:fs";
import { join } from "node:path";
import { SCRUB_BYTES_PER_RUN } from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { checkFiles } from "./check-mirror.js";

/** Looks for damage a little at a time, round and round: a flipped bit shows in no other way. */
export class RollingCheck {
  readonly #mirrorDir: string;
  readonly #bytesPerRun: number;
  /** Path up to which this round has come. */
  #after = "";

  constructor(mirrorDir: string, bytesPerRun = SCRUB_BYTES_PER_RUN) {
    this.#mirrorDir = mirrorDir;
    this.#bytesPerRun = bytesPerRun;
  }

  /** Paths of files that are damaged: missing or of another size among all, of other content among the next few. */
  async next(files: readonly FileEntry[], signal: AbortSignal): Promise<string[]> {
    const found = files.filter(({ path, bytes }) => this.#size(path) !== bytes).map(({ path }) => path);
    const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
    const start = sorted.findIndex(({ path }) => path > this.#after);
    const chosen: FileEntry[] = [];
    let bytes = 0;
    for (const file of start < 0 ? sorted : sorted.slice(start)) {
      if (chosen.length > 0 && bytes + file.bytes > this.#bytesPerRun) break;
      chosen.push(file);
      bytes += file.bytes;
    }
    const damaged = await checkFiles(this.#mirrorDir, chosen, { signal });
    this.#after = chosen.at(-1)?.path ?? "";
    return [...new Set([...found, ...damaged.map(({ entry }) => entry.path)])];
  }

  #size(path: string): number | undefined {
    return statSync(join(this.#mirrorDir, path), { throwIfNoEntry: false })?.size;
  }
}
