import type { ChildProcess } from "node:child_process";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { nodeFileSystem } from "../../journal/index.js";
import {
  CounterfoilError,
  type ErrorCode,
  ERROR_CODES,
  errorMessage,
  SEALER_FILE_BYTES_MAX,
  SEALER_HEAP_MB,
  SEALER_NICENESS,
  SEALER_PROCESS_MB,
} from "../../schema/index.js";
import { startChild } from "../child-process.js";
import type { FileEntry } from "../types.js";
import type {
  ReadRange,
  SealedRange,
  SealerPaths,
  SealerReply,
  SealerRequest,
  SealOrder,
  SpanIds,
  WinnersOrder,
} from "./messages.js";
import { FilePlacer } from "./placed-files.js";
import type { SealerPort } from "./sealer-port.js";

const CHILD = new URL("./sealer.child.js", import.meta.url);
/** A sealer makes few objects: a larger young space took 20 MiB and saved no time. */
const YOUNG_HEAP_MB = 2;
const LIMITS = {
  heapMb: SEALER_HEAP_MB,
  youngHeapMb: YOUNG_HEAP_MB,
  memoryMb: SEALER_PROCESS_MB,
  fileBytesMax: SEALER_FILE_BYTES_MAX,
};
const WORDS_CHARS_MAX = 400;

/** Thrown into every request of a sealing process that ended on its own. */
export class SealerCrash extends CounterfoilError {
  constructor(detail: string) {
    super(
      "CF_SEAL_FAILED",
      `a sealing process ended unexpectedly: ${detail}; its piece will be sealed again`,
      {
        retryable: true,
      },
    );
  }
}

interface Pending {
  readonly resolve: (reply: SealerReply) => void;
  readonly reject: (error: Error) => void;
  readonly onRead?: ((range: ReadRange) => void) | undefined;
}

/**
 * One sealing process, as promises. After a crash every call rejects; make a new one. A process and not a thread: a fault
 * of the engine takes nothing else along, and sealing runs below the priority of receiving.
 */
export class SealerClient implements SealerPort {
  readonly process: ChildProcess;
  readonly #placer: FilePlacer;
  readonly #pending = new Map<number, Pending>();
  readonly #ended: Promise<void>;
  #next = 1;
  #crash: SealerCrash | undefined;
  #stopping = false;
  /** Which filler the worker chose; empty until it is ready. */
  filler = "";

  private constructor(
    paths: SealerPaths,
    readonly onLog: (level: "info" | "warn", message: string) => void,
    ready: (error?: Error) => void,
  ) {
    this.#placer = new FilePlacer(nodeFileSystem, paths.outDir, paths.mirrorDir);
    this.process = startChild(CHILD, {
      workDir: paths.tempDir,
      messages: true,
      limits: LIMITS,
      niceness: SEALER_NICENESS,
      // One file at a time is written. On four threads in turn, DuckDB's allocator kept memory for each of the four.
      poolThreads: 1,
    });
    let words = "";
    this.process.stdout?.resume();
    this.process.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => (words = (words + text).slice(-WORDS_CHARS_MAX)));
    this.process.on("message", (message) => {
      const reply = message as SealerReply;
      if (reply.type === "ready") {
        this.filler = reply.filler;
        if (reply.note !== "") onLog("warn", `Sealing goes the slower, safe way: ${reply.note}.`);
        ready();
      } else this.#answer(reply);
    });
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#crash ??= new SealerCrash(
          `${how}${words.trim() === "" ? "" : `; its last words: ${words.trim()}`}`,
        );
        ready(this.#crash);
        for (const pending of this.#pending.values()) pending.reject(this.#crash);
        this.#pending.clear();
        void rm(dirname(paths.outDir), { recursive: true, force: true }).then(resolve, () => resolve());
      };
      this.process.once("error", (error) => end(error.message));
      this.process.once("exit", (code, signal) => end(signal === null ? `code ${code}` : `signal ${signal}`));
    });
    this.#send(paths);
  }

  /** Starts the process; resolves when its engine is open. */
  static async start(
    paths: SealerPaths,
    onLog: (level: "info" | "warn", message: string) => void,
  ): Promise<SealerClient> {
    mkdirSync(paths.tempDir, { recursive: true, mode: 0o700 });
    let client: SealerClient | undefined;
    await new Promise<void>((resolve, reject) => {
      client = new SealerClient(paths, onLog, (error) => (error === undefined ? resolve() : reject(error)));
    });
    if (client === undefined) throw new SealerCrash("it did not start");
    return client;
  }

  get alive(): boolean {
    return this.#crash === undefined && !this.#stopping;
  }

  async seal(order: SealOrder, onRead: (range: ReadRange) => void): Promise<SealedRange> {
    const reply = await this.#request((id) => ({ type: "seal", id, order }), onRead);
    if (reply.type !== "sealed") throw unexpected(reply);
    await this.#place(reply.range.files);
    return { ...reply.range, ids: aligned(reply.range.ids) };
  }

  async writeWinners(order: WinnersOrder): Promise<FileEntry> {
    const reply = await this.#request((id) => ({ type: "winners", id, order }));
    if (reply.type !== "winners") throw unexpected(reply);
    await this.#place([reply.file]);
    return reply.file;
  }

  async recentIds(paths: readonly string[], max: number): Promise<SpanIds> {
    const reply = await this.#request((id) => ({ type: "recent", id, paths, max }));
    if (reply.type !== "recent") throw unexpected(reply);
    return aligned(reply.ids);
  }

  /** Lets the process finish what it has, then end; ends it the hard way after `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#crash === undefined) this.#send({ type: "stop" });
    const timer = setTimeout(() => this.process.kill("SIGKILL"), deadlineMs);
    await this.#ended;
    clearTimeout(timer);
  }

  async #place(files: readonly FileEntry[]): Promise<void> {
    try {
      await this.#placer.place(files);
    } catch (error) {
      const text = `sealed files can't be moved into the mirror: ${errorMessage(error)}`;
      throw new CounterfoilError("CF_SEAL_FAILED", text, { cause: error, retryable: true });
    }
  }

  #send(message: SealerPaths | SealerRequest): void {
    // An error means that it ends; its exit tells more.
    this.process.send(message, () => undefined);
  }

  #request(make: (id: number) => SealerRequest, onRead?: (range: ReadRange) => void): Promise<SealerReply> {
    if (this.#crash !== undefined) return Promise.reject(this.#crash);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onRead });
      this.#send(make(id));
    });
  }

  #answer(reply: Exclude<SealerReply, { type: "ready" }>): void {
    if (reply.type === "log") {
      this.onLog(reply.level, reply.message);
      return;
    }
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    if (reply.type === "read") {
      pending.onRead?.(reply.range);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.type === "failed") pending.reject(failure(reply));
    else pending.resolve(reply);
  }
}

function failure(reply: Extract<SealerReply, { type: "failed" }>): CounterfoilError {
  const code: ErrorCode = ERROR_CODES.find((known) => known === reply.code) ?? "CF_SEAL_FAILED";
  return new CounterfoilError(code, reply.message, { retryable: reply.retryable });
}

/** The channel hands out views of its own buffer, at any offset; ids are compared four bytes at a time. */
function aligned({ ids, seqs, places }: SpanIds): SpanIds {
  return { ids: ids.slice(), seqs, places };
}

function unexpected(reply: SealerReply): CounterfoilError {
  return new CounterfoilError(
    "CF_SEAL_FAILED",
    `a sealing process answered "${reply.type}" to another question`,
  );
}
