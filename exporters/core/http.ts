import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { EXPORT_RESPONSE_BYTES_MAX, errorMessage } from "../../schema/index.js";

/** A request to make. */
export interface HttpCall {
  readonly url: URL;
  /** POST unless it says otherwise. */
  readonly method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** A peer's answer. `complete` is false when its body broke off, or was longer than is read. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  readonly complete: boolean;
}

/** No answer at all: refused, reset, unresolved, TLS failure, or silence until the timeout. */
export interface HttpFailure {
  readonly failure: string;
}

/** Posts over kept-alive connections. Never follows a redirect, so a key never reaches another host. */
export class HttpTransport {
  readonly #timeoutMs: number;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  /** `timeoutMs` bounds one attempt from connecting to the last byte of the answer. */
  constructor(options: { timeoutMs: number; connections: number }) {
    this.#timeoutMs = options.timeoutMs;
    const agentOptions = { keepAlive: true, maxSockets: options.connections };
    this.#http = new HttpAgent(agentOptions);
    this.#https = new HttpsAgent(agentOptions);
  }

  /** One attempt. Resolves whatever happens. */
  post(call: HttpCall, abort: AbortSignal): Promise<HttpAnswer | HttpFailure> {
    const secure = call.url.protocol === "https:";
    // A timer of our own: nothing but the garbage collector holds a signal made by AbortSignal.any of AbortSignal.timeout,
    // and once it is collected (seen on Node 20) the time-out never comes, and a silent peer holds its request for ever.
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.#timeoutMs);
    const stop = (): void => deadline.abort();
    abort.addEventListener("abort", stop);
    if (abort.aborted) deadline.abort();
    const { signal } = deadline;
    return new Promise<HttpAnswer | HttpFailure>((resolve) => {
      const request = (secure ? httpsRequest : httpRequest)(
        call.url,
        {
          method: call.method ?? "POST",
          agent: secure ? this.#https : this.#http,
          headers: { ...call.headers, "content-length": String(call.body.byteLength) },
          signal,
        },
        (response) => readAnswer(response, resolve),
      );
      request.on("error", (error) => resolve({ failure: this.#describe(error, signal, abort) }));
      request.end(call.body);
    }).finally(() => {
      clearTimeout(timer);
      abort.removeEventListener("abort", stop);
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  #describe(error: Error, signal: AbortSignal, abort: AbortSignal): string {
    if (abort.aborted) return "stopped";
    if (signal.aborted) return `no complete answer within ${this.#timeoutMs} ms`;
    const code = "code" in error && typeof error.code === "string" ? error.code : "";
    return code === "" ? errorMessage(error) : `${code}: ${errorMessage(error)}`;
  }
}

function readAnswer(response: IncomingMessage, resolve: (answer: HttpAnswer) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let over = false;
  const finish = (complete: boolean): void => {
    resolve({
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: Buffer.concat(chunks),
      complete,
    });
  };
  response.on("data", (chunk: Buffer) => {
    if (over) return;
    size += chunk.byteLength;
    if (size > EXPORT_RESPONSE_BYTES_MAX) {
      over = true;
      finish(false);
      response.destroy();
      return;
    }
    chunks.push(chunk);
  });
  response.on("end", () => finish(response.complete));
  response.on("error", () => finish(false));
  response.on("close", () => finish(response.complete));
}
