import { Worker } from "node:worker_threads";
import {
  CounterfoilError,
  decodeOtlpJson,
  encodeOtlp,
  type ErrorCode,
  JSON_CONVERTER_HEAP_MB,
  JSON_INLINE_BYTES_MAX,
  type Signal,
} from "../../schema/index.js";

/** What the worker is asked for. */
export interface ConversionOrder {
  readonly id: number;
  readonly signal: Signal;
  readonly json: Uint8Array;
}

/** What it answers: `wire`, or the code and message of the error. */
export interface ConversionAnswer {
  readonly id: number;
  wire?: Uint8Array;
  code?: ErrorCode;
  message?: string;
}

interface Waiting {
  readonly resolve: (wire: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/**
 * OTLP/JSON to OTLP protobuf. A large body would hold the event loop, and with it every other client, for hundreds of
 * milliseconds: it is converted in a worker thread, which starts with the first one. Errors are those of
 * `decodeOtlpJson`; when the worker dies, what it was converting is refused as CF_OVERLOADED (retryable), and the next
 * large body starts another.
 */
export class JsonConverter {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;

  convert(signal: Signal, json: Uint8Array): Promise<Uint8Array> {
    if (json.length <= JSON_INLINE_BYTES_MAX) {
      return Promise.resolve().then(() => encodeOtlp(signal, decodeOtlpJson(signal, json)));
    }
    const id = ++this.#lastId;
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, signal, json } satisfies ConversionOrder);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./convert-json.worker.js", import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: JSON_CONVERTER_HEAP_MB },
    });
    worker.on("message", (answer: ConversionAnswer) => this.#settle(answer));
    // "exit" follows every "error" and does the work.
    worker.on("error", () => undefined);
    worker.on("exit", () => this.#lost(worker));
    return worker;
  }

  #settle({ id, wire, code, message }: ConversionAnswer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    // An idle worker must not keep the process alive.
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (wire !== undefined) waiting?.resolve(wire);
    else
      waiting?.reject(
        new CounterfoilError(code ?? "CF_OTLP_MALFORMED", message ?? "The body can't be read."),
      );
  }

  #lost(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined;
    const error = new CounterfoilError(
      "CF_OVERLOADED",
      "The conversion of large OTLP/JSON bodies ran out of memory. Send smaller batches, or protobuf.",
      { retryable: true },
    );
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }
}
