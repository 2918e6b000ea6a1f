import { connect, type Socket } from "node:net";
import type { LoadClient } from "./client.js";
import type { LoadRequest } from "./requests.js";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME_HEAD_BYTES = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const INITIAL_WINDOW_SIZE = 4;
const WINDOW_BYTES = 65_535;

/**
 * A unary gRPC client on a raw socket that sends frames made beforehand: node:http2 would cost the load generator as
 * much as the server under test. One call at a time. An answer counts as a success when it brings a message: a gRPC
 * failure is trailers alone.
 */
export class GrpcClient implements LoadClient {
  readonly #socket: Socket;
  #input: Buffer = Buffer.alloc(0);
  #stream = -1;
  /** What the server lets us send on the connection, and on each new stream. */
  #window = WINDOW_BYTES;
  #streamWindow = WINDOW_BYTES;
  #ready: (() => void) | undefined;
  #message = false;
  #settle: ((ok: boolean) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(SETTINGS, 0)]));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail?.(error));
    socket.on("close", () => this.#fail?.(new Error("connection closed")));
  }

  static open(port: number): Promise<GrpcClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () => resolve(new GrpcClient(socket)));
      socket.once("error", reject);
    });
  }

  async send(request: LoadRequest): Promise<boolean> {
    const { bytes } = request.body;
    await this.#roomFor(bytes.length);
    this.#stream += 2;
    for (const at of request.streamIds) bytes.writeUInt32BE(this.#stream, at);
    this.#window -= bytes.length;
    this.#message = false;
    return await new Promise((resolve, reject) => {
      this.#settle = resolve;
      this.#fail = reject;
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  /** Waits for the windows. Frame heads count as payload here: a little too careful. */
  async #roomFor(bytes: number): Promise<void> {
    while (this.#window < bytes || this.#streamWindow < bytes) {
      await new Promise<void>((resolve, reject) => {
        this.#ready = resolve;
        this.#fail = reject;
      });
    }
  }

  #read(chunk: Buffer): void {
    let input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    while (input.length >= FRAME_HEAD_BYTES) {
      const size = FRAME_HEAD_BYTES + input.readUIntBE(0, 3);
      if (input.length < size) break;
      this.#frame(input.subarray(0, size));
      input = input.subarray(size);
    }
    this.#input = input;
  }

  #frame(bytes: Buffer): void {
    const [type, flags = 0] = [bytes[3], bytes[4]];
    const payload = bytes.subarray(FRAME_HEAD_BYTES);
    if (type === SETTINGS && (flags & ACK) === 0) this.#settings(payload);
    else if (type === WINDOW_UPDATE && bytes.readUInt32BE(5) === 0) this.#grow(payload.readUInt32BE(0));
    else if (type === PING && (flags & ACK) === 0) this.#socket.write(frame(PING, ACK, payload));
    else if (type === GOAWAY) this.#fail?.(new Error("the server went away"));
    else if (type === RST_STREAM && bytes.readUInt32BE(5) === this.#stream) this.#done();
    else if (type === DATA || type === HEADERS) {
      if (type === DATA && payload.length > 0) this.#received(payload.length);
      if ((flags & END_STREAM) !== 0) this.#done();
    }
  }

  #received(bytes: number): void {
    this.#message = true;
    const increment = Buffer.alloc(4);
    increment.writeUInt32BE(bytes);
    this.#socket.write(frame(WINDOW_UPDATE, 0, increment));
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) === INITIAL_WINDOW_SIZE) this.#streamWindow = payload.readUInt32BE(at + 2);
    }
    this.#socket.write(frame(SETTINGS, ACK));
    this.#grow(0);
  }

  #grow(bytes: number): void {
    this.#window += bytes;
    this.#ready?.();
  }

  #done(): void {
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.(this.#message);
  }
}

function frame(type: number, flags: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return Buffer.concat([head, payload]);
}
