import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { chmod, link, mkdir, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { CounterfoilError, errorMessage, LOCK_HEARTBEAT_MS, LOCK_STALE_MS } from "../schema/index.js";
import { dataDirPaths } from "./data-dir.js";

/** Who owns a data directory: the content of its `lock` file. */
export interface LockOwner {
  /** Unique per acquisition. */
  readonly token: string;
  readonly pid: number;
  /** Start time of the process in clock ticks since boot, "" where the system doesn't tell. */
  readonly startTime: string;
  readonly bootId: string;
  /** Identity of the PID namespace: pids of another container can't be looked up from here. */
  readonly pidNamespace: string;
  readonly hostname: string;
  readonly since: string;
}

/** A held lock. */
export interface DataDirLock {
  readonly owner: LockOwner;
  /** Gives the data directory back. Safe to call twice. */
  release(): Promise<void>;
}

function readTrimmed(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}

/** State and start time of a process (fields 3 and 22 of /proc/<pid>/stat, see proc(5)); undefined without /proc. */
function processStat(pid: number): { state: string; startTime: string } | undefined {
  const text = readTrimmed(`/proc/${pid}/stat`);
  if (text === "") return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", startTime: fields[19] ?? "" };
}

function thisProcess(): LockOwner {
  let pidNamespace = "";
  try {
    pidNamespace = readlinkSync("/proc/self/ns/pid");
  } catch {
    // No namespaces on this system.
  }
  return {
    token: randomUUID(),
    pid: process.pid,
    startTime: processStat(process.pid)?.startTime ?? "",
    bootId: readTrimmed("/proc/sys/kernel/random/boot_id"),
    pidNamespace,
    hostname: hostname(),
    since: new Date().toISOString(),
  };
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Whether the owner lives; undefined when this process can't see it (other host or container). */
function isAlive(owner: LockOwner, self: LockOwner): boolean | undefined {
  const sameView =
    owner.hostname === self.hostname &&
    owner.bootId === self.bootId &&
    owner.pidNamespace === self.pidNamespace;
  if (!sameView) return undefined;
  if (owner.startTime === "") return pidExists(owner.pid);
  const found = processStat(owner.pid);
  return found !== undefined && found.startTime === owner.startTime && !["Z", "X"].includes(found.state);
}

async function readOwner(
  path: string,
): Promise<{ owner: LockOwner | undefined; touchedMs: number } | undefined> {
  try {
    const touchedMs = (await stat(path)).mtimeMs;
    const text = await readFile(path, "utf8");
    let owner: LockOwner | undefined;
    try {
      owner = JSON.parse(text) as LockOwner;
    } catch {
      owner = undefined;
    }
    return { owner: typeof owner?.token === "string" ? owner : undefined, touchedMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Waits to see whether an owner that can't be looked up still touches its lock. */
async function touchesLock(path: string, touchedMs: number, staleMs: number): Promise<boolean> {
  const deadline = performance.now() + Math.min(staleMs, Math.max(0, touchedMs + staleMs - Date.now()));
  while (performance.now() < deadline) {
    await delay(Math.min(250, staleMs / 4));
    const found = await readOwner(path);
    if (found === undefined) return false;
    if (found.touchedMs !== touchedMs) return true;
  }
  return false;
}

function locked(root: string, owner: LockOwner | undefined): CounterfoilError {
  const who =
    owner === undefined
      ? "another process"
      : `process ${owner.pid} on ${owner.hostname} (running since ${owner.since})`;
  return new CounterfoilError(
    "CF_DATA_DIR_LOCKED",
    `The data directory ${root} is in use by ${who}. Stop that process, or use another data directory.`,
  );
}

interface Acquisition {
  readonly root: string;
  readonly self: LockOwner;
  readonly temporary: string;
  readonly staleMs: number;
}

/** Creates `path` with this process's identity in one step; false when it exists. */
async function tryCreate(path: string, { self, temporary }: Acquisition): Promise<boolean> {
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(JSON.stringify(self));
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw error;
    return await createWithoutLink(path, self);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** For file systems without hard links: a reader may see the file empty for a moment, and then waits. */
async function createWithoutLink(path: string, self: LockOwner): Promise<boolean> {
  try {
    const handle = await open(path, "wx", 0o600);
    await handle.writeFile(JSON.stringify(self));
    await handle.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/**
 * Takes `path` or throws CF_DATA_DIR_LOCKED. A dead owner's lock is replaced under a second lock that is named after
 * the dead owner's token: only one process can hold that one, and it looks again before it replaces, so two starters
 * never both win and a live lock is never pushed away. The second lock is taken by the same rules, in case its
 * holder died half-way.
 */
async function acquire(path: string, acquisition: Acquisition, depth = 0): Promise<void> {
  const { root, self, staleMs } = acquisition;
  for (let attempt = 0; attempt < 10; attempt += 1) {
    if (await tryCreate(path, acquisition)) return;
    const found = await readOwner(path);
    if (found === undefined) continue;
    const { owner } = found;
    const alive = owner === undefined ? undefined : isAlive(owner, self);
    if (alive ?? (await touchesLock(path, found.touchedMs, staleMs))) throw locked(root, owner);
    if (depth > 3) throw locked(root, owner);
    const takeover = `${dataDirPaths(root).lock}.${owner?.token ?? "unreadable"}.takeover`;
    await acquire(takeover, acquisition, depth + 1);
    try {
      const now = await readOwner(path);
      if (now === undefined || now.owner?.token !== owner?.token) continue;
      await replaceLock(path, acquisition);
      return;
    } finally {
      await rm(takeover, { force: true });
    }
  }
  throw locked(root, (await readOwner(path))?.owner);
}

async function replaceLock(path: string, { self, temporary }: Acquisition): Promise<void> {
  const handle = await open(temporary, "w", 0o600);
  try {
    await handle.writeFile(JSON.stringify(self));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}

/** The folders below a data directory, only the owner may read: telemetry holds prompts and answers. */
async function createFolders(root: string): Promise<void> {
  const paths = dataDirPaths(root);
  await mkdir(root, { recursive: true, mode: 0o700 });
  for (const folder of [paths.journal, paths.cursors, paths.deadLetters, paths.mirror, paths.temp]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await chmod(folder, 0o700);
  }
}

/**
 * Takes a data directory for this process, creating it (mode 0700) when missing. The lock of a process that is dead
 * (no such pid, the pid reused by a later process, another boot) is taken over. An owner that can't be looked up (on
 * another host, in another container) counts as alive while it touches its lock every {@link LOCK_HEARTBEAT_MS}.
 * Throws CF_DATA_DIR_LOCKED, which names the owner, or CF_DATA_DIR_IO.
 */
export async function lockDataDir(root: string, options: { staleMs?: number } = {}): Promise<DataDirLock> {
  const self = thisProcess();
  const path = dataDirPaths(root).lock;
  try {
    await createFolders(root);
    await acquire(path, {
      root,
      self,
      temporary: `${path}.${self.token}.tmp`,
      staleMs: options.staleMs ?? LOCK_STALE_MS,
    });
    // Of an owner before: what it had not moved into the mirror is in the journal.
    await rm(dataDirPaths(root).sealing, { recursive: true, force: true });
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw new CounterfoilError(
      "CF_DATA_DIR_IO",
      `Can't lock the data directory ${root}: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => undefined);
  }, LOCK_HEARTBEAT_MS);
  heartbeat.unref();
  return {
    owner: self,
    async release() {
      clearInterval(heartbeat);
      if ((await readOwner(path))?.owner?.token === self.token) await rm(path, { force: true });
    },
  };
}

/**
 * The live owner of a data directory, or undefined when nobody holds it. For other processes (`status`, `query`):
 * looks, takes nothing, and never waits: an owner that can't be looked up counts as alive while its lock is fresh.
 */
export async function dataDirOwner(root: string): Promise<LockOwner | undefined> {
  const found = await readOwner(dataDirPaths(root).lock);
  if (found?.owner === undefined) return undefined;
  const alive = isAlive(found.owner, thisProcess()) ?? Date.now() - found.touchedMs < LOCK_STALE_MS;
  return alive ? found.owner : undefined;
}
