import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import {
  CounterfoilError,
  type ErrorCode,
  QUERY_ROWS_IN_MEMORY_MAX,
  QUERY_THREADS_MAX,
  QUERY_TIMEOUT_MS,
  QUERY_WAITING_MAX,
  READER_CONCURRENCY_MAX,
  READER_GRACE_MS,
  READER_IDLE_MS,
  READER_MEMORY_MB,
} from "../../schema/index.js";
import { dataDirPaths } from "../data-dir.js";
import { timedOut } from "../query/query-failure.js";
import { QuerySlots } from "../query/query-slots.js";
import type { SqlParameter } from "../query/query-types.js";
import { createWorkDir } from "../query/work-dir.js";
import { ReaderProcess, ReaderProcessGone } from "./reader-process.js";
import type {
  MirrorReader,
  ReaderAnswer,
  ReaderOptions,
  ReaderQuery,
  ReaderQueryOptions,
  ReaderRow,
} from "./reader-types.js";

/** A query that was running while its process died is asked again, unless it was there at two deaths. */
const ATTEMPTS = 2;

interface Bounds {
  readonly timeoutMs: number;
  /** By `performance.now()`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
}

function gone(why: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError("CF_QUERY_FAILED", `The query has no answer: ${why}.`, {
    retryable: true,
    cause,
  });
}

class ProcessReader implements MirrorReader {
  readonly #options: ReaderOptions;
  readonly #slots: QuerySlots;
  #process: Promise<ReaderProcess> | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #running = 0;
  #closed = false;
  #lastId = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#slots = new QuerySlots(options.concurrency ?? READER_CONCURRENCY_MAX, QUERY_WAITING_MAX);
  }

  async query(
    sql: string,
    params: readonly SqlParameter[] = [],
    options: ReaderQueryOptions = {},
  ): Promise<ReaderRow[]> {
    const timeoutMs = options.timeoutMs ?? QUERY_TIMEOUT_MS;
    const bounds = { timeoutMs, deadline: performance.now() + timeoutMs, signal: options.signal };
    const release = await this.#slots.take(timeoutMs);
    this.#running += 1;
    clearTimeout(this.#idleTimer);
    try {
      const { near, rowsMax = QUERY_ROWS_IN_MEMORY_MAX } = options;
      const query = { sql, params, rowsMax, ...(near === undefined ? {} : { near }) };
      const answer = await this.#answer(query, bounds);
      if (!answer.ok) throw new CounterfoilError(answer.code as ErrorCode, answer.message);
      for (const warning of answer.warnings) options.onWarning?.(warning);
      return answer.rows;
    } finally {
      release();
      this.#running -= 1;
      if (this.#running === 0) this.#endWhenIdle();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    await this.#end();
  }

  async #answer(query: Omit<ReaderQuery, "id">, bounds: Bounds): Promise<ReaderAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      bounds.signal?.throwIfAborted();
      if (this.#closed) throw gone("the mirror's reader was closed");
      try {
        return await this.#ask(await this.#open(), query, bounds);
      } catch (error) {
        if (!(error instanceof ReaderProcessGone)) throw error;
        if (attempt === ATTEMPTS) throw gone(error.message, error);
      }
    }
  }

  /** One question to one process: the answer, or the deadline's or the signal's rejection once the engine has let go. */
  async #ask(process: ReaderProcess, query: Omit<ReaderQuery, "id">, bounds: Bounds): Promise<ReaderAnswer> {
    const { signal, timeoutMs, deadline } = bounds;
    this.#lastId += 1;
    const id = this.#lastId;
    let stopped: { readonly why: unknown } | undefined;
    let kill: NodeJS.Timeout | undefined;
    const stop = (why: unknown): void => {
      stopped ??= { why };
      process.cancel(id);
      kill ??= setTimeout(() => process.kill(), READER_GRACE_MS);
    };
    const onAbort = (): void => stop(signal?.reason);
    const timer = setTimeout(() => stop(timedOut(timeoutMs)), Math.max(1, deadline - performance.now()));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const answer = await process.ask({ id, ...query });
      if (stopped !== undefined && !answer.ok) throw stopped.why;
      return answer;
    } catch (error) {
      throw stopped === undefined ? error : stopped.why;
    } finally {
      clearTimeout(timer);
      clearTimeout(kill);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #open(): Promise<ReaderProcess> {
    const open = this.#process;
    const process = await open?.catch(() => undefined);
    if (process?.alive === true) return process;
    // Of several that wait here, the first one starts it.
    if (this.#process === open) this.#process = this.#start();
    return await (this.#process ?? this.#open());
  }

  async #start(): Promise<ReaderProcess> {
    const { dataDir, memoryMb, threads, concurrency } = this.#options;
    return new ReaderProcess({
      mirrorDir: resolve(dataDirPaths(dataDir).mirror),
      workDir: await createWorkDir(dataDir),
      memoryMb: memoryMb ?? READER_MEMORY_MB,
      threads: threads ?? Math.min(QUERY_THREADS_MAX, availableParallelism()),
      connections: concurrency ?? READER_CONCURRENCY_MAX,
    });
  }

  #endWhenIdle(): void {
    this.#idleTimer = setTimeout(() => void this.#end(), this.#options.idleMs ?? READER_IDLE_MS);
    this.#idleTimer.unref();
  }

  async #end(): Promise<void> {
    const open = this.#process;
    this.#process = undefined;
    const process = await open?.catch(() => undefined);
    process?.kill();
    await process?.ended;
  }
}

/**
 * A reader of a mirror for Counterfoil's own SQL. Its process starts with the first query and ends when none came for
 * `idleMs`; a crash of it is felt by the queries that run at that moment at most, which are asked again once.
 */
export function createMirrorReader(options: ReaderOptions): MirrorReader {
  return new ProcessReader(options);
}
