import { dirname } from "node:path";
import { type FileSystem, type OpenFile, writeFully } from "../../journal/index.js";

/** Replaces a file that can be made again: a reader sees the old text or the new one; nothing is synced. */
export async function replaceDerivedFile(fs: FileSystem, path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await fs.open(temporary, "replace");
  try {
    await writeFully(file, [Buffer.from(text, "utf8")], 0);
  } finally {
    await file.close();
  }
  await fs.rename(temporary, path);
}

/** A log file open at its end. After a rejected {@link append} the end is unknown and the log must not be used. */
export class AppendLog {
  readonly #file: OpenFile;
  readonly #isThere: (size: number) => Promise<boolean>;
  #position: number;

  private constructor(file: OpenFile, position: number, isThere: (size: number) => Promise<boolean>) {
    this.#file = file;
    this.#isThere = isThere;
    this.#position = position;
  }

  /** Opens a file that is durable as a whole. */
  static async open(fs: FileSystem, path: string, length: number): Promise<AppendLog> {
    const file = await fs.open(path, "existing");
    return new AppendLog(file, length, async (wanted) => (await fs.stat(path)).size === wanted);
  }

  /**
   * Opens what an earlier process left, cuts it to `length` and makes it durable, name and all: that process may have
   * died between writing and syncing, or its last sync may have failed, after which the kernel holds the bytes as clean
   * although the disk does not have them. So `tail`, the end that it wrote last, is written once more as it is.
   */
  static async recover(fs: FileSystem, path: string, length: number, tail: Uint8Array): Promise<AppendLog> {
    const log = await AppendLog.open(fs, path, length);
    try {
      if ((await fs.stat(path)).size !== length) await log.#file.truncate(length);
      await writeFully(log.#file, [tail], length - tail.length);
      await log.#file.sync();
      await fs.syncDirectory(dirname(path));
    } catch (error) {
      await log.close();
      throw error;
    }
    return log;
  }

  /**
   * Writes at the end and makes it durable. A file that was removed or replaced under its name takes writes all the same:
   * that is an error here, since nobody will ever read them.
   */
  async append(bytes: Uint8Array): Promise<void> {
    await writeFully(this.#file, [bytes], this.#position);
    await this.#file.datasync();
    this.#position += bytes.length;
    if (!(await this.#isThere(this.#position))) {
      throw Object.assign(new Error("ESTALE: the file was replaced by another one"), { code: "ESTALE" });
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
