import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { isTelemetryTable } from "../../schema/index.js";
import { importedPriceTable } from "../prices/effective-prices.js";
import { openEngine } from "../seal/table-writer.js";
import { changesOf } from "./change-rows.js";
import { changeEntries, telemetryEntries } from "./entries.js";
import {
  BundleReader,
  unreadable,
  type VerifiedBundle,
  verifyBundle,
  type VerifyOptions,
} from "./read-bundle.js";

/**
 * Checks a bundle to the last row, before anything is written anywhere: version, checksums, columns, counts, and that each
 * row can be had back as what it was. Throws CF_NOT_FOUND, CF_BUNDLE_INVALID or CF_BUNDLE_VERSION.
 */
export async function checkBundle(folder: string, options: VerifyOptions = {}): Promise<VerifiedBundle> {
  const bundle = await verifyBundle(folder, options);
  for (const { path } of bundle.manifest.price_tables) {
    importedPriceTable(await readFile(join(bundle.folder, path), "utf8"));
  }
  const work = await mkdtemp(join(tmpdir(), "counterfoil-bundle-"));
  const instance = await openEngine(work);
  const connection = await instance.connect();
  try {
    const reader = new BundleReader(bundle, connection);
    for (const table of bundle.manifest.tables) {
      for (const part of table.files) {
        options.signal?.throwIfAborted();
        await reader.checkShape(table, part);
        try {
          await readAll(connection, table.name, reader.relation(table, part));
        } catch (error) {
          throw unreadable(part, error);
        }
      }
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(work, { recursive: true, force: true });
  }
  return bundle;
}

async function readAll(connection: DuckDBConnection, table: string, relation: string): Promise<void> {
  const entries = isTelemetryTable(table)
    ? telemetryEntries(connection, table, relation)
    : changeEntries(connection, `(${changesOf(table, relation)})`);
  let items = 0;
  for await (const { itemCount } of entries) items += itemCount;
  if (!Number.isSafeInteger(items)) throw new Error("too many rows");
}
