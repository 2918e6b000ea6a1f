import { connect, type Socket } from "node:net";
import type { LoadClient } from "./client.js";
import type { LoadRequest } from "./requests.js";

const HEAD_END = Buffer.from("\r\n\r\n");
const STATUS_AT = 9;

/**
 * One keep-alive connection that sends one request at a time. It reads only what it must (status and Content-Length, or
 * the end of a chunked answer), because the load generator shares its cores with the server that it measures.
 */
export class HttpClient implements LoadClient {
  readonly #socket: Socket;
  #head: Buffer = Buffer.alloc(0);
  /** Bytes of the body still to come; Infinity for a chunked one. */
  #bodyLeft = -1;
  #settle: ((ok: boolean) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #ok = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail?.(error));
    socket.on("close", () => this.#fail?.(new Error("connection closed")));
  }

  /** Connects to 127.0.0.1. */
  static open(port: number): Promise<HttpClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new HttpClient(socket)));
      socket.once("error", reject);
    });
  }

  send(request: LoadRequest): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.#socket.write(request.body.bytes);
    });
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    if (this.#bodyLeft < 0) {
      const head = this.#head.length === 0 ? chunk : Buffer.concat([this.#head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) {
        this.#head = head;
        return;
      }
      this.#ok = head[STATUS_AT] === 0x32;
      const text = head.toString("latin1", 0, end);
      const chunked = /transfer-encoding: *chunked/i.test(text);
      this.#bodyLeft = chunked ? Infinity : Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
      rest = head.subarray(end + HEAD_END.length);
      this.#head = Buffer.alloc(0);
    }
    this.#bodyLeft -= rest.length;
    if (this.#bodyLeft === Infinity ? rest.toString("latin1").endsWith("0\r\n\r\n") : this.#bodyLeft <= 0)
      this.#done();
  }

  #done(): void {
    this.#bodyLeft = -1;
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(this.#ok);
  }
}
