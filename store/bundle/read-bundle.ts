import { lstat, readFile, realpath } from "node:fs/promises";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  BUNDLE_LINE_BYTES_MAX,
  BUNDLE_RATIO_MAX,
  type Column,
  CounterfoilError,
  errorMessage,
  MIRROR_TABLES,
} from "../../schema/index.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";
import { jsonlRelation } from "./jsonl.js";
import {
  type BundleFile,
  type BundleManifest,
  type BundlePart,
  type BundleTable,
  decodeManifest,
  MANIFEST_NAME,
} from "./manifest.js";
import { readThrough } from "./read-through.js";
import { bundleColumns } from "./tables.js";

/** Bytes of a file below which its contents may be as large as {@link BUNDLE_RATIO_MAX} times this. */
const SMALL_FILE_BYTES = 64 * 1024;

/** A bundle whose files are what its manifest says. */
export interface VerifiedBundle {
  readonly folder: string;
  readonly manifest: BundleManifest;
  /** Longest line of each JSON Lines file, bytes, by its path. */
  readonly lineBytes: ReadonlyMap<string, number>;
}

/** What checking a bundle takes. */
export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes of files read so far, and of all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Reads only the manifest. Throws CF_NOT_FOUND, CF_BUNDLE_INVALID or CF_BUNDLE_VERSION. */
export async function readManifest(folder: string): Promise<BundleManifest> {
  const path = join(folder, MANIFEST_NAME);
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) {
    throw new CounterfoilError(
      "CF_NOT_FOUND",
      `There is no bundle at ${folder}: a bundle is a folder with ${MANIFEST_NAME} in it.`,
    );
  }
  if (!stats.isFile()) throw new CounterfoilError("CF_BUNDLE_INVALID", `${path} is no plain file.`);
  return decodeManifest(await readFile(path));
}

/**
 * Reads every byte of a bundle and compares it with its manifest: version, names, kinds of files, sizes, checksums.
 * Nothing is changed anywhere. Throws CF_NOT_FOUND, CF_BUNDLE_INVALID, which names the file, or CF_BUNDLE_VERSION.
 */
export async function verifyBundle(folder: string, options: VerifyOptions = {}): Promise<VerifiedBundle> {
  const manifest = await readManifest(folder);
  const root = await realpath(folder);
  for (const table of manifest.tables) checkColumns(table);
  const files: readonly BundleFile[] = [
    ...manifest.tables.flatMap((table) => table.files),
    ...manifest.price_tables,
  ];
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const lineBytes = new Map<string, number>();
  let done = 0;
  for (const file of files) {
    options.signal?.throwIfAborted();
    const longest = await checkFile(root, file);
    if (file.path.endsWith(".jsonl")) lineBytes.set(file.path, longest);
    done += file.bytes;
    options.onProgress?.(done, total);
  }
  return { folder: root, manifest, lineBytes };
}

/** A table of this build must have the columns that this build knows, of their types; it may have more of them. */
function checkColumns({ name, columns }: BundleTable): void {
  if (!MIRROR_TABLES.includes(name)) {
    throw invalid(`${MANIFEST_NAME}: this build knows no table ${name}. A newer one wrote the bundle.`);
  }
  const types = new Map(columns.map((column) => [column.name, column.type]));
  for (const { name: column, type, since = 1 } of bundleColumns(name)) {
    const found = types.get(column);
    if (found === undefined && since > 1) continue;
    if (found !== type) {
      throw invalid(
        `${MANIFEST_NAME}: ${name}.${column} must have the type ${type}, not ${found ?? "none"}.`,
      );
    }
  }
}

/** Throws when the file is not the manifest's; tells its longest line, bytes. */
async function checkFile(root: string, { path, bytes, sha256 }: BundleFile): Promise<number> {
  const full = join(root, path);
  const stats = await lstat(full).catch(() => undefined);
  if (stats === undefined) throw invalid(`The file ${path} of the bundle is missing.`);
  if (!stats.isFile() || (await realpath(full)) !== full) {
    throw invalid(`${path} of the bundle is no plain file of it: links are not followed.`);
  }
  if (stats.size !== bytes) {
    throw invalid(`${path} of the bundle has ${stats.size} bytes, its manifest says ${bytes}.`);
  }
  const read = await readThrough(full);
  if (read.sha256 !== sha256) {
    throw invalid(`${path} of the bundle was changed: its SHA-256 is not the manifest's.`);
  }
  if (path.endsWith(".jsonl") && read.lineBytes > BUNDLE_LINE_BYTES_MAX) {
    throw invalid(
      `${path} has a line of ${read.lineBytes} bytes; at most ${BUNDLE_LINE_BYTES_MAX} are read.`,
    );
  }
  return read.lineBytes;
}

