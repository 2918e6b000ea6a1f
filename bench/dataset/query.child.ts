import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { errorMessage } from "../../schema/index.js";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { openEngine } from "../../store/query/query-engine.js";
import type { QueryAnswer, QueryOrder } from "./query-order.js";

/**
 * A process that runs queries over a mirror in the product's own query engine, or over a native DuckDB file, and says
 * how long each took.
 */
const order = JSON.parse(process.argv[2] ?? "{}") as QueryOrder;

async function open(workDir: string): Promise<DuckDBConnection> {
  if (order.nativeFile !== undefined) {
    const config = { threads: String(order.threads), access_mode: "READ_ONLY" };
    return await (await DuckDBInstance.create(order.nativeFile, config)).connect();
  }
  const { mirror } = dataDirPaths(order.dataDir);
  const snapshot = readCatalog(mirror);
  process.chdir(mirror);
  return await openEngine({ workDir, memoryMb: order.memoryMb, threads: order.threads }, snapshot);
}

async function answer(workDir: string): Promise<QueryAnswer[]> {
  const connection = await open(workDir);
  const answers: QueryAnswer[] = [];
  for (const { id, statements } of order.queries) {
    const times: number[] = [];
    let rows = 0;
    for (let run = 0; run < order.warmups + order.runs; run++) {
      const started = performance.now();
      const reader = await connection.runAndReadAll(statements[run % statements.length] ?? "");
      if (run >= order.warmups) times.push(performance.now() - started);
      rows = reader.currentRowCount;
    }
    answers.push({ id, times, rows });
  }
  return answers;
}

const workDir = mkdtempSync(join(tmpdir(), "counterfoil-bench-query-"));
try {
  process.send?.({ answers: await answer(workDir) });
} catch (error) {
  process.send?.({ error: errorMessage(error) });
} finally {
  rmSync(workDir, { recursive: true, force: true });
  process.disconnect();
}
