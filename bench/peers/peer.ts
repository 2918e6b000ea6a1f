import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { ownChild } from "../own-children.js";
import type { LoadOrder } from "../load/order.js";

/** A program that does a part of the same job, and how to run it beside Counterfoil. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** Folder below the cache that it is installed in. */
  readonly folder: string;
  /** What a success means: what is on disk by then, and whether it was synced. From its source or its documentation. */
  readonly durable: string;
  /** What it keeps in the end, and what it does not do. */
  readonly keeps: string;
  /** Puts the program below `folder`, from a package registry by its ordinary client. Nothing to do when it is there. */
  install(folder: string): Promise<void>;
  /** Starts it with an empty store below `dataDir`. */
  start(folder: string, dataDir: string): Promise<RunningPeer>;
}

/** A peer that takes load. */
export interface RunningPeer {
  readonly pid: number;
  readonly target: Pick<LoadOrder, "port" | "protocol" | "path" | "headers">;
  /** Spans that can be read back; undefined when there is no cheap way to ask. */
  stored?(): Promise<number>;
  stop(): Promise<void>;
}

const run = promisify(execFile);
const INSTALL_TIMEOUT_MS = 60 * 60_000;
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const STOP_MS = 10_000;

/** Runs an installer's command. Throws an error with the end of what it printed. */
export async function command(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  try {
    const { stdout } = await run(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      timeout: INSTALL_TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    return stdout;
  } catch (error) {
    const { stderr = "", code } = error as { stderr?: string; code?: number | string };
    const last = stderr.trim().split("\n").slice(-3).join(" ").slice(0, 300);
    throw new Error(`\`${[file, ...args].join(" ").slice(0, 120)}\` failed (${code}): ${last}`, {
      cause: error,
    });
  }
}

/** A port that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Starts a program with its output in `<cwd>/output.log`. */
export function startProgram(
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv },
): ChildProcess {
  const log = openSync(join(options.cwd, "output.log"), "a");
  const child = ownChild(
    spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", log, log],
      // A group of its own, so that its worker processes end with it.
      detached: true,
    }),
    true,
  );
  closeSync(log);
  child.once("error", () => undefined);
  return child;
}

/** Waits until the address answers anything. */
export async function waitForHttp(
  child: ChildProcess,
  url: string,
  timeoutMs: number,
  cwd: string,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (child.exitCode !== null || child.pid === undefined) break;
    const answer = await fetch(url).catch(() => undefined);
    if (answer !== undefined) return;
    await sleep(200);
  }
  await stopProgram(child);
  const output = readFileSync(join(cwd, "output.log"), "utf8").trim().split("\n").slice(-3).join(" ");
  throw new Error(`it did not answer at ${url} within ${timeoutMs / 1000} s: ${output.slice(0, 300)}`);
}

/** SIGTERM to the program's group, SIGKILL when it does not end. */
export async function stopProgram(child: ChildProcess): Promise<void> {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  process.kill(-pid, "SIGTERM");
  const timer = setTimeout(() => process.kill(-pid, "SIGKILL"), STOP_MS);
  await exited;
  clearTimeout(timer);
}

/** Bytes of all files below a folder. */
export function folderBytes(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const stat = lstatSync(path);
    if (stat.isDirectory()) bytes += folderBytes(path);
    else if (stat.isFile() && name !== "output.log") bytes += statSync(path).size;
  }
  return bytes;
}
