import { Worker, type WorkerOptions } from "node:worker_threads";
import { type JournalTail, zeroCounts } from "../journal/index.js";
import { CounterfoilError, ERROR_CODES, errorMessage } from "../schema/index.js";
import type {
  CallError,
  CallResult,
  DestinationCall,
  DestinationWorkerData,
  FromWorker,
  ToWorker,
} from "./destination-protocol.js";
import type {
  DeadLetterReplayReport,
  DestinationOptions,
  ExportDestination,
  ReplayRange,
  ReplayReport,
} from "./destination-types.js";
import type { DestinationStats } from "./types.js";

/** Pause before a crashed worker is started again, milliseconds: doubles from the first to the second. */
const RESTART_MS_MIN = 200;
const RESTART_MS_MAX = 30_000;
/** A worker that ran this long before it crashed starts again at the shortest pause, milliseconds. */
const HEALTHY_MS = 60_000;
/** What a call may take beyond its own deadline before the caller gives up on the worker, milliseconds. */
const GRACE_MS = 2_000;

/** Starts the worker thread; replaced in tests that want to hold it. */
export type SpawnWorker = (url: URL, options: WorkerOptions) => Worker;

const spawnWorker: SpawnWorker = (url, options) => new Worker(url, options);

/** A destination that runs in a thread of its own, so that neither its work nor its crash touches any other (I2). */
export function createDestination(
  options: DestinationOptions,
  spawn: SpawnWorker = spawnWorker,
): ExportDestination {
  return new WorkerDestination(options, spawn);
}

interface PendingCall {
  readonly resolve: (result: CallResult) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout | undefined;
}

