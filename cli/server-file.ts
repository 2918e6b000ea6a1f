import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What `start` leaves in `<data-dir>/server.json` so that other commands find it. */
export interface ServerFile {
  readonly pid: number;
  readonly started_at: string;
  /** Base of the HTTP port, without a slash at the end. Absent, like the port, when HTTP is off. */
  readonly url?: string;
  readonly http_port?: number;
  /** Absent when gRPC is off. */
  readonly grpc_url?: string;
  readonly grpc_port?: number;
  readonly version: string;
}

/** Path of the file. */
export function serverFilePath(dataDir: string): string {
  return join(dataDir, "server.json");
}

/** Writes the file in one step, so that no reader ever sees half of it. */
export function writeServerFile(dataDir: string, server: ServerFile): void {
  const path = serverFilePath(dataDir);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(server, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

/** Removes the file if it is this process's. */
export function removeServerFile(dataDir: string): void {
  if (readServerFile(dataDir)?.pid === process.pid) rmSync(serverFilePath(dataDir), { force: true });
}

/**
 * The server that says it runs on this data directory, or undefined. A file whose process is gone (killed, power cut)
 * counts as none; a pid that another program reuses is caught by asking the server itself.
 */
export function readServerFile(dataDir: string): ServerFile | undefined {
  try {
    const server = JSON.parse(readFileSync(serverFilePath(dataDir), "utf8")) as Partial<ServerFile>;
    if (typeof server.pid !== "number") return undefined;
    return isAlive(server.pid) ? (server as ServerFile) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a process with this id exists; one of another user counts. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
