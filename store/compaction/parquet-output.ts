import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { FORMAT_VERSION } from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { sqlString } from "../views/sql-text.js";

/** Files of the mirror as child processes read and write them; paths are below the working folder, the mirror. */

const HASH_CHUNK_BYTES = 1024 * 1024;

/** Rows as DuckDB gives them in JSON. */
export type Rows = readonly Readonly<Record<string, string | number | null>>[];

/** Rows of a query as plain values. */
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

/** A file to be written. */
export interface Output {
  readonly table: string;
  readonly folder: string;
  readonly level: number;
  readonly inputs: readonly FileEntry[];
  readonly minTimeUnixNano: string | null;
  readonly maxTimeUnixNano: string | null;
}

/** A name that only these inputs give: level, journal range, and a hash of what was merged. */
function outputPath({ table, folder, level, inputs }: Output): string {
  const hash = createHash("sha256");
  for (const { path, sha256 } of inputs) hash.update(`${path}\0${sha256}\n`);
  const first = Math.min(...inputs.map(({ firstSeq }) => firstSeq));
  const last = Math.max(...inputs.map(({ lastSeq }) => lastSeq));
  return `${table}/${folder}/${level}-${first}-${last}-${hash.digest("hex").slice(0, 8)}.parquet`;
}

/** Writes one file: temporary name, fsync, rename, fsync of the folders. Undefined when there are no rows. */
export async function writeOutput(
  connection: DuckDBConnection,
  select: string,
  output: Output,
  rowGroupRows: number,
): Promise<FileEntry | undefined> {
  const path = outputPath(output);
  const temporary = `${path}.tmp`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const [stats] = await rowsOf(
    connection,
    `COPY (${select}) TO ${sqlString(temporary)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${rowGroupRows}, USE_TMP_FILE false, RETURN_STATS true)`,
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
  const seqs = output.inputs;
  return {
    table: output.table,
    path,
    level: output.level,
    rows,
    bytes,
    sha256,
    minTimeUnixNano: output.minTimeUnixNano,
    maxTimeUnixNano: output.maxTimeUnixNano,
    firstSeq: Math.min(...seqs.map(({ firstSeq }) => firstSeq)),
    lastSeq: Math.max(...seqs.map(({ lastSeq }) => lastSeq)),
    formatVersion: FORMAT_VERSION,
  };
}

/** Names of the columns that a relation has. */
export async function columnsIn(connection: DuckDBConnection, relation: string): Promise<Set<string>> {
  return new Set(
    (await rowsOf(connection, `DESCRIBE FROM ${relation}`)).map((row) => String(row["column_name"])),
  );
}
