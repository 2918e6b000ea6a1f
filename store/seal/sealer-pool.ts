import { join } from "node:path";
import { SEAL_RETRY_MIN_MS } from "../../schema/index.js";
import type { DataDirPaths } from "../data-dir.js";
import { SealerClient } from "./sealer-client.js";
import type { SealerPort, StartSealer } from "./sealer-port.js";

export interface SealerPoolOptions {
  readonly paths: DataDirPaths;
  readonly workers: number;
  /** By default a thread with DuckDB. */
  readonly startSealer?: StartSealer;
  readonly onLog: (level: "info" | "warn", message: string) => void;
}

interface Slot {
  readonly index: number;
  client: SealerPort | undefined;
  busy: boolean;
}

/** A fixed number of sealing threads. A thread that ended is replaced by the next one who needs its place. */
export class SealerPool {
  readonly #slots: Slot[];
  #stopped = false;
  /** Calls that wait for a free place, oldest first. */
  readonly #queue: (() => void)[] = [];
  filler = "";

  constructor(readonly options: SealerPoolOptions) {
    const count = Math.max(1, options.workers);
    this.#slots = Array.from({ length: count }, (_, index) => ({ index, client: undefined, busy: false }));
  }

  /** Number of threads. */
  get size(): number {
    return this.#slots.length;
  }

  /** Starts the first thread; the others start when there is work for them. */
  async start(): Promise<void> {
    await this.use(() => Promise.resolve());
  }

  /** Whether a call of {@link use} would begin at once. */
  get idle(): boolean {
    return !this.#stopped && this.#queue.length === 0 && this.#slots.some((slot) => !slot.busy);
  }

  /** Runs a call on a free thread, waiting for one when need be. */
  async use<T>(call: (client: SealerPort) => Promise<T>): Promise<T> {
    const slot = await this.#take();
    try {
      if (slot.client?.alive !== true) slot.client = await this.#launch(slot.index);
      return await call(slot.client);
    } finally {
      slot.busy = false;
      this.#queue.shift()?.();
    }
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

  async #launch(index: number): Promise<SealerPort> {
    const { paths, onLog, startSealer } = this.options;
    const start: StartSealer = startSealer ?? ((...given) => SealerClient.start(...given));
    const client = await start(
      {
        journalDir: paths.journal,
        mirrorDir: paths.mirror,
        tempDir: join(paths.temp, `seal-${index}`),
        deadLetterDir: join(paths.deadLetters, "mirror"),
      },
      onLog,
    );
    this.filler = client.filler;
    return client;
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    const limit = Math.max(deadlineMs, SEAL_RETRY_MIN_MS);
    await Promise.all(
      this.#slots.map(async (slot) => {
        await slot.client?.stop(limit);
      }),
    );
  }
}
