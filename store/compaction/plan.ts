import {
  COMPACTION_DAY_FILES_MAX,
  COMPACTION_FILE_BYTES,
  COMPACTION_JOB_BYTES_MAX,
  COMPACTION_JOB_ROWS_MAX,
  COMPACTION_OPEN_FILES_MAX,
  MIRROR_TABLES,
  LOG_CONTENT_TABLE,
  TRACE_USAGE_SINCE,
} from "../../schema/index.js";
import { logsInReach } from "../log-content/log-content-sql.js";
import type { SpanRewrite } from "../rewrite/rewrite-types.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { FileEntry } from "../types.js";
import { isCompacted } from "../views/files-relation.js";
import type { CompactionJob } from "./compaction-types.js";

const HOUR_MS = 3_600_000;

/** Knobs of the plan; the defaults are the constants of schema/limits.ts. */
export interface PlanOptions {
  readonly nowMs: number;
  /** When the file was written, from its modification time, milliseconds. */
  readonly writtenMs: (file: FileEntry) => number;
  /** Files that must not be touched (found damaged). */
  readonly skip?: ReadonlySet<string>;
  /** Small files that came out of a join which left as many as it found: joining them again changes nothing. */
  readonly full?: ReadonlySet<string>;
  readonly openFilesMax?: number;
  readonly jobBytesMax?: number;
  readonly fileBytes?: number;
  readonly dayFilesMax?: number;
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
function upToMax(files: readonly FileEntry[], bytesMax: number): FileEntry[] {
  let bytes = 0;
  let rows = 0;
  const end = files.findIndex((file, at) => {
    bytes += file.bytes;
    rows += file.rows;
    return at > 0 && (bytes > bytesMax || rows > COMPACTION_JOB_ROWS_MAX);
  });
  return end < 0 ? [...files] : files.slice(0, end);
}

/** Of an earlier version, made anew from the journal, or from before the totals of traces counted each call once. */
function isOutdated(file: FileEntry): boolean {
  return !isCompacted(file) || (file.columnsVersion ?? 1) < TRACE_USAGE_SINCE;
}

const folderOf = (file: FileEntry): string => file.path.slice(0, file.path.lastIndexOf("/"));

/** Small files of a day: when it is over and has more than one of them, or when there are too many. */
function smallFilesOfOneDay(settled: readonly FileEntry[], options: PlanOptions): FileEntry[] | undefined {
  const today = `date=${new Date(options.nowMs).toISOString().slice(0, 10)}`;
  const days = new Map<string, FileEntry[]>();
  for (const file of settled) {
    if (file.bytes >= (options.fileBytes ?? COMPACTION_FILE_BYTES)) continue;
    if (options.full?.has(file.path) === true) continue;
    const folder = folderOf(file);
    const files = days.get(folder);
    if (files === undefined) days.set(folder, [file]);
    else files.push(file);
  }
  const most = options.dayFilesMax ?? COMPACTION_DAY_FILES_MAX;
  return [...days].find(([folder, files]) => files.length > (folder.endsWith(today) ? most : 1))?.[1];
}

function planTable(
  table: string,
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
  const open = fresh.filter((file) => !isClosed(file));
  const tooMany = open.length > (options.openFilesMax ?? COMPACTION_OPEN_FILES_MAX);
  const outdated = table === "spans" ? settled.filter(isOutdated) : [];
  const urgent = [closed, tooMany ? open : [], outdated].find((files) => files.length > 0);
  const wanted = urgent ?? smallFilesOfOneDay(settled, options);
  if (wanted === undefined) return undefined;
  const inputs = upToMax(wanted, options.jobBytesMax ?? COMPACTION_JOB_BYTES_MAX);
  if (urgent === undefined && inputs.length < 2) return undefined;
  return jobOf(table, inputs, files, options.skip);
}

/** The job that rewrites these files of a table, with what it must know of the others. */
function jobOf(
  table: string,
  inputs: readonly FileEntry[],
  files: readonly FileEntry[],
  skip: ReadonlySet<string> | undefined,
): CompactionJob {
  const usable = files.filter(({ path }) => skip?.has(path) !== true);
  const chosen = new Set(inputs.map(({ path }) => path));
  const superseded =
    table === "spans" ? usable.filter((file) => file.table === SUPERSEDED_TABLE).sort(bySeq) : [];
  const content =
    table === "spans" ? usable.filter((file) => file.table === LOG_CONTENT_TABLE).sort(bySeq) : [];
  const others = usable.filter((file) => file.table === table && !chosen.has(file.path));
  return {
    table,
    inputs,
    settled: table === "spans" ? others.filter(({ level }) => level > 0) : [],
    untouched: superseded.length + content.length === 0 ? [] : others.filter(({ level }) => level === 0),
    superseded,
    content,
    // A file that can't be read may hold losers of any span.
    keepSuperseded: files.some(({ path, table: name }) => name === table && skip?.has(path) === true),
  };
}

/**
 * The next job that rewrites files of `spans` for which `wanted` holds, oldest first, as many as `bytesMax` allows;
 * undefined when there are none.
 */
export function planRewrite(
  files: readonly FileEntry[],
  rewrite: SpanRewrite,
  options: {
    readonly wanted: (file: FileEntry) => boolean;
    readonly bytesMax: number;
    readonly skip?: ReadonlySet<string>;
  },
): CompactionJob | undefined {
  const wanted = files
    .filter((file) => file.table === "spans" && options.skip?.has(file.path) !== true && options.wanted(file))
    .sort(byTime);
  if (wanted.length === 0) return undefined;
  const job = jobOf("spans", upToMax(wanted, options.bytesMax), files, options.skip);
  const usable = files.filter((file) => file.table === "span_logs" && options.skip?.has(file.path) !== true);
  const logs = logsInReach(usable, job.inputs);
  return { ...job, rewrite, logs };
}

/**
 * The next thing worth doing, or undefined. First closed hours, oldest first; then the open hour, when it has too many
 * files; then files in an older layout; then small files of one day. Log records come with the spans, else after them.
 */
export function planCompaction(files: readonly FileEntry[], options: PlanOptions): CompactionJob | undefined {
  for (const table of MIRROR_TABLES) {
    const job =
      planTable(table, files, options) ?? (table === "spans" ? planContent(files, options) : undefined);
    if (job !== undefined) return job;
  }
  return undefined;
}

/** A job for log records alone, whose spans are compacted already or have not come. What it leaves is of level 1. */
function planContent(files: readonly FileEntry[], options: PlanOptions): CompactionJob | undefined {
  const hour = Math.floor(options.nowMs / HOUR_MS);
  const fresh = files.filter(
    ({ level, path, table }) =>
      table === LOG_CONTENT_TABLE && level === 0 && options.skip?.has(path) !== true,
  );
  const isDue =
    fresh.some((file) => Math.floor(options.writtenMs(file) / HOUR_MS) < hour) ||
    fresh.length > (options.openFilesMax ?? COMPACTION_OPEN_FILES_MAX);
  return isDue ? jobOf("spans", [], files, options.skip) : undefined;
}
