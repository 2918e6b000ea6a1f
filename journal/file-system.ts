import { dirname } from "node:path";

/**
 * The file operations that durable code uses, so that tests can put a failing, torn or crashing disk underneath. The
 * journal, the cursor files and the catalog do all their I/O through it.
 */

/** An open file. Positions and sizes are bytes from the start of the file. */
export interface OpenFile {
  /** Writes the buffers one after the other at `position`; returns the bytes written, which may be fewer. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Makes the data and the size durable. */
  datasync(): Promise<void>;
  /** Makes data, size and metadata durable. */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

/** A file opened for reading by {@link SyncFileSystem.open}. */
export interface OpenSyncFile {
  /** Fills `buffer` from `position`; returns the bytes read, fewer at the end of the file. */
  read(buffer: Uint8Array, position: number): number;
  /** Size in bytes. */
  size(): number;
  close(): void;
}

/** The blocking part, for readers in worker threads and for recovery at start. */
export interface SyncFileSystem {
  open(path: string): OpenSyncFile;
  readFile(path: string): Uint8Array;
  readdir(path: string): string[];
}

/** `existing` opens for reading and writing, `create` fails when the file exists, `replace` empties it. */
export type OpenMode = "existing" | "create" | "replace";

/** Errors are Node's: `code` is ENOENT, ENOSPC, EIO and so on. New files get mode 0600, folders 0700. */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes the folder and its parents, durably; not an error when it exists. */
  mkdir(path: string): Promise<void>;
  readdir(path: string): Promise<string[]>;
  stat(path: string): Promise<{ size: number; mtimeMs: number }>;
  /** Sets the time of modification to now. */
  touch(path: string): Promise<void>;
  readFile(path: string): Promise<Uint8Array>;
  /** Makes the names in a folder durable: after a file in it was made, renamed or removed. */
  syncDirectory(path: string): Promise<void>;
  readonly sync: SyncFileSystem;
}

/** The `code` of a system error such as ENOENT; "" for anything else. */
export function systemErrorCode(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** Writes all bytes at `position`, going on after short writes. Throws the file system's error. */
export async function writeFully(
  file: OpenFile,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0);
  let offset = position;
  while (rest.length > 0) {
    const written = await file.writev(rest, offset);
    if (written <= 0) throw Object.assign(new Error("EIO: the disk accepted no bytes"), { code: "EIO" });
    offset += written;
    rest = withoutFirstBytes(rest, written);
  }
}

function withoutFirstBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  let index = 0;
  for (; index < buffers.length; index++) {
    const length = buffers[index]?.length ?? 0;
    if (length > left) break;
    left -= length;
  }
  const rest = buffers.slice(index);
  if (left > 0 && rest[0] !== undefined) rest[0] = rest[0].subarray(left);
  return rest;
}

/**
 * Replaces a file so that a crash at any moment leaves the old or the new content, never a mix: write `<path>.tmp`,
 * fsync, rename, fsync of the folder. Callers serialise writes of one path. Throws the file system's error; the old
 * file is then unchanged unless the last step (fsync of the folder) failed.
 */
export async function writeFileAtomically(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await fs.open(temporary, "replace");
  try {
    await writeFully(file, [bytes], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, path);
  await fs.syncDirectory(dirname(path));
}
