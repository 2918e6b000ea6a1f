import { randomFillSync } from "node:crypto";
import { open, rename, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Journal, type JournalEntry, systemErrorCode } from "../journal/index.js";
import { CounterfoilError, DISK_RESERVE_BYTES, errorMessage } from "../schema/index.js";
import type { Logger } from "./telemetry/logger.js";

/** Name of the reserve below the data directory. */
export const RESERVE_FILE = "reserve";

const CHUNK_BYTES = 1024 * 1024;
const RETRY_MS = 1_000;
/** A disk does not fill in the first moments; a start has better things to do than to write the reserve. */
const START_MS = 30_000;
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Space kept for getting out of a full disk. The journal may fill a disk to its last byte, and then the mirror could
 * not write the file that would let the journal be trimmed. So a file of DISK_RESERVE_BYTES lies in the data directory.
 * When the journal meets a full disk the file is removed, new requests are refused as retryable, and the mirror, the
 * cursors and the dead letters have its space. Once there is room for it again, the file is written anew and requests
 * are accepted again, without a restart.
 */
export class DiskReserve {
  readonly #path: string;
  readonly #dataDir: string;
  readonly #log: Logger;
  readonly #bytes: number;
  #timer: NodeJS.Timeout | undefined;
  #filling: Promise<void> | undefined;
  #released = false;
  #closed = false;

  constructor(dataDir: string, log: Logger, bytes = DISK_RESERVE_BYTES) {
    this.#dataDir = dataDir;
    this.#path = join(dataDir, RESERVE_FILE);
    this.#log = log;
    this.#bytes = bytes;
  }

  /** Makes the file a little later when it is missing. Without room for it the collector runs all the same. */
  start(): void {
    this.#timer = setTimeout(() => {
      this.#filling = this.#fill().catch((error: unknown) => {
        const why = errorMessage(error);
        this.#log.warn({ error: why }, "There is no room for the reserve, which helps out of a full disk");
        this.#later();
      });
    }, START_MS).unref();
  }

  /** The journal as receivers see it: refused while the reserve is in use. */
  guard(journal: Pick<Journal, "append">): Pick<Journal, "append"> {
    return {
      append: async (entry: JournalEntry) => {
        if (this.#released) throw this.#refusal();
        try {
          return await journal.append(entry);
        } catch (error) {
          if (error instanceof CounterfoilError && FULL.has(systemErrorCode(error.cause))) this.#release();
          throw error;
        }
      },
    };
  }

  /** Stops looking; what is on disk stays. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#filling;
  }

  #refusal(): CounterfoilError {
    return new CounterfoilError(
      "CF_JOURNAL_IO",
      `The disk of ${this.#dataDir} is full, and its reserve is in use so that the mirror can go on. Free space on it; requests are accepted again by themselves.`,
      { retryable: true },
    );
  }

  #release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#log.error(
      { data_dir: this.#dataDir },
      "The disk is full: requests are refused, and the reserve is given to the mirror",
    );
    const before = this.#filling;
    this.#filling = (async () => {
      await before;
      await rm(this.#path, { force: true }).catch(() => undefined);
      this.#later();
    })();
  }

  #later(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#filling = this.#fill().then(
        () => this.#resume(),
        () => this.#later(),
      );
    }, RETRY_MS).unref();
  }

  #resume(): void {
    if (!this.#released) return;
    this.#released = false;
    this.#log.info({ data_dir: this.#dataDir }, "There is room on the disk again: requests are accepted");
  }

  /** Writes the file whole or leaves none. Throws when there is no room for it and something beside it. */
  async #fill(): Promise<void> {
    const size = await stat(this.#path).then(
      (found) => found.size,
      () => 0,
    );
    if (size === this.#bytes) return;
    const { bavail, bsize } = await statfs(this.#dataDir);
    if (bavail * bsize < this.#bytes + this.#bytes / 8)
      throw new Error(`only ${bavail * bsize} bytes are free`);
    const temporary = `${this.#path}.tmp`;
    try {
      const file = await open(temporary, "w", 0o600);
      try {
        // Random: a file system that compresses would keep no space for zeros.
        const chunk = randomFillSync(Buffer.allocUnsafe(CHUNK_BYTES));
        for (let at = 0; at < this.#bytes;) {
          // A disk that fills up writes less than asked for; a hole would keep no space.
          at += (await file.write(chunk, 0, Math.min(CHUNK_BYTES, this.#bytes - at), at)).bytesWritten;
        }
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.#path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw error;
    }
  }
}
