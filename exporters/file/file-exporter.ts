import { mkdir, open, readdir, rename, rm, stat, type FileHandle } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { nodeFileSystem } from "../../journal/index.js";
import { CounterfoilError, encodeOtlpJson, errorMessage, SIGNALS, type Signal } from "../../schema/index.js";
import { cleanText } from "../core/classify.js";
import { type ExportBatch, type Exporter, type Outcome, telemetrySignal } from "../core/exporter.js";
import { partData } from "../core/payload.js";
import type { FileExporterConfig } from "./types.js";

/** A file is rotated at this size unless configured, bytes. */
const ROTATE_BYTES = 100 * 1024 * 1024;

/** Codes of a disk that may have room or permission later: the data waits. */
const DISK_FAILURE = /^(ENOSPC|EDQUOT|EIO|EROFS|EACCES|EPERM|EMFILE|ENFILE|ENOENT|ENOTDIR|EBUSY)$/;

interface OpenFile {
  readonly handle: FileHandle;
  bytes: number;
  /** Bytes that were there at the last sync. */
  durableBytes: number;
}

/** OTLP JSON Lines: one request message a line, one signal a file (the OpenTelemetry file exporter's form). */
export function createFileExporter(config: FileExporterConfig): Exporter {
  if (config.path === "") {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      "A file exporter needs a path: the folder to write into.",
    );
  }
  return new FileExporter(config);
}

class FileExporter implements Exporter {
  readonly wants = "data";
  readonly #config: FileExporterConfig;
  readonly #files = new Map<Signal, OpenFile>();
  /** Writes of one destination follow each other, so that lines never mix and the order is the journal's. */
  #last: Promise<unknown> = Promise.resolve();
  /** What a failed sync said: lines that were called delivered may be gone. */
  #lost: Error | undefined;
  /** A file was made or renamed since the folder was synced. */
  #newNames = false;

  constructor(config: FileExporterConfig) {
    this.#config = config;
  }

  send(batch: ExportBatch): Promise<Outcome> {
    return this.#inTurn(() => this.#write(batch));
  }

  /** Everything written is on disk, and so are the names of its files. */
  sync(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#lost !== undefined) throw this.#lost;
      for (const signal of this.#files.keys()) await this.#syncFile(signal);
      if (!this.#newNames) return;
      await nodeFileSystem.syncDirectory(resolve(this.#config.path));
      this.#newNames = false;
    });
  }

  /** After a failed sync the file is never synced again: it is cut where it was durable, and what follows is rewritten. */
  async #syncFile(signal: Signal): Promise<void> {
    const file = this.#files.get(signal);
    if (file === undefined || file.durableBytes === file.bytes) return;
    try {
      await file.handle.datasync();
      file.durableBytes = file.bytes;
    } catch (error) {
      this.#files.delete(signal);
      await file.handle.truncate(file.durableBytes).catch(() => undefined);
      await file.handle.close().catch(() => undefined);
      this.#lost = error instanceof Error ? error : new Error(errorMessage(error));
      throw error;
    }
  }

  async close(): Promise<void> {
    try {
      await this.sync();
    } finally {
      for (const file of this.#files.values()) await file.handle.close();
      this.#files.clear();
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #write(batch: ExportBatch): Promise<Outcome> {
    const signal = telemetrySignal(batch);
    const lines = batch.parts.map((part) => encodeOtlpJson(signal, partData(signal, part)));
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    try {
      const file = await this.#fileFor(signal, bytes.byteLength);
      const start = file.bytes;
      let written = 0;
      while (written < bytes.byteLength) {
        // By position: after a short write on a full disk the retry overwrites the torn line.
        written += (await file.handle.write(bytes, written, bytes.byteLength - written, start + written))
          .bytesWritten;
      }
      file.bytes += bytes.byteLength;
      return { kind: "delivered" };
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "";
      if (!DISK_FAILURE.test(code)) throw error;
      return { kind: "retry", message: cleanText(`writing to ${this.#config.path}: ${errorMessage(error)}`) };
    }
  }

  async #fileFor(signal: Signal, more: number): Promise<OpenFile> {
    const limit = this.#config.rotateBytes ?? ROTATE_BYTES;
    const path = join(this.#config.path, `${signal}.jsonl`);
    let file = this.#files.get(signal);
    if (file !== undefined && !(await isAt(path, file.handle))) {
      // Moved or removed by someone else (logrotate, say): what is written now would go where nobody reads it.
      await this.#syncFile(signal);
      this.#files.delete(signal);
      await file.handle.close();
      file = undefined;
    }
    if (file !== undefined && limit > 0 && file.bytes > 0 && file.bytes + more > limit) {
      await this.#rotate(signal, file);
      file = undefined;
    }
    if (file !== undefined) return file;
    await makeFolder(resolve(this.#config.path));
    const handle = await openForWriting(path);
    const bytes = await endOfLastLine(handle);
    const opened: OpenFile = { handle, bytes, durableBytes: bytes };
    await handle.truncate(bytes);
    this.#files.set(signal, opened);
    this.#newNames = true;
    return opened;
  }

  async #rotate(signal: Signal, file: OpenFile): Promise<void> {
    await this.#syncFile(signal);
    await file.handle.close();
    this.#files.delete(signal);
    this.#newNames = true;
    const folder = this.#config.path;
    const stamp = new Date().toISOString().replaceAll(":", "-");
    let target = join(folder, `${signal}-${stamp}.jsonl`);
    for (let n = 1; await exists(target); n += 1) {
      target = join(folder, `${signal}-${stamp}-${String(n).padStart(6, "0")}.jsonl`);
    }
    await rename(join(folder, `${signal}.jsonl`), target);
    await this.#removeOldest(signal);
  }

  async #removeOldest(signal: Signal): Promise<void> {
    const max = this.#config.filesMax ?? 0;
    if (max === 0) return;
    const rotated = (await readdir(this.#config.path))
      .filter((name) => SIGNALS.some((known) => known === signal && name.startsWith(`${known}-`)))
      .filter((name) => name.endsWith(".jsonl"))
      .sort();
    for (const name of rotated.slice(0, Math.max(0, rotated.length - max))) {
      await rm(join(this.#config.path, name));
    }
  }
}

/**
 * Makes a folder and those above it. Node's own `recursive` never returns below a place like /proc, where a folder is
 * missing and can't be made.
 */
async function makeFolder(path: string): Promise<void> {
  if (await exists(path)) return;
  const above = dirname(path);
  if (above !== path) await makeFolder(above);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
}

/** Read and write without truncating; created when missing. */
async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return open(path, "wx+", 0o600);
    throw error;
  }
}

/** Where the last whole line ends: what a crash tore is cut off, since it will be written again. */
async function endOfLastLine(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat();
  const chunk = Buffer.alloc(64 * 1024);
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - chunk.byteLength);
    const { bytesRead } = await handle.read(chunk, 0, end - start, start);
    const newline = chunk.subarray(0, bytesRead).lastIndexOf(0x0a);
    if (newline >= 0) return start + newline + 1;
    end = start;
  }
  return 0;
}

async function isAt(path: string, handle: FileHandle): Promise<boolean> {
  if (!(await exists(path))) return false;
  const [there, open] = await Promise.all([stat(path), handle.stat()]);
  return there.ino === open.ino && there.dev === open.dev;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
