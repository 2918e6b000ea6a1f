import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { IMPORT_BATCH_BYTES, isTelemetryTable, type PriceTable, priceTable } from "../../schema/index.js";
import { dataDirPaths } from "../data-dir.js";
import { importedPriceTable, keepPriceTable } from "../prices/effective-prices.js";
import { changesOf } from "./change-rows.js";
import { changeEntries, type ImportEntry, telemetryEntries } from "./entries.js";
import { EstateReader } from "./estate-reader.js";
import { missingChanges, missingReadings, missingRows, newerHere } from "./missing.js";
import { BundleReader, type VerifiedBundle } from "./read-bundle.js";

/** Where an import goes in: the same door as everything else. */
export interface ImportDoor {
  /** Resolves when all of them are on disk, in this order (I1). */
  append(entries: readonly ImportEntry[]): Promise<void>;
  /** Resolves when the mirror shows everything that was appended, by anyone. */
  settle(): Promise<void>;
  /**
   * What is appended from now on is priced by this table. Absent where somebody else decides which prices are in effect:
   * a server. Called after {@link settle} only.
   */
  usePrices?(table: PriceTable): void;
}

/** What {@link importBundle} works with. */
export interface ImportOptions {
  /** The data directory that the door leads to. */
  readonly dataDir: string;
  readonly door: ImportDoor;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((rowsDone: number, rowsTotal: number) => void) | undefined;
}

/** What became of one table of the bundle. */
export interface ImportedTable {
  readonly name: string;
  /** Rows in the bundle, and of them those that were not here yet. */
  readonly rows: number;
  readonly imported: number;
}

/** What an import did. */
export interface ImportReport {
  readonly tables: readonly ImportedTable[];
  /** Changes left out because the same thing was changed here later: they would have undone that. */
  readonly olderChanges: number;
}

/**
 * Takes in what a checked bundle has and the data directory has not. What was received there keeps the time at which it
 * was received; places in the journal are given anew. Doing it again, or after it was interrupted, adds only what is
 * missing. Throws what the door throws.
 */
export async function importBundle(bundle: VerifiedBundle, options: ImportOptions): Promise<ImportReport> {
  const { dataDir, door } = options;
  await door.settle();
  const importing = new Importing(bundle, options, await keepPrices(bundle, dataDir));
  await withReader(dataDir, (reader) => importing.telemetry(reader));
  await door.settle();
  // Evaluations were read out of the telemetry meanwhile.
  await withReader(dataDir, (reader) => importing.changes(reader));
  await door.settle();
  return importing.report();
}

async function withReader(dataDir: string, work: (reader: EstateReader) => Promise<void>): Promise<void> {
  const reader = await EstateReader.open(dataDir);
  try {
    await work(reader);
  } finally {
    reader.close();
  }
}

/** The price tables of the bundle, which can be looked up in the data directory from now on. */
async function keepPrices({ folder, manifest }: VerifiedBundle, dataDir: string): Promise<PriceTable[]> {
  const tables: PriceTable[] = [];
  for (const { path } of manifest.price_tables) {
    const table = importedPriceTable(await readFile(join(folder, path), "utf8"));
    keepPriceTable(dataDirPaths(dataDir).prices, table);
    tables.push(table);
  }
  return tables;
}

class Importing {
  readonly #bundle: VerifiedBundle;
  readonly #options: ImportOptions;
  readonly #imported = new Map<string, number>();
  readonly #rowsTotal: number;
  readonly #prices: ReadonlyMap<string, PriceTable>;
  #priceVersion: string | undefined;
  #rowsDone = 0;
  #olderChanges = 0;

  constructor(bundle: VerifiedBundle, options: ImportOptions, prices: readonly PriceTable[]) {
    this.#prices = new Map(prices.map((table) => [table.version, table]));
    this.#bundle = bundle;
    this.#options = options;
    this.#rowsTotal = bundle.manifest.tables.reduce((sum, { rows }) => sum + rows, 0);
  }

