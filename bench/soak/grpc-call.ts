import { type ClientHttp2Session, connect, constants } from "node:http2";

const PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/** A gRPC connection for OTLP traces, with nothing but HTTP/2. */
export class GrpcConnection {
  readonly #session: ClientHttp2Session;

  constructor(port: number) {
    this.#session = connect(`http://127.0.0.1:${port}`);
    // Each call that is open tells its own error.
    this.#session.on("error", () => undefined);
  }

  /** One Export call; resolves with the gRPC status. Rejects when the connection breaks. */
  send(message: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        [constants.HTTP2_HEADER_METHOD]: "POST",
        [constants.HTTP2_HEADER_PATH]: PATH,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: "application/grpc",
        te: "trailers",
      });
      let status: number | undefined;
      const note = (headers: Record<string, unknown>): void => {
        if (headers["grpc-status"] !== undefined) status = Number(headers["grpc-status"]);
      };
      stream.on("response", note);
      stream.on("trailers", note);
      stream.on("error", reject);
      stream.on("close", () => {
        if (status === undefined) reject(new Error("the call ended without a status"));
        else resolve(status);
      });
      stream.resume();
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(message.length, 1);
      stream.end(Buffer.concat([prefix, message]));
    });
  }

  close(): void {
    this.#session.destroy();
  }
}