class WorkerDestination implements ExportDestination {
  readonly name: string;
  readonly #options: DestinationOptions;
  readonly #spawn: SpawnWorker;
  readonly #listeners: ((seq: number) => void)[] = [];
  readonly #calls = new Map<number, PendingCall>();
  #worker: Worker | undefined;
  #tail: JournalTail = { seq: 0, counts: zeroCounts() };
  #tailQueued = false;
  #stats: DestinationStats;
  #nextCall = 1;
  #started = false;
  #everReady = false;
  #stopping = false;
  #restartMs = RESTART_MS_MIN;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(options: DestinationOptions, spawn: SpawnWorker) {
    this.name = options.name;
    this.#options = options;
    this.#spawn = spawn;
    this.#stats = {
      name: options.name,
      state: "stopped",
      cursorSeq: 0,
      accepted: zeroCounts(),
      delivered: zeroCounts(),
      waiting: zeroCounts(),
      filtered: {},
      deadLetter: {},
      requests: { sent: 0, failed: 0 },
    };
  }

  async start(tail: JournalTail): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    this.#tail = tail;
    try {
      await this.#launch();
    } catch (error) {
      this.#started = false;
      throw error;
    }
  }

  notify(tail: JournalTail): void {
    this.#tail = tail;
    if (this.#tailQueued) return;
    this.#tailQueued = true;
    setImmediate(() => this.#postTail());
  }

  async flush(deadlineMs: number): Promise<void> {
    if (!this.#started || this.#stopping) return;
    await this.#call({ method: "flush", deadlineMs }, deadlineMs);
  }

  onCursor(listener: (seq: number) => void): void {
    this.#listeners.push(listener);
  }

  stats(): DestinationStats {
    return this.#stats;
  }

  retryNow(): void {
    this.#post({ type: "retryNow" });
  }

  async replay(range: ReplayRange): Promise<ReplayReport> {
    return (await this.#call({ method: "replay", range })) as ReplayReport;
  }

  async replayDeadLetters(): Promise<DeadLetterReplayReport> {
    return (await this.#call({ method: "replayDeadLetters" })) as DeadLetterReplayReport;
  }

  async shutdown(deadlineMs: number): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const worker = this.#worker;
    if (worker !== undefined) {
      await this.#call({ method: "shutdown", deadlineMs }, deadlineMs).catch((error: unknown) =>
        this.#log("warn", `stopped without an orderly end: ${errorMessage(error)}`),
      );
      await worker.terminate();
    }
    this.#rejectCalls("it was shut down");
    this.#stats = { ...this.#stats, state: "stopped" };
  }

  /** Resolves when the worker is ready; rejects when it can't start at all. */
  #launch(): Promise<void> {
    const { onLog: _onLog, ...options } = this.#options;
    const data: DestinationWorkerData = { options, tail: this.#tail };
    const startedAt = Date.now();
    const worker = this.#spawn(new URL("./destination.worker.js", import.meta.url), {
      workerData: data,
      env: workerEnvironment(),
      name: `destination ${this.name}`,
    });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let problem: Error | undefined;
      worker.on("message", (message: FromWorker) => {
        if (message.type === "ready") {
          this.#everReady = true;
          this.#postTail();
          resolve();
        } else if (message.type === "failed") {
          problem = toError(message.error);
          reject(problem);
        } else this.#receive(message);
      });
      worker.on("error", (error) => (problem = error instanceof Error ? error : new Error(String(error))));
      worker.on("exit", (code) => {
        if (this.#worker === worker) this.#worker = undefined;
        const reason = problem === undefined ? `exit code ${code}` : problem.message;
        reject(problem ?? new Error(reason));
        // A destination that never came up is its owner's to start again: the settings are wrong.
        if (this.#stopping || !this.#everReady) return;
        this.#crashed(reason, Date.now() - startedAt);
      });
    });
  }

  #crashed(reason: string, ranMs: number): void {
    this.#rejectCalls(`its worker ended (${reason})`);
    if (ranMs >= HEALTHY_MS) this.#restartMs = RESTART_MS_MIN;
    const pauseMs = this.#restartMs;
    this.#restartMs = Math.min(RESTART_MS_MAX, pauseMs * 2);
    this.#log("error", `the worker ended (${reason}); starting it again in ${pauseMs} ms`);
    const nextAttemptAt = Date.now() + pauseMs;
    this.#stats = { ...this.#stats, state: "retrying", lastError: reason, nextAttemptAt };
    this.#restartTimer = setTimeout(() => {
      // A failure to start comes back through "exit" and is retried from there.
      this.#launch().catch(() => undefined);
    }, pauseMs);
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "stats":
        this.#stats = message.stats;
        return;
      case "cursor":
        for (const listener of this.#listeners) listener(message.seq);
        return;
      case "log":
        this.#log(message.entry.level, message.entry.message);
        return;
      case "reply": {
        const call = this.#calls.get(message.id);
        if (call === undefined) return;
        this.#calls.delete(message.id);
        clearTimeout(call.timer);
        if (message.error === undefined) call.resolve(message.result);
        else call.reject(toError(message.error));
        return;
      }
      case "ready":
      case "failed":
        return;
    }
  }

  #call(call: DestinationCall, deadlineMs?: number): Promise<CallResult> {
    if (this.#worker === undefined) return Promise.reject(this.#unavailable("its worker is not running"));
    this.#postTail();
    const id = this.#nextCall;
    this.#nextCall += 1;
    return new Promise((resolve, reject) => {
      const timer =
        deadlineMs === undefined
          ? undefined
          : setTimeout(() => {
              this.#calls.delete(id);
              reject(this.#unavailable(`its worker did not answer within ${deadlineMs + GRACE_MS} ms`));
            }, deadlineMs + GRACE_MS);
      this.#calls.set(id, { resolve, reject, timer });
      this.#post({ type: "call", id, call });
    });
  }

  #postTail(): void {
    this.#tailQueued = false;
    this.#post({ type: "tail", tail: this.#tail });
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }

  #rejectCalls(reason: string): void {
    for (const call of this.#calls.values()) {
      clearTimeout(call.timer);
      call.reject(this.#unavailable(reason));
    }
    this.#calls.clear();
  }

  #unavailable(reason: string): CounterfoilError {
    return new CounterfoilError("CF_EXPORT_RETRYABLE", `Destination ${this.name}: ${reason}.`, {
      retryable: true,
    });
  }

  #log(level: "info" | "warn" | "error", message: string): void {
    this.#options.onLog?.({ level, message });
  }
}

/** The process's environment without what the LangSmith client would read from it: only the configuration counts. */
function workerEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(LANGSMITH|LANGCHAIN|OTEL)_/.test(key)),
  );
}

function toError(error: CallError): CounterfoilError {
  const code = ERROR_CODES.find((known) => known === error.code) ?? "CF_EXPORT_PERMANENT";
  return new CounterfoilError(code, error.message, { retryable: error.retryable });
}
