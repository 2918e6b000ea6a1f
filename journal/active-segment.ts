import { type FileSystem, type OpenFile, writeFully } from "./file-system.js";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from "./segment-header.js";

/**
 * The one segment that is being written. After any failed write or sync it must only be {@link abandon}ed: the kernel
 * may have dropped the unsynced pages and forgotten the error, so a second sync on the same file could lie (fsyncgate).
 */
export class ActiveSegment {
  readonly path: string;
  readonly #fs: FileSystem;
  readonly #file: OpenFile;
  #position: number;

  private constructor(fs: FileSystem, path: string, file: OpenFile, position: number) {
    this.#fs = fs;
    this.path = path;
    this.#file = file;
    this.#position = position;
  }

  /**
   * Makes a segment whose header and name are durable before it is used: `dir` is synced too. On an error nothing is
   * left behind if that can be helped, and the error is the file system's.
   */
  static async create(
    fs: FileSystem,
    dir: string,
    path: string,
    header: SegmentHeader,
  ): Promise<ActiveSegment> {
    const file = await fs.open(path, "create");
    try {
      await writeFully(file, [encodeSegmentHeader(header)], 0);
      await file.sync();
      await fs.syncDirectory(dir);
    } catch (error) {
      await file.close().catch(() => undefined);
      await fs.unlink(path).catch(() => undefined);
      throw error;
    }
    return new ActiveSegment(fs, path, file, SEGMENT_HEADER_BYTES);
  }

  /** Goes on in a segment whose tail was recovered; `position` is the end of its last valid record. */
  static async reopen(fs: FileSystem, path: string, position: number): Promise<ActiveSegment> {
    return new ActiveSegment(fs, path, await fs.open(path, "existing"), position);
  }

  /** Durable bytes, header included. */
  get position(): number {
    return this.#position;
  }

  /**
   * Writes frames and makes them durable. Throws the file system's error; then {@link abandon} it. A file that was
   * removed under us still takes writes and syncs but is gone for everyone else, so its name is looked up as well.
   */
  async write(buffers: readonly Uint8Array[], bytes: number): Promise<void> {
    await writeFully(this.#file, buffers, this.#position);
    const outcomes = await Promise.allSettled([this.#file.datasync(), this.#fs.stat(this.path)]);
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") throw outcome.reason;
    }
    this.#position += bytes;
  }

  /** Cuts what is not known to be durable, as far as the disk lets us, and closes. Never throws, never syncs. */
  async abandon(): Promise<void> {
    // When this fails too, the first seq of the next segment tells readers where this one ends.
    await this.#file.truncate(this.#position).catch(() => undefined);
    await this.#file.close().catch(() => undefined);
  }

  /** Throws the file system's error; what was written is durable all the same. */
  close(): Promise<void> {
    return this.#file.close();
  }
}
