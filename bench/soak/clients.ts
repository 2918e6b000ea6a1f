import { setTimeout as delay } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { GrpcConnection } from "./grpc-call.js";
import { HttpConnection } from "./http-call.js";
import type { SpanLedger } from "./ledger.js";
import { numberedRequest } from "./numbered-spans.js";
import type { Random } from "./random.js";

const SPANS_MAX = 20;
const TEXT_CHARS_MAX = 600;
/** After an answer that says "later": back-pressure, or the disk. */
const RETRY_MS = 20;
const GRPC_RETRYABLE = new Set([8, 14]);

/** A request on its way: kept until it is answered with success, over as many kills as it takes. */
interface Unsettled {
  readonly first: number;
  readonly count: number;
  readonly message: Uint8Array;
  readonly gzip: boolean;
}

/** Sends one message; true when it was accepted, false for "later". Rejects when the connection breaks. */
type Send = (request: Unsettled) => Promise<boolean>;

function overHttp(port: number): { send: Send; close: () => void } {
  const connection = new HttpConnection(port);
  return {
    send: async ({ message, gzip }) => {
      const body = gzip ? gzipSync(message) : message;
      const status = await connection.send(body, gzip ? { "content-encoding": "gzip" } : {});
      if (status === 200) return true;
      if (status === 429 || status === 503) return false;
      throw new Error(`HTTP status ${status} for a good request`);
    },
    close: () => connection.close(),
  };
}

function overGrpc(port: number): { send: Send; close: () => void } {
  const connection = new GrpcConnection(port);
  return {
    send: async ({ message }) => {
      const status = await connection.send(message);
      if (status === 0) return true;
      if (GRPC_RETRYABLE.has(status)) return false;
      throw new Error(`gRPC status ${status} for a good request`);
    },
    close: () => connection.close(),
  };
}

/** Clients that send without pause, like exporters: what was not answered is sent again, with the same ids. */
export class SoakClients {
  readonly #unsettled: (Unsettled | undefined)[];
  readonly #ledger: SpanLedger;
  readonly #random: Random;
  requests = 0;
  redelivered = 0;

  /** Every fourth client speaks gRPC. */
  constructor(count: number, ledger: SpanLedger, random: Random) {
    this.#unsettled = Array.from({ length: count }, () => undefined);
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Sends until `isOver` says so or the connection breaks. */
  async run(ports: { http: number; grpc: number }, isOver: () => boolean): Promise<void> {
    await Promise.all(this.#unsettled.map((_, index) => this.#client(index, ports, isOver)));
  }

  /** Sends what was never answered, until it is. */
  async settle(ports: { http: number; grpc: number }): Promise<void> {
    await Promise.all(
      this.#unsettled.map((_, index) =>
        this.#client(index, ports, () => this.#unsettled[index] === undefined),
      ),
    );
    if (this.#unsettled.some((request) => request !== undefined))
      throw new Error("a request was not accepted");
  }

  async #client(index: number, ports: { http: number; grpc: number }, isOver: () => boolean): Promise<void> {
    const connection = index % 4 === 3 ? overGrpc(ports.grpc) : overHttp(ports.http);
    try {
      if (this.#unsettled[index] !== undefined) this.redelivered += 1;
      while (!isOver()) {
        const request = (this.#unsettled[index] ??= this.#newRequest());
        if (await connection.send(request)) {
          this.#ledger.acknowledge(request.first, request.count);
          this.#unsettled[index] = undefined;
          this.requests += 1;
        } else await delay(RETRY_MS);
      }
    } catch (error) {
      if (error instanceof Error && error.message.includes("for a good request")) throw error;
    } finally {
      connection.close();
    }
  }

  #newRequest(): Unsettled {
    const count = 1 + this.#random.below(SPANS_MAX);
    const first = this.#ledger.take(count);
    const message = numberedRequest(first, count, this.#random.below(TEXT_CHARS_MAX));
    return { first, count, message, gzip: this.#random.below(3) === 0 };
  }
}
