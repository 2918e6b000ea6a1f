import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { COLUMNS_VERSION, FORMAT_VERSION, SPAN_COLUMNS } from "../../schema/index.js";
import { dataDirPaths, openCatalog } from "../../store/index.js";

/** Values of some columns of `spans`, in DuckDB's text form; the rest is null. */
export type SpanValues = Readonly<Record<string, string | number | null>>;

/** An empty folder for a test. */
export function tempFolder(): string {
  return mkdtempSync(join(tmpdir(), "counterfoil-cli-"));
}

/**
 * Adds spans to the mirror of a data directory as one committed file, without a collector: what the command line reads
 * is the manifest and the Parquet files.
 */
export async function addSpans(dataDir: string, seq: number, spans: readonly SpanValues[]): Promise<void> {
  const { mirror } = dataDirPaths(dataDir);
  const path = `spans/date=2026-11-23/0-${seq}-${seq}.parquet`;
  mkdirSync(mirror, { recursive: true });
  const catalog = await openCatalog({ mirrorDir: mirror });
  mkdirSync(join(mirror, "spans/date=2026-11-23"), { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  const columns = SPAN_COLUMNS.map(({ name, type }) => `"${name}" ${type}`).join(", ");
  await connection.run(`CREATE TABLE spans (${columns})`);
  for (const [index, span] of spans.entries()) {
    const row: SpanValues = { seq, seq_index: index, source: "otlp", ...span };
    const names = Object.keys(row);
    await connection.run(
      `INSERT INTO spans (${names.join(", ")}) VALUES (${names.map((_, at) => `$${at + 1}`).join(", ")})`,
      Object.values(row),
    );
  }
  await connection.run(`COPY spans TO '${join(mirror, path)}' (FORMAT parquet, COMPRESSION zstd)`);
  connection.closeSync();
  instance.closeSync();
  await catalog.commit({
    add: [
      {
        table: "spans",
        path,
        level: 0,
        rows: spans.length,
        bytes: statSync(join(mirror, path)).size,
        sha256: createHash("sha256")
          .update(readFileSync(join(mirror, path)))
          .digest("hex"),
        minTimeUnixNano: null,
        maxTimeUnixNano: null,
        firstSeq: seq,
        lastSeq: seq,
        formatVersion: FORMAT_VERSION,
        columnsVersion: COLUMNS_VERSION,
      },
    ],
    remove: [],
    sealedSeq: seq,
    sealedCounts: { traces: seq * spans.length, logs: 0, metrics: 0, records: 0 },
  });
  await catalog.close();
}
