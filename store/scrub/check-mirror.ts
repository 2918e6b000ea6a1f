import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../journal/index.js";
import type { FileDamage, FileEntry } from "../types.js";

/** Bytes read and hashed at once: below a millisecond of the event loop. */
const CHUNK_BYTES = 1024 * 1024;

/** A listed file whose bytes are not those listed. */
export interface DamagedFile {
  readonly entry: FileEntry;
  readonly damage: FileDamage;
}

/**
 * What is wrong with a listed file, or undefined. Reads the whole of it; `onBytes` is told how many bytes were read
 * since the last call. Throws the file system's errors other than that the file is missing.
 */
export async function damageOf(
  mirrorDir: string,
  entry: FileEntry,
  onBytes: (bytes: number) => void = () => undefined,
  signal?: AbortSignal,
): Promise<FileDamage | undefined> {
  const path = join(mirrorDir, entry.path);
  try {
    if ((await stat(path)).size !== entry.bytes) return "size";
    const hash = createHash("sha256");
    const stream = createReadStream(path, {
      highWaterMark: CHUNK_BYTES,
      ...(signal === undefined ? {} : { signal }),
    });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      hash.update(chunk);
      onBytes(chunk.length);
    }
    return hash.digest("hex") === entry.sha256 ? undefined : "content";
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return "missing";
    throw error;
  }
}

/** Checks files one after the other; `onBytes` is told of progress. Throws when `signal` aborts. */
export async function checkFiles(
  mirrorDir: string,
  files: readonly FileEntry[],
  options: { onBytes?: (bytes: number) => void; signal?: AbortSignal } = {},
): Promise<DamagedFile[]> {
  const damaged: DamagedFile[] = [];
  for (const entry of files) {
    options.signal?.throwIfAborted();
    const damage = await damageOf(mirrorDir, entry, options.onBytes, options.signal);
    if (damage !== undefined) damaged.push({ entry, damage });
  }
  return damaged;
}
