import { join } from "node:path";
import type { FileSystem } from "../../journal/index.js";

/** Names that Counterfoil gives to files below a table's folder. Anything else there is somebody else's and stays. */
const OWN_FILE = /^\d+-\d+-\d+[\w.-]*\.parquet$|\.tmp$/;

/** Names in a folder; none when it is a file or gone. */
async function namesIn(fs: FileSystem, folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch {
    return [];
  }
}

/** Files of ours below `mirrorDir/<table>/<partition>/`, as paths with forward slashes. */
export async function listDataFiles(fs: FileSystem, mirrorDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const table of await namesIn(fs, mirrorDir)) {
    for (const partition of await namesIn(fs, join(mirrorDir, table))) {
      for (const name of await namesIn(fs, join(mirrorDir, table, partition))) {
        if (OWN_FILE.test(name)) found.push(`${table}/${partition}/${name}`);
      }
    }
  }
  return found;
}

/** Starts the grace period of files that a commit took off the list, so that it also holds across a restart. */
export async function markRemoved(
  fs: FileSystem,
  mirrorDir: string,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    try {
      await fs.touch(join(mirrorDir, path));
    } catch {
      // Already gone: nothing to keep for a reader.
    }
  }
}

/**
 * Deletes files that the catalog does not list once nobody can still read them. A file counts as abandoned when it
 * was last written more than the grace period ago by the wall clock *and*, while this process runs, was seen
 * unlisted for as long by the monotonic clock: a jump of the wall clock must not delete a file that is renamed but
 * not committed yet (catalogue item 64).
 */
export class OrphanSweeper {
  readonly #firstSeen = new Map<string, number>();
  readonly #fs: FileSystem;
  readonly #mirrorDir: string;
  readonly #graceMs: number;

  constructor(fs: FileSystem, mirrorDir: string, graceMs: number) {
    this.#fs = fs;
    this.#mirrorDir = mirrorDir;
    this.#graceMs = graceMs;
  }

  /** Returns the deleted paths. `atOpen`: no writer is running yet, so the wall clock alone decides. */
  async sweep(isListed: (path: string) => boolean, atOpen: boolean): Promise<string[]> {
    const unlisted = (await listDataFiles(this.#fs, this.#mirrorDir)).filter((path) => !isListed(path));
    const seen = new Set(unlisted);
    for (const path of this.#firstSeen.keys()) if (!seen.has(path)) this.#firstSeen.delete(path);
    const deleted: string[] = [];
    for (const path of unlisted) {
      const since = this.#firstSeen.get(path) ?? performance.now();
      this.#firstSeen.set(path, since);
      if (!atOpen && performance.now() - since < this.#graceMs) continue;
      const full = join(this.#mirrorDir, path);
      try {
        if (Date.now() - (await this.#fs.stat(full)).mtimeMs < this.#graceMs) continue;
        if (isListed(path)) continue;
        await this.#fs.unlink(full);
        deleted.push(path);
      } catch {
        // Vanished, or not ours to delete: the next sweep looks again.
      }
    }
    await this.#syncFolders(deleted);
    return deleted;
  }

  async #syncFolders(deleted: readonly string[]): Promise<void> {
    for (const folder of new Set(deleted.map((path) => path.slice(0, path.lastIndexOf("/"))))) {
      await this.#fs.syncDirectory(join(this.#mirrorDir, folder));
    }
  }
}
