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
  #position: number;

  private constructor(file: OpenFile, position: number) {
    this.#file = file;
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
    return new AppendLog(file, length);
  }

  /** Writes at the end and makes it durable. */
  async append(bytes: Uint8Array): Promise<void> {
    await writeFully(this.#file, [bytes], this.#position);
    await this.#file.datasync();
    this.#position += bytes.length;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
