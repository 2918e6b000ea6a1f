import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { sqlString } from "../../store/views/sql-text.js";
import { command, freePort, startProgram, stopProgram, waitForHttp, type Peer } from "./peer.js";

const VERSION = "0.12.0";
const START_TIMEOUT_MS = 30_000;

async function countRows(folder: string): Promise<number> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    const files = sqlString(join(folder, "**", "*.parquet"));
    const result = await connection.runAndReadAll(
      `SELECT count(*) FROM read_parquet(${files}, union_by_name = true)`,
    );
    return Number(result.getRows()[0]?.[0] ?? 0);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** otlp2parquet, in Rust. */
export const otlp2parquet: Peer = {
  name: "otlp2parquet",
  version: VERSION,
  folder: "otlp2parquet",
  durable: "nothing: batches wait in memory until a file is written",
  keeps:
    "uncompressed Parquet in the ClickHouse exporter's columns; no GenAI columns, manifest or compaction",
  async install(folder) {
    if (existsSync(join(folder, "bin", "otlp2parquet"))) return;
    mkdirSync(folder, { recursive: true });
    await command("cargo", ["install", "otlp2parquet", "--version", VERSION, "--locked", "--root", folder], {
      cwd: folder,
    });
  },
  async start(folder, dataDir) {
    const port = await freePort();
    const output = join(dataDir, "parquet");
    mkdirSync(output);
    const args = ["--port", String(port), "--output", output, "--log-level", "warn"];
    const child = startProgram(join(folder, "bin", "otlp2parquet"), args, { cwd: dataDir });
    await waitForHttp(child, `http://127.0.0.1:${port}/health`, START_TIMEOUT_MS, dataDir);
    return {
      pid: child.pid ?? 0,
      target: { port, protocol: "http", path: "/v1/traces" },
      stored: () => countRows(output),
      stop: () => stopProgram(child),
    };
  },
};
