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

  /** Opens a file of `size` bytes and cuts it to `length`. */
  static async open(fs: FileSystem, path: string, size: number, length: number): Promise<AppendLog> {
    const file = await fs.open(path, "existing");
    try {
      if (size !== length) {
        await file.truncate(length);
        await file.sync();
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return new AppendLog(file, length, async (wanted) => (await fs.stat(path)).size === wanted);
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
