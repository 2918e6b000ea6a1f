import { closeSync, fdatasync, openSync, writev } from "node:fs";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2 } from "node:http2";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";

/**
 * The least that a server can do on this machine, in a process of its own like the server under test:
 * `discard` reads each body and forgets it; `durable` writes the bodies to one file, one write and one fdatasync for
 * all that came meanwhile, and answers after it; `grpc` reads each call's message and forgets it.
 */
const [mode = "discard", path = ""] = process.argv.slice(2);

const writeVector = promisify(writev);
const syncData = promisify(fdatasync);
/** The file is written again from its start at this size, so that a long run needs no disk. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024;
/** Like the product's receiver: without it, HTTP/2's first window of 64 KiB would throttle the floor. */
const GRPC_WINDOW_BYTES = 4 * 1024 * 1024;
const VECTORS_MAX = 1_000;

class DurableFile {
  readonly #file = openSync(path, "w", 0o600);
  #waiting: { chunks: Buffer[]; done: () => void }[] = [];
  #position = 0;
  #running = false;

  append(chunks: Buffer[], done: () => void): void {
    this.#waiting.push({ chunks, done });
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      const chunks = group.flatMap((each) => each.chunks);
      for (let at = 0; at < chunks.length; at += VECTORS_MAX) {
        const { bytesWritten } = await writeVector(
          this.#file,
          chunks.slice(at, at + VECTORS_MAX),
          this.#position,
        );
        this.#position += bytesWritten;
      }
      if (this.#position > FILE_BYTES_MAX) this.#position = 0;
      await syncData(this.#file);
      for (const each of group) each.done();
    }
    this.#running = false;
  }

  close(): void {
    closeSync(this.#file);
  }
}

function startHttp(): void {
  const file = mode === "durable" ? new DurableFile() : undefined;
  const server = createHttp((request, response) => {
    const chunks: Buffer[] = [];
    const answer = (): void => {
      response.writeHead(200, { "content-length": 0 });
      response.end();
    };
    request.on("data", (chunk: Buffer) => file !== undefined && chunks.push(chunk));
    request.on("end", () => (file === undefined ? answer() : file.append(chunks, answer)));
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

function startGrpc(): void {
  const server = createHttp2({ settings: { initialWindowSize: GRPC_WINDOW_BYTES } });
  server.on("session", (session) => session.setLocalWindowSize(GRPC_WINDOW_BYTES * 4));
  server.on("stream", (stream) => {
    stream.on("data", () => undefined);
    stream.on("error", () => undefined);
    stream.on("end", () => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(Buffer.alloc(5));
    });
  });
  server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
}

if (mode === "grpc") startGrpc();
else startHttp();
process.on("disconnect", () => process.exit(0));
