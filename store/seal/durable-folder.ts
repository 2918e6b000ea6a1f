import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";

/** Makes renames and new names in a folder durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Folders whose own names are known to be durable. */
const durable = new Set<string>();

/**
 * Makes a folder two levels below one that is durable already (`spans/date=2026-11-23` in the mirror), and the names of
 * both levels durable: a file that is synced in a folder that a power cut takes away is gone with it. Both are synced
 * once in each process even when nothing was made, since the one that made them may have died before it came to this.
 */
export function makeDurableFolder(path: string): void {
  const made = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (made === undefined && durable.has(path)) return;
  syncFolder(dirname(path));
  syncFolder(dirname(dirname(path)));
  durable.add(path);
}
