import {
  COMPACTION_FILE_BYTES,
  COMPACTION_JOB_BYTES_MAX,
  COMPACTION_OPEN_FILES_MAX,
  COMPACTION_SMALL_FILE_BYTES,
  TELEMETRY_TABLES,
  type TelemetryTable,
} from "../../schema/index.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { FileEntry } from "../types.js";
import type { CompactionJob } from "./compaction-types.js";

const HOUR_MS = 3_600_000;

/** Knobs of the plan; the defaults are the constants of schema/limits.ts. */
export interface PlanOptions {
  readonly nowMs: number;
  /** When the file was written, from its modification time, milliseconds. */
  readonly writtenMs: (file: FileEntry) => number;
  /** Files that must not be touched (found damaged). */
  readonly skip?: ReadonlySet<string>;
  readonly openFilesMax?: number;
  readonly jobBytesMax?: number;
  readonly fileBytes?: number;
  readonly smallFileBytes?: number;
}

function bySeq(a: FileEntry, b: FileEntry): number {
  return a.firstSeq - b.firstSeq || a.lastSeq - b.lastSeq || (a.path < b.path ? -1 : 1);
}

function byTime(a: FileEntry, b: FileEntry): number {
  const [left, right] = [a, b].map(({ minTimeUnixNano }) => BigInt(minTimeUnixNano ?? "0"));
  if (left !== undefined && right !== undefined && left !== right) return left < right ? -1 : 1;
  return bySeq(a, b);
}

/** The longest start of the list that fits into one job; at least one file. */
function upToBytes(files: readonly FileEntry[], bytesMax: number): FileEntry[] {
  let bytes = 0;
  const end = files.findIndex((file, at) => {
    bytes += file.bytes;
    return at > 0 && bytes > bytesMax;
  });
  return end < 0 ? [...files] : files.slice(0, end);
}

const folderOf = (file: FileEntry): string => file.path.slice(0, file.path.lastIndexOf("/"));

/** Small files of a day that is over and has more than one of them. */
function smallFilesOfOneDay(settled: readonly FileEntry[], options: PlanOptions): FileEntry[] | undefined {
  const today = `date=${new Date(options.nowMs).toISOString().slice(0, 10)}`;
  const days = new Map<string, FileEntry[]>();
  for (const file of settled) {
    const folder = folderOf(file);
    if (file.bytes >= (options.fileBytes ?? COMPACTION_FILE_BYTES) || folder.endsWith(today)) continue;
    days.set(folder, [...(days.get(folder) ?? []), file]);
  }
  return [...days.values()].find((files) => files.length > 1);
}

/** Files of the open hour, when there are too many: the longest run of small neighbours within one folder. */
function smallOpenFiles(open: readonly FileEntry[], options: PlanOptions): FileEntry[] | undefined {
  if (open.length <= (options.openFilesMax ?? COMPACTION_OPEN_FILES_MAX)) return undefined;
  let best: FileEntry[] = [];
  let run: FileEntry[] = [];
  for (const file of open) {
    const last = run.at(-1);
    const small = file.bytes < (options.smallFileBytes ?? COMPACTION_SMALL_FILE_BYTES);
    if (!small || (last !== undefined && folderOf(last) !== folderOf(file))) run = [];
    if (small) run.push(file);
    if (run.length > best.length) best = [...run];
  }
  return best.length > 1 ? best : undefined;
}

function planTable(
  table: TelemetryTable,
  files: readonly FileEntry[],
  options: PlanOptions,
): CompactionJob | undefined {
  const usable = files.filter(({ path }) => options.skip?.has(path) !== true);
  const mine = usable.filter((file) => file.table === table);
  const hour = Math.floor(options.nowMs / HOUR_MS);
  const isClosed = (file: FileEntry): boolean => Math.floor(options.writtenMs(file) / HOUR_MS) < hour;
  const fresh = mine.filter(({ level }) => level === 0).sort(bySeq);
  const closed = fresh.filter(isClosed);
  const settled = mine.filter(({ level }) => level > 0).sort(byTime);
  const jobBytes = options.jobBytesMax ?? COMPACTION_JOB_BYTES_MAX;
  const place = closed.length > 0 ? closed : smallFilesOfOneDay(settled, options);
  if (place === undefined) {
    const merge = smallOpenFiles(
      fresh.filter((file) => !isClosed(file)),
      options,
    );
    if (merge === undefined) return undefined;
    const inputs = upToBytes(merge, jobBytes);
    return inputs.length < 2
      ? undefined
      : { kind: "merge", table, inputs, settled: [], untouched: [], superseded: [], keepSuperseded: false };
  }
  const inputs = upToBytes(place, jobBytes);
  if (closed.length === 0 && inputs.length < 2) return undefined;
  const chosen = new Set(inputs.map(({ path }) => path));
  const superseded =
    table === "spans" ? usable.filter((file) => file.table === SUPERSEDED_TABLE).sort(bySeq) : [];
  const others = superseded.length === 0 ? [] : mine.filter(({ path }) => !chosen.has(path));
  return {
    kind: "place",
    table,
    inputs,
    settled: others.filter(({ level }) => level > 0),
    untouched: others.filter(({ level }) => level === 0),
    superseded,
    // A file that can't be read may hold losers of any span.
    keepSuperseded: files.some(({ path, table: name }) => name === table && options.skip?.has(path) === true),
  };
}

/**
 * The next thing worth doing, or undefined. First closed hours, oldest first; then small files of days that are over;
 * then the open hour, when it has too many small files.
 */
export function planCompaction(files: readonly FileEntry[], options: PlanOptions): CompactionJob | undefined {
  for (const table of TELEMETRY_TABLES) {
    const job = planTable(table, files, options);
    if (job !== undefined) return job;
  }
  return undefined;
}
