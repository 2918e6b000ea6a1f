import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { afterAll } from "vitest";
import {
  COLUMNS_VERSION,
  FORMAT_VERSION,
  RECORD_TABLE_COLUMNS,
  TABLE_COLUMNS,
  type Column,
  LOG_CONTENT_COLUMNS,
} from "../../schema/index.js";
import type { FileEntry } from "../../store/index.js";
import { SUPERSEDED_COLUMNS } from "../../store/superseded.js";

/** A value of a hand-made row: text is cast to the column's type by DuckDB. */
export type Row = Readonly<Record<string, string | number | bigint | boolean | null>>;

/** Columns of every table of the mirror. */
export const ALL_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  ...TABLE_COLUMNS,
  ...RECORD_TABLE_COLUMNS,
  superseded: SUPERSEDED_COLUMNS,
  log_content: LOG_CONTENT_COLUMNS,
};

let connection: Promise<DuckDBConnection> | undefined;

/** One in-memory DuckDB of the test file. */
export function duck(): Promise<DuckDBConnection> {
  connection ??= DuckDBInstance.create(":memory:", { threads: "1" }).then((instance) => instance.connect());
  return connection;
}

const folders: string[] = [];

/** A new folder that goes away after the test file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "counterfoil-store-"));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

function literal(value: Row[string] | undefined, column: Column): string {
  if (value === null || value === undefined) return `CAST(NULL AS ${column.type})`;
  const text = typeof value === "string" ? `'${value.replaceAll("'", "''")}'` : String(value);
  return `CAST(${text} AS ${column.type})`;
}

/** The manifest's entry of a file that is already on disk. */
export function entryOf(mirrorDir: string, path: string, given: Partial<FileEntry> = {}): FileEntry {
  const bytes = readFileSync(join(mirrorDir, path));
  const [, level, firstSeq, lastSeq] = /(\d+)-(\d+)-(\d+)[^/]*\.parquet$/.exec(path) ?? [];
  return {
    table: path.slice(0, path.indexOf("/")),
    path,
    level: Number(level ?? 0),
    rows: 0,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    minTimeUnixNano: null,
    maxTimeUnixNano: null,
    firstSeq: Number(firstSeq ?? 0),
    lastSeq: Number(lastSeq ?? 0),
    formatVersion: FORMAT_VERSION,
    columnsVersion: COLUMNS_VERSION,
    ...given,
  };
}

/** Writes a Parquet file of `rows` (columns left out are null) and returns its manifest entry. */
export async function writeRows(
  mirrorDir: string,
  path: string,
  rows: readonly Row[],
  given: Partial<FileEntry> = {},
): Promise<FileEntry> {
  const table = path.slice(0, path.indexOf("/"));
  const columns = ALL_COLUMNS[table] ?? [];
  const names = columns.map(({ name }) => `"${name}"`).join(", ");
  const values = rows.map(
    (row) => `(${columns.map((column) => literal(row[column.name], column)).join(", ")})`,
  );
  mkdirSync(dirname(join(mirrorDir, path)), { recursive: true });
  await (
    await duck()
  ).run(
    `COPY (SELECT * FROM (VALUES ${values.join(",\n")}) AS t(${names})) TO '${join(mirrorDir, path)}' (FORMAT parquet, COMPRESSION zstd)`,
  );
  return entryOf(mirrorDir, path, { rows: rows.length, ...given });
}
