import { Worker } from "node:worker_threads";
import { CounterfoilError, type ErrorCode, ERROR_CODES } from "../../schema/index.js";
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
import type { SealerPort } from "./sealer-port.js";

/** Thrown into every request of a worker thread that ended on its own. */
export class SealerCrash extends CounterfoilError {
  constructor(detail: string) {
    super(
      "CF_SEAL_FAILED",
      `a sealing thread ended unexpectedly: ${detail}; its piece will be sealed again`,
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

/** One sealing worker thread, as promises. After a crash every call rejects; make a new one. */
export class SealerClient implements SealerPort {
  readonly #worker: Worker;
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
    this.#worker = new Worker(new URL("./sealer.worker.js", import.meta.url), { workerData: paths });
    let detail = "";
    this.#worker.on("message", (reply: SealerReply) => {
      if (reply.type === "ready") {
        this.filler = reply.filler;
        if (reply.note !== "") onLog("warn", `Sealing goes the slower, safe way: ${reply.note}.`);
        ready();
      } else this.#answer(reply);
    });
    this.#worker.on("error", (error: unknown) => {
      detail = error instanceof Error ? error.message : String(error);
    });
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#crash = new SealerCrash(detail === "" ? `exit code ${code}` : detail);
        ready(this.#crash);
        for (const pending of this.#pending.values()) pending.reject(this.#crash);
        this.#pending.clear();
        resolve();
      });
    });
  }

  /** Starts the thread; resolves when its engine is open. */
  static async start(
    paths: SealerPaths,
    onLog: (level: "info" | "warn", message: string) => void,
  ): Promise<SealerClient> {
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
    return reply.range;
  }

  async writeWinners(order: WinnersOrder): Promise<FileEntry> {
    const reply = await this.#request((id) => ({ type: "winners", id, order }));
    if (reply.type !== "winners") throw unexpected(reply);
    return reply.file;
  }

  async recentIds(paths: readonly string[], max: number): Promise<SpanIds> {
    const reply = await this.#request((id) => ({ type: "recent", id, paths, max }));
    if (reply.type !== "recent") throw unexpected(reply);
    return reply.ids;
  }

  /** Lets the thread finish what it has, then end; ends it the hard way after `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#crash === undefined) this.#worker.postMessage({ type: "stop" } satisfies SealerRequest);
    const timer = setTimeout(() => void this.#worker.terminate(), deadlineMs);
    await this.#ended;
    clearTimeout(timer);
  }

  #request(make: (id: number) => SealerRequest, onRead?: (range: ReadRange) => void): Promise<SealerReply> {
    if (this.#crash !== undefined) return Promise.reject(this.#crash);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onRead });
      this.#worker.postMessage(make(id));
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

function unexpected(reply: SealerReply): CounterfoilError {
  return new CounterfoilError(
    "CF_SEAL_FAILED",
    `a sealing thread answered "${reply.type}" to another question`,
  );
}
