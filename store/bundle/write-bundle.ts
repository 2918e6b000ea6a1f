import { chmod, mkdir, open, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isTelemetryTable, MIRROR_TABLES, unixNanoToTime } from "../../schema/index.js";
import { dataDirPaths } from "../data-dir.js";
import { readPricesOfVersion } from "../prices/effective-prices.js";
import { syncFolder } from "../seal/durable-folder.js";
import { sqlString } from "../views/sql-text.js";
import { EstateReader } from "./estate-reader.js";
import { toJsonColumns } from "./jsonl.js";
import {
  BUNDLE_VERSION,
  type BundleFile,
  type BundleFileFormat,
  type BundlePart,
  type BundleTable,
  encodeManifest,
  MANIFEST_NAME,
} from "./manifest.js";
import { readThrough } from "./read-through.js";
import { bundleColumns } from "./tables.js";
import { writeWholeFolder } from "./whole-folder.js";

/** What {@link writeBundle} writes. */
export interface ExportOptions {
  readonly dataDir: string;
  /** The bundle's folder: it must not exist yet. */
  readonly out: string;
  readonly fileFormat: BundleFileFormat;
  readonly producer: { readonly name: string; readonly version: string };
  /** Names of tables; all without it. */
  readonly tables?: readonly string[] | undefined;
  /** Only telemetry of events at or after it, ns since 1970. Records are always whole: half a history tells nothing. */
  readonly sinceUnixNano?: bigint | undefined;
  readonly signal?: AbortSignal;
  readonly onProgress?: (rowsDone: number, rowsTotal: number) => void;
}

/** What was written. */
export interface ExportReport {
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly files: number }[];
  readonly bytes: number;
  /** Of the mirror, files whose rows could not be had back from the journal: they are not in the bundle. */
  readonly lostFiles: readonly string[];
}

const PARQUET = [
  "FORMAT parquet",
  "COMPRESSION zstd",
  "COMPRESSION_LEVEL 3",
  "ROW_GROUP_SIZE 20480",
  "ROW_GROUP_SIZE_BYTES 64000000",
];

/**
 * Writes everything that a mirror holds as a bundle (docs/format.md): under a temporary name beside `out`, which gets its
 * name when all of it is on disk. The same data gives the same bytes, however the mirror's files are laid out. Throws
 * CF_USAGE when `out` is there already, CF_NOT_FOUND without a mirror, CF_QUERY_FAILED for a damaged file of it, and
 * CF_DATA_DIR_IO when the folder can't be written.
 */
export async function writeBundle(options: ExportOptions): Promise<ExportReport> {
  return writeWholeFolder(options, async (folder) => {
    const reader = await EstateReader.open(options.dataDir);
    try {
      return await new BundleWriter(options, reader, folder).write();
    } finally {
      reader.close();
    }
  });
}

class BundleWriter {
  readonly #options: ExportOptions;
  readonly #reader: EstateReader;
  readonly #folder: string;
  #rowsDone = 0;
  #bytes = 0;

  constructor(options: ExportOptions, reader: EstateReader, folder: string) {
    this.#options = options;
    this.#reader = reader;
    this.#folder = folder;
  }