  report(): ImportReport {
    const { tables } = this.#bundle.manifest;
    return {
      tables: tables.map(({ name, rows }) => ({ name, rows, imported: this.#imported.get(name) ?? 0 })),
      olderChanges: this.#olderChanges,
    };
  }

  async telemetry(target: EstateReader): Promise<void> {
    const { connection } = target;
    // What no table priced there is not priced here either: `prices reprice` does that when it is wanted.
    this.#options.door.usePrices?.(this.#prices.values().next().value ?? priceTable({}));
    const bundle = new BundleReader(this.#bundle, connection);
    for (const table of bundle.manifest.tables) {
      const { name } = table;
      if (!isTelemetryTable(name)) continue;
      for (const part of table.files) {
        const rows = bundle.relation(table, part);
        const missing = target.has(name) ? missingRows(name, rows) : rows;
        const before = this.#rowsDone;
        await this.#append(telemetryEntries(connection, name, missing), (count) => this.#count(name, count));
        this.#progress(before + part.rows);
      }
    }
  }

  async changes(target: EstateReader): Promise<void> {
    const { connection } = target;
    const bundle = new BundleReader(this.#bundle, connection);
    const selects: string[] = [];
    const here: string[] = [];
    for (const table of bundle.manifest.tables) {
      if (isTelemetryTable(table.name)) continue;
      for (const part of table.files) {
        const rows = changesOf(table.name, bundle.relation(table, part));
        selects.push(`SELECT '${table.name}' AS "table", * FROM (${rows})`);
      }
    }
    if (selects.length === 0) return;
    await target.run(`CREATE TEMP TABLE bundle_changes AS ${selects.join(" UNION ALL ")}`);
    for (const { name } of bundle.manifest.tables) {
      if (!isTelemetryTable(name) && target.has(name)) here.push(target.changesHere(name));
    }
    const changesHere =
      here.length === 0 ? "SELECT * FROM bundle_changes WHERE false" : here.join(" UNION ALL ");
    await target.run(`CREATE TEMP TABLE changes_here AS ${changesHere}`);
    await target.run(`CREATE TEMP TABLE missing_changes AS ${missingChanges}`);
    const [older] = await target.run(`SELECT count(*) FROM missing_changes AS b WHERE ${newerHere}`);
    this.#olderChanges = Number(older?.[0] ?? 0);
    await target.run(`DELETE FROM missing_changes AS b WHERE ${newerHere}`);
    await this.#append(changeEntries(connection, "missing_changes"), () => undefined);
    await target.run(`CREATE TEMP TABLE missing_readings AS ${missingReadings}`);
    await this.#append(changeEntries(connection, "missing_readings"), () => undefined);
    for (const from of ["missing_changes", "missing_readings"]) {
      for (const [name, count] of await target.run(`SELECT "table", count(*) FROM ${from} GROUP BY ALL`)) {
        this.#count(String(name), Number(count));
      }
    }
    this.#progress(this.#rowsTotal);
  }

  /** A few megabytes at a time, all of it durable before more is read. */
  async #append(entries: AsyncIterable<ImportEntry>, done: (items: number) => void): Promise<void> {
    const { door, signal } = this.#options;
    let batch: ImportEntry[] = [];
    let bytes = 0;
    let items = 0;
    const flush = async (): Promise<void> => {
      signal?.throwIfAborted();
      if (batch.length === 0) return;
      await door.append(batch);
      done(items);
      this.#progress(this.#rowsDone + items);
      batch = [];
      bytes = 0;
      items = 0;
    };
    for await (const entry of entries) {
      if (this.#pricesDiffer(entry)) {
        await flush();
        await this.#usePrices(entry);
      }
      if (bytes > 0 && bytes + entry.payload.length > IMPORT_BATCH_BYTES) await flush();
      batch.push(entry);
      bytes += entry.payload.length;
      items += entry.itemCount;
    }
    await flush();
  }

  #pricesDiffer({ priceVersion }: ImportEntry): boolean {
    return priceVersion !== undefined && priceVersion !== this.#priceVersion;
  }

  /** Calls keep the cost that they had: each is priced by the table that priced it then. */
  async #usePrices({ priceVersion }: ImportEntry): Promise<void> {
    const { door } = this.#options;
    const table = this.#prices.get(priceVersion ?? "");
    this.#priceVersion = priceVersion;
    if (door.usePrices === undefined || table === undefined) return;
    await door.settle();
    door.usePrices(table);
  }

  #count(table: string, rows: number): void {
    this.#imported.set(table, (this.#imported.get(table) ?? 0) + rows);
  }

  #progress(done: number): void {
    this.#rowsDone = Math.min(done, this.#rowsTotal);
    this.#options.onProgress?.(this.#rowsDone, this.#rowsTotal);
  }
}
