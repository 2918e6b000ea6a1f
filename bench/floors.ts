import { fdatasync, openSync, closeSync, rmSync, writev } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

const writeVector = promisify(writev);
const syncData = promisify(fdatasync);

/** A server that reads each body and forgets it: what receiving alone costs on this machine. */
export function startDiscardServer(): Promise<{ server: Server; port: number }> {
  const server = createServer((request, response) => {
    request.on("data", () => undefined);
    request.on("end", () => {
      response.writeHead(200, { "content-length": 0 });
      response.end();
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve({ server, port: (server.address() as AddressInfo).port }));
  });
}

/**
 * Bytes a second that this disk makes durable when it is given groups of `group` bodies, one write and one fdatasync
 * each: the ceiling of any log that keeps invariant I1.
 */
export async function measureDiskFloor(
  folder: string,
  bodies: readonly Uint8Array[],
  options: { group: number; seconds: number },
): Promise<number> {
  const path = join(folder, "disk-floor");
  const file = openSync(path, "w");
  try {
    const started = performance.now();
    let bytes = 0;
    let next = 0;
    let position = 0;
    while (performance.now() - started < options.seconds * 1000) {
      const batch = Array.from(
        { length: options.group },
        () => bodies[next++ % bodies.length] ?? new Uint8Array(),
      );
      const size = batch.reduce((sum, body) => sum + body.byteLength, 0);
      if (position + size > 512 * 1024 * 1024) position = 0;
      await writeVector(file, batch, position);
      await syncData(file);
      position += size;
      bytes += size;
    }
    return bytes / ((performance.now() - started) / 1000);
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
}
