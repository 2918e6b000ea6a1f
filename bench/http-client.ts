import { connect, type Socket } from "node:net";

/** One POST, ready to be written to a socket. */
export function encodePost(path: string, body: Uint8Array, headers: Record<string, string> = {}): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Content-Type: application/x-protobuf",
    `Content-Length: ${body.byteLength}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}

/**
 * One keep-alive connection that sends one request at a time. It reads only what it must (status and Content-Length),
 * because the load generator shares its two cores with the server that it measures.
 */
export class LoadConnection {
  readonly #socket: Socket;
  #head = "";
  #bodyLeft = -1;
  #settle: ((status: number) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #status = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail?.(error));
    socket.on("close", () => this.#fail?.(new Error("connection closed")));
  }

  /** Connects to 127.0.0.1. */
  static open(port: number): Promise<LoadConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new LoadConnection(socket)));
      socket.once("error", reject);
    });
  }

  /** Sends a request made by {@link encodePost} and resolves with the response's status. */
  send(request: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let rest = chunk;
    if (this.#bodyLeft < 0) {
      this.#head += chunk.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#status = Number(this.#head.slice(9, 12));
      const length = /content-length: *(\d+)/i.exec(this.#head.slice(0, end));
      this.#bodyLeft = Number(length?.[1] ?? 0);
      rest = Buffer.from(this.#head.slice(end + 4), "latin1");
      this.#head = "";
    }
    this.#bodyLeft -= rest.length;
    if (this.#bodyLeft > 0) return;
    this.#bodyLeft = -1;
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(this.#status);
  }
}
