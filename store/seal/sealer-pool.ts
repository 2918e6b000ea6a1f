import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { CounterfoilError, SEAL_IDLE_MS, SEAL_RETRY_MIN_MS } from "../../schema/index.js";
import type { DataDirPaths } from "../data-dir.js";
import { SealerClient } from "./sealer-client.js";
import type { SealerPort, StartSealer } from "./sealer-port.js";

export interface SealerPoolOptions {
  readonly paths: DataDirPaths;
  readonly workers: number;
  /** Time without work after which processes are ended, ms. */
  readonly idleMs?: number;
  /** Processes that were being ended can be had again: work that came meanwhile can be given out. */
  readonly onRested?: () => void;
  /** By default a process with DuckDB. */
  readonly startSealer?: StartSealer;
  readonly onLog: (level: "info" | "warn", message: string) => void;
}

/** Fewer calls than this leave nothing behind that is worth starting a process again. */
const USES_BEFORE_REST = 8;
/** An idle process ends at once; this is for one that hangs, ms. */
const STOP_IDLE_MS = 5_000;

interface Slot {
  readonly index: number;
  client: SealerPort | undefined;
  /** The last start, while it lasts and after it. */
  starting: Promise<SealerPort> | undefined;
  busy: boolean;
}

/** A fixed number of sealing processes. A process that ended is replaced by the next one who needs its place. */
export class SealerPool {
  readonly #slots: Slot[];
  #stopped = false;
  /** Calls that wait for a free place, oldest first. */
  readonly #queue: (() => void)[] = [];
  #idleTimer: NodeJS.Timeout | undefined;
  #usesSinceRest = 0;
  filler = "";

  constructor(readonly options: SealerPoolOptions) {
    const count = Math.max(1, options.workers);
    this.#slots = Array.from({ length: count }, (_, index) => ({
      index,
      client: undefined,
      starting: undefined,
      busy: false,
    }));
  }

  /** Number of processes. */
  get size(): number {
    return this.#slots.length;
  }

  /** Starts the first process; the others start when there is work for them. */
  async start(): Promise<void> {
    await this.use(() => Promise.resolve());
  }

  /** Work is coming: starts a process when there is none, so that it is ready when the work is due. */
  warm(): void {
    if (this.#stopped || this.#slots.some((slot) => slot.busy || slot.client?.alive === true)) return;
    // Whoever needs a process starts one, and then sees why it can't be started.
    this.start().catch(() => undefined);
  }

  /** Whether a call of {@link use} would begin at once. */
  get idle(): boolean {
    return !this.#stopped && this.#queue.length === 0 && this.#slots.some((slot) => !slot.busy);
  }

  /** Runs a call on a free process, waiting for one when need be. Throws CF_SEAL_FAILED once the pool is stopped. */
  async use<T>(call: (client: SealerPort) => Promise<T>): Promise<T> {
    const slot = await this.#take();
    try {
      if (this.#stopped) throw stoppedError();
      if (slot.client?.alive !== true) slot.client = await this.#launch(slot);
      return await call(slot.client);
    } finally {
      this.#usesSinceRest++;
      this.#free(slot);
    }
  }

  #free(slot: Slot): void {
    slot.busy = false;
    this.#queue.shift()?.();
    clearTimeout(this.#idleTimer);
    if (this.#stopped || this.#usesSinceRest < USES_BEFORE_REST) return;
    this.#idleTimer = setTimeout(() => void this.#rest(), this.options.idleMs ?? SEAL_IDLE_MS);
    this.#idleTimer.unref();
  }

  /**
   * After a load, ends all processes: their heaps, the memory they read into and what the engine's allocator keeps go back
   * to the system. New ones start with the next work.
   */
  async #rest(): Promise<void> {
    if (this.#stopped || this.#slots.some((slot) => slot.busy)) return;
    this.#usesSinceRest = 0;
    for (const slot of this.#slots) slot.busy = true;
    await Promise.all(this.#slots.map((slot) => slot.client?.stop(STOP_IDLE_MS) ?? Promise.resolve()));
    for (const slot of this.#slots) this.#free(slot);
    this.options.onRested?.();
  }

  async #take(): Promise<Slot> {
    for (;;) {
      const free = this.#slots.find((slot) => !slot.busy);
      if (free !== undefined) {
        free.busy = true;
        return free;
      }
      await new Promise<void>((resolve) => {
        this.#queue.push(resolve);
      });
    }
  }

  async #launch(slot: Slot): Promise<SealerPort> {
    const { paths, onLog, startSealer } = this.options;
    const start: StartSealer = startSealer ?? ((...given) => SealerClient.start(...given));
    // A name that no process had before: one of an owner that was killed may still be writing.
    const folder = resolve(paths.sealing, randomUUID());
    slot.starting = start(
      {
        journalDir: resolve(paths.journal),
        mirrorDir: resolve(paths.mirror),
        outDir: join(folder, "files"),
        tempDir: join(folder, "spill"),
        deadLetterDir: resolve(paths.deadLetters, "mirror"),
        pricesDir: resolve(paths.prices),
      },
      onLog,
    );
    const client = await slot.starting;
    this.filler = client.filler;
    return client;
  }

  /** Ends all processes, also one that is just starting; what they work on gets `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#idleTimer);
    const limit = Math.max(deadlineMs, SEAL_RETRY_MIN_MS);
    await Promise.all(
      this.#slots.map(async (slot) => {
        // Nobody else would end a process that is ready only after the stop.
        const started = await slot.starting?.catch(() => undefined);
        await started?.stop(limit);
      }),
    );
  }
}

function stoppedError(): CounterfoilError {
  return new CounterfoilError("CF_SEAL_FAILED", "the sealing processes are stopped", { retryable: true });
}
