import { RETENTION_SHARE_MAX, TELEMETRY_TABLES } from "../schema/index.js";
import type { FileEntry } from "./types.js";

/** What to keep. Without a bound nothing is ever removed. */
export interface RetentionConfig {
  /** Days: a file goes when the day of its folder (event day, see docs/mirror-format.md) is longer ago. */
  readonly days?: number;
  /** Bytes of all files of the mirror: the oldest go until the rest fits. */
  readonly bytes?: number;
  /** Largest share of the files that age removes in one run, 0 to 1; default RETENTION_SHARE_MAX. */
  readonly shareMax?: number;
  /** Files that hold nothing but pinned traces: they stay. */
  readonly keep?: ReadonlySet<string>;
}

/** What one run of retention is to remove. */
export interface RetentionPlan {
  readonly remove: readonly FileEntry[];
  /** Files that are too old, too, but stay because of `shareMax`. */
  readonly heldBack: number;
}

const DAY_MS = 86_400_000;

/** Start of the day of a file's folder, ms since 1970; undefined for a folder that is no day. */
function dayOf(file: FileEntry): number | undefined {
  const day = /\/date=(\d{4}-\d\d-\d\d)\//.exec(file.path)?.[1];
  const start = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(start) ? undefined : start;
}

function oldestFirst(a: FileEntry, b: FileEntry): number {
  return (dayOf(a) ?? 0) - (dayOf(b) ?? 0) || a.lastSeq - b.lastSeq || (a.path < b.path ? -1 : 1);
}

/**
 * Picks whole files, oldest first. The age rule never takes more than `shareMax` of the files (at least one) in one
 * run: a wall clock that jumps ahead must not empty the mirror (catalogue item 64). The size rule needs no clock and
 * has no such bound. Files of `superseded` stay: without them losing rows would show again.
 */
export function planRetention(
  files: readonly FileEntry[],
  config: RetentionConfig,
  nowMs: number,
): RetentionPlan {
  const tables: readonly string[] = TELEMETRY_TABLES;
  const telemetry = files
    .filter(({ table, path }) => tables.includes(table) && config.keep?.has(path) !== true)
    .sort(oldestFirst);
  const remove = new Map<string, FileEntry>();
  let heldBack = 0;
  if (config.days !== undefined) {
    const oldest = nowMs - config.days * DAY_MS;
    const expired = telemetry.filter((file) => (dayOf(file) ?? Number.POSITIVE_INFINITY) + DAY_MS <= oldest);
    const most = Math.max(1, Math.floor(telemetry.length * (config.shareMax ?? RETENTION_SHARE_MAX)));
    for (const file of expired.slice(0, most)) remove.set(file.path, file);
    heldBack = expired.length - remove.size;
  }
  if (config.bytes !== undefined) {
    let total = files.reduce((sum, { bytes, path }) => sum + (remove.has(path) ? 0 : bytes), 0);
    for (const file of telemetry) {
      if (total <= config.bytes) break;
      if (remove.has(file.path)) continue;
      remove.set(file.path, file);
      total -= file.bytes;
    }
  }
  return { remove: [...remove.values()], heldBack };
}
