import { Worker } from "node:worker_threads";
import {
  BODY_THREAD_HEAP_MB,
  BODY_THREAD_IDLE_MS,
  BODY_THREAD_TIMEOUT_MS,
  CounterfoilError,
  type ErrorCode,
} from "../../schema/index.js";
import type { BodyOrder, ReadBody } from "./read-body.js";

/** What the thread answers to an order. */
export interface BodyAnswer {
  readonly read?: ReadBody;
  readonly fault?: { readonly code: ErrorCode; readonly message: string };
}

interface Waiting {
  readonly order: BodyOrder;
  readonly resolve: (read: ReadBody) => void;
  readonly reject: (error: Error) => void;
}

/**
 * A thread that reads bodies which would hold the event loop, and with it every other client, for too long. It starts
 * with the first one, takes them one at a time, and ends when there was none for a while. When a body takes all its
 * memory or time, that body is refused as CF_OVERLOADED (retryable), and the others go to a new thread.
 */
export class BodyThread {
  readonly #queue: Waiting[] = [];
  readonly #timeoutMs: number;
  #worker: Worker | undefined;
  #current: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { timeoutMs?: number } = {}) {
    this.#timeoutMs = options.timeoutMs ?? BODY_THREAD_TIMEOUT_MS;
  }

  /**
   * Reads a body; throws as `readBody`, and CF_OVERLOADED. The memory of `order.bytes` goes to the thread: the caller
   * finds it empty afterwards, and gets it back as the result's `body` when nothing had to be changed.
   */
  read(order: BodyOrder): Promise<ReadBody> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ order, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current !== undefined) return;
    const next = this.#queue.shift();
    clearTimeout(this.#timer);
    if (next === undefined) {
      // An idle thread must not keep the process alive, nor its heap in memory.
      this.#worker?.unref();
      this.#timer = setTimeout(() => this.#end(), BODY_THREAD_IDLE_MS).unref();
      return;
    }
    this.#current = next;
    this.#worker ??= this.#start();
    this.#worker.ref();
    const order = withOwnMemory(next.order);
    this.#worker.postMessage(order, [order.bytes.buffer as ArrayBuffer]);
    this.#timer = setTimeout(() => this.#end(), this.#timeoutMs);
  }

  #start(): Worker {
    const worker = new Worker(new URL("./body-thread.worker.js", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: BODY_THREAD_HEAP_MB },
    });
    worker.on("message", (answer: BodyAnswer) => {
      if (worker === this.#worker) this.#settle(answer);
    });
    // "exit" follows every "error" and does the work.
    worker.on("error", () => undefined);
    worker.on("exit", () => {
      if (worker === this.#worker) this.#end();
    });
    return worker;
  }

  #settle({ read, fault }: BodyAnswer): void {
    const current = this.#current;
    this.#current = undefined;
    if (read !== undefined) current?.resolve(read);
    else {
      const { code, message } = fault ?? { code: "CF_OTLP_MALFORMED", message: "The body can't be read." };
      current?.reject(new CounterfoilError(code, message));
    }
    this.#next();
  }

  /** Gives up the thread, if it has not ended itself, and the body that it has. */
  #end(): void {
    const worker = this.#worker;
    const current = this.#current;
    this.#worker = undefined;
    this.#current = undefined;
    void worker?.terminate();
    if (current === undefined) return;
    current.reject(
      new CounterfoilError(
        "CF_OVERLOADED",
        "Reading this body took too much memory or time. Send smaller batches, or protobuf instead of JSON.",
        { retryable: true },
      ),
    );
    this.#next();
  }
}

/** A body in Node's pool of small buffers shares its memory with others, which must not go away with it: Node 22 throws. */
function withOwnMemory(order: BodyOrder): BodyOrder {
  const { bytes } = order;
  return bytes.byteLength > Buffer.poolSize ? order : { ...order, bytes: new Uint8Array(bytes) };
}
