import { join } from "node:path";
import {
  type FileSystem,
  nodeFileSystem,
  type OpenFile,
  systemErrorCode,
  writeFully,
} from "../../journal/index.js";
import { DEAD_LETTER_BYTES_MAX, DEAD_LETTER_FILE_BYTES } from "../../schema/index.js";
import {
  completeLines,
  type DeadLetter,
  deadLetterFiles,
  deadLetterLine,
  deadLetterPath,
  lineSeq,
  rewriteLines,
} from "./dead-letter-file.js";

/** How {@link DeadLetterStore} works. */
export interface DeadLetterStoreOptions {
  readonly dir: string;
  readonly fileSystem?: FileSystem;
  /** Size at which a file is followed by the next, bytes. */
  readonly fileBytes?: number;
  /** Bound of all files together, bytes. */
  readonly bytesMax?: number;
  /** Hears of each file that is removed because the store is at its bound. */
  readonly onRemoved?: (path: string) => void;
}

interface Current {
  readonly path: string;
  readonly file: OpenFile;
  bytes: number;
}

/**
 * Dead letters of one destination: `<dir>/<seq of the first>.jsonl`, one JSON object a line with the fields of
 * {@link DeadLetter} in snake_case and the body as OTLP JSON in `otlp` (or `payload_base64` with `encoding` when it could
 * not be decoded). Lines are stored in journal order and are durable before the cursor moves over them.
 */
export class DeadLetterStore {
  readonly #dir: string;
  readonly #fs: FileSystem;
  readonly #fileBytes: number;
  readonly #bytesMax: number;
  readonly #onRemoved: (path: string) => void;
  #last: Promise<unknown> = Promise.resolve();
  #current: Current | undefined;
  /** Lines beyond it are still to be removed. */
  #cursorSeq: number | undefined;
  /** Files that a failed {@link store} wrote to, with the bytes they had before it. */
  readonly #toCut = new Map<string, number>();

  constructor(options: DeadLetterStoreOptions) {
    this.#dir = options.dir;
    this.#fs = options.fileSystem ?? nodeFileSystem;
    this.#onRemoved = options.onRemoved ?? (() => undefined);
    this.#fileBytes = options.fileBytes ?? DEAD_LETTER_FILE_BYTES;
    this.#bytesMax = options.bytesMax ?? DEAD_LETTER_BYTES_MAX;
  }

  /**
   * Begins to remove lines beyond the durable cursor, whose records will be delivered (and perhaps refused) again. What
   * the disk does not let it remove now is removed before anything is stored.
   */
  open(cursorSeq: number): void {
    this.#cursorSeq = cursorSeq;
    this.#inTurn(() => this.#clean()).catch(() => undefined);
  }

  /**
   * Resolves when all letters are durable. Throws the file system's error; then none of them counts, and the caller
   * passes them again: what the failed attempt left in a file is cut off before the next.
   */
  store(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return Promise.resolve();
    return this.#inTurn(async () => {
      await this.#clean();
      const before = new Map<string, number>();
      try {
        for (const letter of letters) await this.#write(letter, before);
        await this.#current?.file.datasync();
      } catch (error) {
        // After a failed sync the kernel may have forgotten what it did not write: the descriptor is never synced again.
        for (const [path, bytes] of before) this.#toCut.set(path, bytes);
        await this.#close();
        throw error;
      }
    });
  }

  /** Closes the current file, so that others may rewrite it. Throws when the disk still keeps lines that must go. */
  rotate(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#close();
      await this.#clean();
    });
  }

  /** Closes the current file. Everything stored is durable. */
  close(): Promise<void> {
    return this.#inTurn(() => this.#close());
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #close(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    await current?.file.close().catch(() => undefined);
  }

  async #clean(): Promise<void> {
    for (const [path, bytes] of this.#toCut) {
      await this.#cut(path, bytes);
      this.#toCut.delete(path);
    }
    if (this.#cursorSeq === undefined) return;
    await this.#dropBeyond(this.#cursorSeq);
    this.#cursorSeq = undefined;
  }

  /** Truncating and syncing is safe even after a failed sync: it is about the size, not about the lost pages. */
  async #cut(path: string, bytes: number): Promise<void> {
    // Removed since, by hand or at the bound.
    if ((await this.#sizeOf(path)) === undefined) return;
    if (bytes === 0) return rewriteLines(this.#fs, path, []);
    const file = await this.#fs.open(path, "existing");
    try {
      await file.truncate(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #dropBeyond(cursorSeq: number): Promise<void> {
    for (const name of (await deadLetterFiles(this.#fs, this.#dir)).reverse()) {
      const path = join(this.#dir, name);
      const bytes = await this.#fs.readFile(path);
      const kept = completeLines(bytes).filter((line) => lineSeq(line) <= cursorSeq);
      const keptBytes = kept.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
      // Lines are in journal order, so nothing is to be dropped from the files before one that stays as it is.
      if (kept.length > 0 && keptBytes === bytes.length) return;
      await rewriteLines(this.#fs, path, kept);
    }
  }

  /** Appends one letter. `before` gets the size of each file that it touches first. */
  async #write(letter: DeadLetter, before: Map<string, number>): Promise<void> {
    const line = Buffer.from(`${deadLetterLine(letter)}\n`);
    if (this.#current !== undefined && this.#current.bytes + line.length > this.#fileBytes) {
      await this.#current.file.datasync();
      await this.#close();
    }
    this.#current ??= await this.#create(letter.seq);
    const { path, file, bytes } = this.#current;
    if (!before.has(path)) before.set(path, bytes);
    await writeFully(file, [line], bytes);
    this.#current.bytes += line.length;
  }

  async #create(seq: number): Promise<Current> {
    await this.#fs.mkdir(this.#dir);
    await this.#dropOldest();
    const path = deadLetterPath(this.#dir, seq);
    // A file of this name is there when the letters of one record went over the size of a file.
    const size = await this.#sizeOf(path);
    const file = await this.#fs.open(path, size === undefined ? "create" : "existing");
    try {
      await this.#fs.syncDirectory(this.#dir);
    } catch (error) {
      await file.close().catch(() => undefined);
      throw error;
    }
    return { path, file, bytes: size ?? 0 };
  }

  async #sizeOf(path: string): Promise<number | undefined> {
    try {
      return (await this.#fs.stat(path)).size;
    } catch (error) {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #dropOldest(): Promise<void> {
    const files: { path: string; bytes: number }[] = [];
    for (const name of await deadLetterFiles(this.#fs, this.#dir)) {
      const path = join(this.#dir, name);
      files.push({ path, bytes: (await this.#fs.stat(path)).size });
    }
    let total = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files) {
      if (total + this.#fileBytes <= this.#bytesMax) return;
      await this.#fs.unlink(file.path);
      total -= file.bytes;
      this.#onRemoved(file.path);
    }
  }
}
