import { readFileSync } from "node:fs";
import { OPEN_FILES_RESERVED } from "../schema/index.js";

/**
 * Files and connections that this process may have open, undefined where the system does not tell (only Linux does).
 * Node raises its soft limit to the hard one when it starts.
 */
export function openFilesMax(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}

/**
 * Connections that each of `listeners` may hold so that journal and mirror can always open their files: a listener
 * that took the last one would stop all writing.
 */
export function connectionsPossible(filesMax: number | undefined, listeners: number): number {
  if (filesMax === undefined) return Infinity;
  const reserved = Math.min(OPEN_FILES_RESERVED, Math.floor(filesMax / 2));
  return Math.max(1, Math.floor((filesMax - reserved) / Math.max(1, listeners)));
}