  async write(): Promise<ExportReport> {
    const { fileFormat, producer, sinceUnixNano, tables: chosen } = this.#options;
    const names = MIRROR_TABLES.filter((table) => chosen === undefined || chosen.includes(table));
    await this.#reader.placeChanges(names.filter((name) => !isTelemetryTable(name)));
    const tables: BundleTable[] = [];
    for (const name of names) {
      tables.push(isTelemetryTable(name) ? await this.#telemetry(name) : await this.#records(name));
    }
    const priceTables = names.includes("spans") ? await this.#priceTables() : [];
    const since = sinceUnixNano === undefined ? null : unixNanoToTime(sinceUnixNano);
    const manifest = encodeManifest({
      producer,
      file_format: fileFormat,
      selection: { tables: chosen === undefined ? null : names, since },
      tables,
      price_tables: priceTables,
    });
    await writeFile(join(this.#folder, MANIFEST_NAME), manifest, { mode: 0o600, flush: true });
    syncFolder(this.#folder);
    const { quarantined } = this.#reader.snapshot;
    return {
      tables: tables.map(({ name, rows, files }) => ({ name, rows, files: files.length })),
      bytes: this.#bytes + Buffer.byteLength(manifest),
      lostFiles: quarantined.map(({ entry }) => entry.path),
    };
  }

  async #telemetry(name: "spans" | "span_logs" | "metric_points"): Promise<BundleTable> {
    const files: BundlePart[] = [];
    for (const part of await this.#reader.parts(name, this.#options.sinceUnixNano)) {
      const rows = await this.#reader.telemetryRows(name, part);
      files.push(...(await this.#file(name, part.name, rows)));
    }
    return tableOf(name, "telemetry", files);
  }

  async #records(name: string): Promise<BundleTable> {
    const files = this.#reader.has(name) ? await this.#file(name, "all", this.#reader.changeRows(name)) : [];
    return tableOf(name, "records", files);
  }

  /** One file, or none when there are no rows. */
  async #file(table: string, part: string, rows: string): Promise<BundlePart[]> {
    const { fileFormat, onProgress, signal } = this.#options;
    signal?.throwIfAborted();
    const path = `${table}/${part}.${fileFormat}`;
    const target = join(this.#folder, path);
    await makeFolder(dirname(target));
    const columns = bundleColumns(table);
    const isParquet = fileFormat === "parquet";
    const select = isParquet ? "*" : toJsonColumns(columns);
    const how = isParquet
      ? [
          ...PARQUET,
          `KV_METADATA {counterfoil_bundle_version: '${BUNDLE_VERSION}', counterfoil_table: '${table}'}`,
        ]
      : ["FORMAT json", "ARRAY false"];
    const [copied] = await this.#reader.write(
      `COPY (SELECT ${select} FROM ${rows}) TO ${sqlString(target)} (${how.join(", ")})`,
      target,
    );
    const count = Number(copied?.[0] ?? 0);
    if (count === 0) {
      await rm(target, { force: true });
      // Another part of the table may be there already.
      await rmdir(dirname(target)).catch(() => undefined);
      return [];
    }
    this.#rowsDone += count;
    onProgress?.(this.#rowsDone, Math.max(this.#rowsDone, this.#rowsExpected()));
    return [{ ...(await this.#sealed(path)), rows: count }];
  }

  /** Rows of the mirror's files: an upper bound, for progress. */
  #rowsExpected(): number {
    const { tables } = this.#options;
    return this.#reader.snapshot.files
      .filter(
        ({ table }) => MIRROR_TABLES.includes(table) && (tables === undefined || tables.includes(table)),
      )
      .reduce((sum, { rows }) => sum + rows, 0);
  }

  async #priceTables(): Promise<BundleFile[]> {
    const { prices } = dataDirPaths(this.#options.dataDir);
    const files: BundleFile[] = [];
    for (const version of await this.#reader.priceVersions()) {
      const table = readPricesOfVersion(prices, version);
      if (table === undefined) continue;
      const path = `price_tables/${version}.json`;
      const target = join(this.#folder, path);
      await makeFolder(dirname(target));
      await writeFile(target, `${JSON.stringify(table, null, 1)}\n`, { mode: 0o600 });
      files.push(await this.#sealed(path));
    }
    return files;
  }

  /** On disk, readable by its owner only, with its checksum. */
  async #sealed(path: string): Promise<BundleFile> {
    const target = join(this.#folder, path);
    await chmod(target, 0o600);
    const file = await open(target, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    syncFolder(dirname(target));
    const { size } = await stat(target);
    this.#bytes += size;
    return { path, bytes: size, sha256: (await readThrough(target)).sha256 };
  }
}

function tableOf(name: string, kind: BundleTable["kind"], files: readonly BundlePart[]): BundleTable {
  const columns = bundleColumns(name).map(({ name: column, type, json, doc }) => ({
    name: column,
    type,
    ...(json === true ? { json } : {}),
    doc,
  }));
  return { name, kind, rows: files.reduce((sum, { rows }) => sum + rows, 0), columns, files };
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}
