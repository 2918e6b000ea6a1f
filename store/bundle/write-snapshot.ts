import { chmodSync, existsSync } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import { syncFolder } from "../seal/durable-folder.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";
import { EstateReader } from "./estate-reader.js";

/** What {@link writeSnapshot} wrote. */
export interface SnapshotReport {
  readonly tables: readonly { readonly name: string; readonly rows: number }[];
  readonly bytes: number;
}

/**
 * Writes every view of the mirror as a table of one DuckDB database file, for tools that open such a file. It is a copy of
 * one moment; the mirror stays the truth. Throws CF_USAGE when the file is there already, CF_NOT_FOUND without a mirror,
 * CF_QUERY_FAILED for a damaged file, CF_DATA_DIR_IO when it can't be written.
 */
export async function writeSnapshot(options: {
  readonly dataDir: string;
  readonly out: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}): Promise<SnapshotReport> {
  const out = resolve(options.out);
  if (existsSync(out)) {
    throw new CounterfoilError("CF_USAGE", `${options.out} is there already. Name a file that is not.`);
  }
  // DuckDB makes files by the umask; they hold what people said. Nobody else gets into this folder.
  const folder = join(dirname(out), `.${basename(out)}.${process.pid}.tmp`);
  const temporary = join(folder, "snapshot.duckdb");
  const reader = await EstateReader.open(options.dataDir, { everyView: true });
  try {
    const views = await reader.run(
      "SELECT view_name FROM duckdb_views() WHERE temporary AND NOT internal ORDER BY 1",
    );
    await mkdir(folder, { mode: 0o700 });
    await reader.write(`ATTACH ${sqlString(temporary)} AS out_file`, folder);
    const tables: { name: string; rows: number }[] = [];
    for (const [index, [view]] of views.entries()) {
      options.signal?.throwIfAborted();
      const name = String(view);
      const [made] = await reader.write(
        `CREATE TABLE out_file.${sqlIdentifier(name)} AS SELECT * FROM ${sqlIdentifier(name)}`,
        folder,
      );
      tables.push({ name, rows: Number(made?.[0] ?? 0) });
      options.onProgress?.(index + 1, views.length);
    }
    await reader.write("DETACH out_file", folder);
    chmodSync(temporary, 0o600);
    await syncFile(temporary);
    await rename(temporary, out);
    syncFolder(dirname(out));
    return { tables, bytes: (await stat(out)).size };
  } catch (error) {
    if (error instanceof CounterfoilError || options.signal?.aborted === true) throw error;
    const message = `Can't write ${options.out}: ${errorMessage(error)}`;
    throw new CounterfoilError("CF_DATA_DIR_IO", message, { cause: error });
  } finally {
    reader.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
