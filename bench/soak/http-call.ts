import { Agent, request } from "node:http";

/** One kept-alive HTTP connection for OTLP traces. */
export class HttpConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** One POST to /v1/traces; resolves with the status. Rejects when the connection breaks. */
  send(body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      const call = request({
        host: "127.0.0.1",
        port: this.#port,
        path: "/v1/traces",
        method: "POST",
        agent: this.#agent,
        headers: { "content-type": "application/x-protobuf", "content-length": body.length, ...headers },
      });
      call.once("error", reject);
      call.once("response", (response) => {
        response.once("error", reject);
        response.once("end", () => resolve(response.statusCode ?? 0));
        response.resume();
      });
      call.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
