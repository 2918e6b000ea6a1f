import { dirname, join } from "node:path";
import type { FileSystem } from "../../journal/index.js";
import type { FileEntry } from "../types.js";

/**
 * Moves sealed files to their names in the mirror. Only the owner of the data directory does this, never the process
 * that wrote them: a sealing process may outlive its owner for a moment, while the next owner's is already at the same
 * piece of the journal.
 */
export class FilePlacer {
  /** Folders of the mirror that are known to be there, durably. */
  readonly #folders = new Set<string>();

  constructor(
    readonly fs: FileSystem,
    readonly outDir: string,
    readonly mirrorDir: string,
  ) {}

  /** Resolves when every file is at its name and the names are durable. A file of that name is replaced. */
  async place(files: readonly FileEntry[]): Promise<void> {
    const folders = new Set(files.map(({ path }) => join(this.mirrorDir, dirname(path))));
    for (const folder of folders) {
      if (!this.#folders.has(folder)) await this.fs.mkdir(folder);
      this.#folders.add(folder);
    }
    try {
      for (const { path } of files) await this.fs.rename(join(this.outDir, path), join(this.mirrorDir, path));
    } catch (error) {
      // Somebody may have removed a folder.
      this.#folders.clear();
      throw error;
    }
    for (const folder of folders) await this.fs.syncDirectory(folder);
  }
}