/** Reads the rows of a verified bundle with DuckDB. */
export class BundleReader {
  readonly manifest: BundleManifest;
  readonly #bundle: VerifiedBundle;
  readonly #connection: DuckDBConnection;

  constructor(bundle: VerifiedBundle, connection: DuckDBConnection) {
    this.manifest = bundle.manifest;
    this.#bundle = bundle;
    this.#connection = connection;
  }

  /** A relation over the rows of one file, with exactly the columns of this build. */
  relation(table: BundleTable, part: BundlePart): string {
    const path = join(this.#bundle.folder, part.path);
    const known = new Set(table.columns.map(({ name }) => name));
    const wanted: readonly Column[] = bundleColumns(table.name);
    const columns = wanted.map(({ name, type }) =>
      known.has(name) ? sqlIdentifier(name) : `CAST(NULL AS ${type}) AS ${sqlIdentifier(name)}`,
    );
    const present = wanted.filter(({ name }) => known.has(name));
    const from =
      this.manifest.file_format === "parquet"
        ? `read_parquet(${sqlString(path)}, hive_partitioning = false)`
        : jsonlRelation(present, path, this.#bundle.lineBytes.get(part.path) ?? 0);
    return `(SELECT ${columns.join(", ")} FROM ${from})`;
  }

  /**
   * Compares what a file says of itself with the manifest before its contents are unpacked: rows, columns, size. Throws
   * CF_BUNDLE_INVALID.
   */
  async checkShape(table: BundleTable, part: BundlePart): Promise<void> {
    const path = sqlString(join(this.#bundle.folder, part.path));
    if (this.manifest.file_format === "parquet") {
      const [shape] = await this.rows(
        part,
        `SELECT sum(row_group_num_rows) FILTER (column_id = 0), sum(total_uncompressed_size) FROM parquet_metadata(${path})`,
      );
      const [rows, bytes] = [Number(shape?.[0] ?? 0), Number(shape?.[1] ?? 0)];
      const bytesMax = Math.max(part.bytes, SMALL_FILE_BYTES) * BUNDLE_RATIO_MAX;
      if (bytes > bytesMax) {
        throw invalid(`${part.path} would unpack to ${bytes} bytes; ${bytesMax} is the most for its size.`);
      }
      if (rows !== part.rows) {
        throw invalid(`${part.path} has ${rows} rows, its manifest says ${part.rows}.`);
      }
      const found = new Map(
        (
          await this.rows(part, `DESCRIBE SELECT * FROM read_parquet(${path}, hive_partitioning = false)`)
        ).map(([name, type]) => [String(name), String(type)]),
      );
      for (const { name, type } of table.columns) {
        if (found.get(name) === type) continue;
        throw invalid(
          `${part.path}: the column ${name} must have the type ${type}, not ${found.get(name) ?? "none"}.`,
        );
      }
    }
    const [counted] = await this.rows(part, `SELECT count(*) FROM ${this.relation(table, part)}`);
    if (Number(counted?.[0]) !== part.rows) {
      throw invalid(`${part.path} has ${String(counted?.[0])} rows, its manifest says ${part.rows}.`);
    }
  }

  /** The one row of a query over files that are known to be readable. */
  async compared(sql: string): Promise<readonly unknown[]> {
    return (await this.#connection.runAndReadAll(sql)).getRows()[0] ?? [];
  }

  /** Rows of a query over a file. Throws CF_BUNDLE_INVALID, as it is the file's fault when DuckDB can't read it. */
  async rows(part: BundlePart, sql: string): Promise<readonly (readonly unknown[])[]> {
    try {
      return (await this.#connection.runAndReadAll(sql)).getRows();
    } catch (error) {
      throw unreadable(part, error);
    }
  }
}

/** A file that DuckDB can't read. */
export function unreadable({ path }: BundlePart, error: unknown): CounterfoilError {
  if (error instanceof CounterfoilError) return error;
  const why = errorMessage(error).split("\n")[0]?.slice(0, 500) ?? "";
  return new CounterfoilError("CF_BUNDLE_INVALID", `${path} of the bundle can't be read: ${why}`, {
    cause: error,
  });
}

function invalid(message: string): CounterfoilError {
  return new CounterfoilError("CF_BUNDLE_INVALID", message);
}
