import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { connect, type Socket } from "node:net";

/** How one request ended. */
export interface Outcome {
  readonly kind: "accepted" | "refused" | "failed";
  /** Seconds that the server asked to wait; 0 when it did not. */
  readonly retryAfterSeconds: number;
}

/** Sends one request at a time; whatever happens to its connection, the next request gets one. */
export interface OverloadClient {
  send(body: Buffer): Promise<Outcome>;
  close(): void;
}

const FAILED: Outcome = { kind: "failed", retryAfterSeconds: 0 };

/** OTLP/HTTP over one keep-alive connection that reads the answer while it still sends, as most clients do. */
export class HttpClient implements OverloadClient {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  send(body: Buffer): Promise<Outcome> {
    const socket = (this.#socket ??= connect(this.#port, "127.0.0.1").setNoDelay(true));
    return new Promise((resolve) => {
      let head = "";
      const settle = (outcome: Outcome, keep: boolean): void => {
        socket.off("data", onData).off("close", onClose);
        if (!keep) {
          this.#socket = undefined;
          socket.on("error", ignore).destroy();
        }
        resolve(outcome);
      };
      const onData = (chunk: Buffer): void => {
        head += chunk.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0);
        if (head.length < end + 4 + length) return;
        const status = Number(head.slice(9, 12));
        const retryAfterSeconds = Number(/retry-after: *(\d+)/i.exec(head)?.[1] ?? 0);
        const kind = status === 200 ? "accepted" : status === 429 || status === 503 ? "refused" : "failed";
        settle({ kind, retryAfterSeconds }, !/connection: *close/i.test(head));
      };
      const onClose = (): void => settle(FAILED, false);
      socket.on("data", onData).on("close", onClose);
      if (socket.listenerCount("error") === 0) socket.on("error", ignore);
      socket.write(
        `POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: ${body.length}\r\n\r\n`,
      );
      socket.write(body);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }
}

const GRPC_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const GRPC_RESOURCE_EXHAUSTED = "8";
const GRPC_UNAVAILABLE = "14";

/** OTLP/gRPC over one connection. */
export class GrpcClient implements OverloadClient {
  readonly #port: number;
  #session: ClientHttp2Session | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  send(body: Buffer): Promise<Outcome> {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      this.#session = connectHttp2(`http://127.0.0.1:${this.#port}`);
      this.#session.on("error", ignore);
    }
    const stream = this.#session.request({
      ":method": "POST",
      ":path": GRPC_PATH,
      "content-type": "application/grpc",
      te: "trailers",
    });
    return new Promise((resolve) => {
      let status = "";
      let details = "";
      const look = (headers: IncomingHttpHeaders): void => {
        status = headers["grpc-status"]?.toString() ?? status;
        details = headers["grpc-status-details-bin"]?.toString() ?? details;
      };
      stream.on("response", look).on("trailers", look).on("error", ignore).resume();
      stream.on("close", () => {
        if (status === "0") return resolve({ kind: "accepted", retryAfterSeconds: 0 });
        const refused = status === GRPC_RESOURCE_EXHAUSTED || status === GRPC_UNAVAILABLE;
        // RetryInfo is told by its presence; its length is the one that Retry-After has over HTTP.
        if (refused) return resolve({ kind: "refused", retryAfterSeconds: details === "" ? 0 : 2 });
        resolve(FAILED);
      });
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(body.length, 1);
      stream.write(prefix);
      stream.end(body);
    });
  }

  close(): void {
    this.#session?.destroy();
  }
}

function ignore(): void {
  // A broken connection shows as "close".
}
