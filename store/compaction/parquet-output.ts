import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fdatasync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { COLUMNS_VERSION } from "../../schema/columns.js";
import { COMPACTION_SYNC_INTERVAL_MS } from "../../schema/limits.js";
import type { FileEntry } from "../types.js";
import { sqlString } from "../views/sql-text.js";

/** Files of the mirror as child processes read and write them; paths are below the working folder, the mirror. */

/** zstd's own default. */
export const ZSTD_LEVEL = 3;

const HASH_CHUNK_BYTES = 1024 * 1024;

/** Rows as JSON objects, of a result that is known to be small. */
export type Rows = readonly Readonly<Record<string, string | number | boolean | readonly string[] | null>>[];

/** Runs a query whose result is small. */
export async function rowsOf(connection: DuckDBConnection, sql: string): Promise<Rows> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJson() as Rows;
}

/** SHA-256 of a file, hex. Throws the file system's error. */
export function sha256Of(path: string): string {
  const hash = createHash("sha256");
  const chunk = Buffer.allocUnsafe(HASH_CHUNK_BYTES);
  const fd = openSync(path, "r");
  try {
    for (;;) {
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, count));
    }
  } finally {
    closeSync(fd);
  }
}

/** Files that are missing or have another size than listed: reading one of them would fail the whole job. */
export function unreadable(files: readonly FileEntry[]): FileEntry[] {
  return files.filter(({ path, bytes }) => statSync(path, { throwIfNoEntry: false })?.size !== bytes);
}

/** Files whose bytes are not those listed. Parquet from DuckDB has no checksums: a flipped bit would stay for ever. */
export function damagedOf(files: readonly FileEntry[]): string[] {
  const broken = new Set(unreadable(files));
  return files
    .filter((file) => broken.has(file) || sha256Of(file.path) !== file.sha256)
    .map(({ path }) => path);
}

function syncPath(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What one output file is to be. */
export interface Output {
  readonly table: string;
  readonly folder: string;
  readonly level: number;
  readonly formatVersion: number;
  /** What the job merges. */
  readonly inputs: readonly FileEntry[];
  /** Which of the job's files of this folder it is, from 0. */
  readonly part: number;
  readonly minTimeUnixNano: string | null;
  readonly maxTimeUnixNano: string | null;
  readonly rowGroupRows: number;
  readonly zstdLevel: number;
  /** The lowest rule set among the rows, where that is known (see FileEntry). */
  readonly ruleSetVersion?: number | undefined;
  /** See FileEntry. */
  readonly logContent?: true | undefined;
  /** What else the name depends on, besides the inputs: how their rows are rewritten. */
  readonly salt?: string | undefined;
}

/** A name that only these inputs give: level, journal range, and a hash of what was merged. */
function outputPath({ table, folder, level, inputs, part, salt }: Output): string {
  const hash = createHash("sha256");
  for (const { path, sha256 } of inputs) hash.update(`${path}\0${sha256}\n`);
  if (part > 0) hash.update(`${part}`);
  if (salt !== undefined) hash.update(`\0${salt}`);
  const first = Math.min(...inputs.map(({ firstSeq }) => firstSeq));
  const last = Math.max(...inputs.map(({ lastSeq }) => lastSeq));
  return `${table}/${folder}/${level}-${first}-${last}-${hash.digest("hex").slice(0, 8)}.parquet`;
}

/**
 * Syncs a file again and again while it is written: one sync of many megabytes at the end would hold up the journal's
 * own syncs, which share the disk.
 */
async function syncingMeanwhile<T>(path: string, work: () => Promise<T>): Promise<T> {
  const fd = openSync(path, "w", 0o600);
  let busy: Promise<void> = Promise.resolve();
  let running = false;
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    busy = new Promise((resolve) =>
      fdatasync(fd, () => {
        // An error shows again at the last sync, which counts.
        running = false;
        resolve();
      }),
    );
  }, COMPACTION_SYNC_INTERVAL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    await busy;
    closeSync(fd);
  }
}

/** Writes one file: temporary name, fsync, rename, fsync of the folders. Undefined when there are no rows. */
export async function writeOutput(
  connection: DuckDBConnection,
  select: string,
  output: Output,
): Promise<FileEntry | undefined> {
  const path = outputPath(output);
  const temporary = `${path}.tmp`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const options = [
    "FORMAT parquet",
    "COMPRESSION zstd",
    `COMPRESSION_LEVEL ${output.zstdLevel}`,
    `ROW_GROUP_SIZE ${output.rowGroupRows}`,
    `KV_METADATA {counterfoil_format_version: '${output.formatVersion}', counterfoil_table: '${output.table}'}`,
    "USE_TMP_FILE false",
    "RETURN_STATS true",
  ];
  const [stats] = await syncingMeanwhile(temporary, () =>
    rowsOf(connection, `COPY (${select}) TO ${sqlString(temporary)} (${options.join(", ")})`),
  );
  const rows = Number(stats?.["count"] ?? 0);
  if (rows === 0) return undefined;
  // DuckDB makes files by the umask; they hold what people said.
  chmodSync(temporary, 0o600);
  syncPath(temporary);
  const bytes = statSync(temporary).size;
  const sha256 = sha256Of(temporary);
  renameSync(temporary, path);
  for (const folder of [dirname(path), output.table, "."]) syncPath(folder);
  const { table, level, formatVersion, inputs, minTimeUnixNano, maxTimeUnixNano, ruleSetVersion } = output;
  return {
    table,
    path,
    level,
    rows,
    bytes,
    sha256,
    minTimeUnixNano,
    maxTimeUnixNano,
    firstSeq: Math.min(...inputs.map(({ firstSeq }) => firstSeq)),
    lastSeq: Math.max(...inputs.map(({ lastSeq }) => lastSeq)),
    formatVersion,
    columnsVersion: COLUMNS_VERSION,
    ...(ruleSetVersion === undefined ? {} : { ruleSetVersion }),
    ...(output.logContent === true ? { logContent: true as const } : {}),
  };
}

/** Names of the columns that a relation has. */
export async function columnsIn(connection: DuckDBConnection, relation: string): Promise<Set<string>> {
  return new Set(
    (await rowsOf(connection, `DESCRIBE FROM ${relation}`)).map((row) => String(row["column_name"])),
  );
}
