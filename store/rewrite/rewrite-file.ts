import { createHash } from "node:crypto";
import { chmodSync, closeSync, fsyncSync, openSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { readThrough } from "../bundle/read-through.js";
import { syncFolder } from "../seal/durable-folder.js";
import type { FileEntry } from "../types.js";
import { sqlString } from "../views/sql-text.js";

const ROW_GROUP_ROWS_MIN = 2_048;

/** Which rows of a file to keep. */
export interface RowsToKeep {
  /** SQL condition over a row of the file; null counts as false. */
  readonly keep: string;
  /** What it is done for, which goes into the new name: the same again has the same name. */
  readonly purpose: string;
}

/**
 * Writes a file of the mirror anew with some of its rows: same columns, same order, same place in the journal and in time.
 * The new file is synced under its name, and nobody lists it yet.
 */
export async function rewriteFile(
  connection: DuckDBConnection,
  { mirrorDir, file }: { readonly mirrorDir: string; readonly file: FileEntry },
  { keep, purpose }: RowsToKeep,
): Promise<FileEntry> {
  const rowsOf = async (sql: string) => (await connection.runAndReadAll(sql)).getRows();
  const source = sqlString(join(mirrorDir, file.path));
  const [groups] = await rowsOf(`SELECT max(row_group_num_rows) FROM parquet_metadata(${source})`);
  const name = createHash("sha256")
    .update(`${purpose}\0${file.path}\0${file.sha256}`)
    .digest("hex")
    .slice(0, 8);
  const path = `${dirname(file.path)}/${file.level}-${file.firstSeq}-${file.lastSeq}-${name}.parquet`;
  const target = join(mirrorDir, path);
  const temporary = `${target}.tmp`;
  const options = [
    "FORMAT parquet",
    "COMPRESSION zstd",
    `ROW_GROUP_SIZE ${Math.max(ROW_GROUP_ROWS_MIN, Number(groups?.[0] ?? 0))}`,
    `KV_METADATA {counterfoil_format_version: '${file.formatVersion}', counterfoil_table: '${file.table}'}`,
  ];
  const [copied] = await rowsOf(
    `COPY (SELECT * FROM read_parquet(${source}, hive_partitioning = false) WHERE coalesce(${keep}, false))
TO ${sqlString(temporary)} (${options.join(", ")})`,
  );
  sealFile(temporary, target);
  const { sha256 } = await readThrough(target);
  return { ...file, path, rows: Number(copied?.[0]), bytes: statSync(target).size, sha256 };
}

function sealFile(temporary: string, target: string): void {
  chmodSync(temporary, 0o600);
  const file = openSync(temporary, "r+");
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, target);
  syncFolder(dirname(target));
}
