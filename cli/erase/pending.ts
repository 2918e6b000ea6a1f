import { readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { nodeFileSystem, writeFileAtomically } from "../../journal/index.js";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import type { Subject } from "../../store/erase/index.js";

/** An erasure that was asked for. It is on disk, with what it is about, until it is done: a crash does not forget it. */
export interface PendingErasure extends Subject {
  readonly id: string;
  readonly begunAt: string;
  readonly reference?: string;
  /** Ids of the traces and of their runs: once the mirror is without them, nothing else tells which those were. */
  readonly ids?: readonly string[];
  /** What was there when it began, rows by table; later runs find what is left. */
  readonly rows: Readonly<Record<string, number>>;
  readonly deadLetters: number;
}

const FOLDER = "erasures";

/** Erasures that were begun and are not done, oldest first. Throws CF_DATA_DIR_IO for a file that can't be read. */
export function pendingErasures(dataDir: string): PendingErasure[] {
  const folder = join(dataDir, FOLDER);
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
  const pending = names.map((name) => {
    const path = join(folder, name);
    try {
      return JSON.parse(readFileSync(path, "utf8")) as PendingErasure;
    } catch (error) {
      throw new CounterfoilError("CF_DATA_DIR_IO", `Can't read ${path}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  });
  return pending.sort((a, b) => (a.begunAt < b.begunAt ? -1 : 1));
}

/** Makes it durable. */
export async function savePending(dataDir: string, erasure: PendingErasure): Promise<void> {
  const path = pathOf(dataDir, erasure);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await nodeFileSystem.syncDirectory(dataDir);
  await writeFileAtomically(nodeFileSystem, path, Buffer.from(`${JSON.stringify(erasure)}\n`));
}

/** It is done. */
export async function removePending(dataDir: string, erasure: PendingErasure): Promise<void> {
  await nodeFileSystem.unlink(pathOf(dataDir, erasure));
  await nodeFileSystem.syncDirectory(join(dataDir, FOLDER));
}

function pathOf(dataDir: string, { id }: PendingErasure): string {
  return join(dataDir, FOLDER, `${id}.json`);
}
