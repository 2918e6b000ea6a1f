import { type FileHandle, open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  CounterfoilError,
  IMPORT_UPLOAD_BYTES_MAX,
  IMPORT_UPLOAD_IDLE_MS,
  IMPORT_UPLOADS_MAX,
} from "../../schema/index.js";
import { createWorkDir } from "../../store/index.js";
import { InTurn } from "../../loop/index.js";

interface Upload {
  readonly folder: string;
  readonly file: FileHandle;
  bytes: number;
  idle: NodeJS.Timeout;
}

/**
 * Bodies that come in pieces, because whole they would pass the bound of one request: an import's version of a dataset is one
 * journal record or nothing. They wait in files; one that nobody goes on with is removed.
 */
export class ImportUploads {
  readonly #dataDir: string;
  readonly #uploads = new Map<string, Upload>();
  /** Files are made and written in turn, so that pieces can't overtake each other. */
  readonly #turns = new InTurn();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /**
   * Puts a piece where the others end; the first one begins the upload. A piece that came before is put again. Resolves with the
   * bytes that are there. Throws CF_CONFLICT for a gap, CF_BODY_TOO_LARGE, and CF_OVERLOADED when others are under way.
   */
  put(id: string, offset: number, piece: Uint8Array): Promise<number> {
    return this.#turns.run(async () => {
      const here = this.#uploads.get(id)?.bytes ?? 0;
      if (offset > here) {
        throw new CounterfoilError("CF_CONFLICT", `The piece begins at ${offset}; there are ${here} bytes.`);
      }
      if (offset + piece.length > IMPORT_UPLOAD_BYTES_MAX) {
        throw new CounterfoilError(
          "CF_BODY_TOO_LARGE",
          `An upload has at most ${IMPORT_UPLOAD_BYTES_MAX} bytes.`,
        );
      }
      const upload = this.#uploads.get(id) ?? (await this.#begin(id));
      // A disk that fills up writes less than asked for.
      for (let at = 0; at < piece.length;) {
        at += (await upload.file.write(piece, at, piece.length - at, offset + at)).bytesWritten;
      }
      upload.bytes = Math.max(upload.bytes, offset + piece.length);
      upload.idle.refresh();
      return upload.bytes;
    });
  }

  /** One upload after the other: gives `use` the whole body, which is gone afterwards. Throws CF_NOT_FOUND. */
  take<T>(id: string, use: (body: Uint8Array) => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      const upload = this.#uploads.get(id);
      if (upload === undefined) {
        throw new CounterfoilError(
          "CF_NOT_FOUND",
          "There is no such upload, or it was not gone on with. Send it again.",
        );
      }
      try {
        return await use(await readFile(join(upload.folder, BODY)));
      } finally {
        await this.#end(id);
      }
    });
  }

  async close(): Promise<void> {
    await this.#turns.run(async () => {
      for (const id of Array.from(this.#uploads.keys())) await this.#end(id);
    });
  }

  async #begin(id: string): Promise<Upload> {
    if (this.#uploads.size >= IMPORT_UPLOADS_MAX) {
      throw new CounterfoilError(
        "CF_OVERLOADED",
        `${IMPORT_UPLOADS_MAX} uploads are under way. Try again later.`,
        { retryable: true },
      );
    }
    const folder = await createWorkDir(this.#dataDir);
    const file = await open(join(folder, BODY), "wx+", 0o600).catch(async (error: unknown) => {
      await rm(folder, { recursive: true, force: true });
      throw error;
    });
    const forget = (): void => void this.#turns.run(() => this.#end(id)).catch(() => undefined);
    const upload = { folder, file, bytes: 0, idle: setTimeout(forget, IMPORT_UPLOAD_IDLE_MS).unref() };
    this.#uploads.set(id, upload);
    return upload;
  }

  async #end(id: string): Promise<void> {
    const upload = this.#uploads.get(id);
    if (upload === undefined) return;
    this.#uploads.delete(id);
    clearTimeout(upload.idle);
    await upload.file.close();
    await rm(upload.folder, { recursive: true, force: true });
  }
}

const BODY = "body";
