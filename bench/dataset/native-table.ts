import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { sqlString } from "../../store/views/sql-text.js";

/** The same rows as a table in a DuckDB file, made once: what the same engine does with its own format. */
export async function openNativeTable(dataDir: string): Promise<string> {
  const path = join(dataDir, "native.duckdb");
  if (existsSync(path)) return path;
  const building = `${path}.building`;
  rmSync(building, { force: true });
  const { mirror } = dataDirPaths(dataDir);
  const files = readCatalog(mirror).files.filter(({ table }) => table === "spans");
  const list = files.map((file) => sqlString(join(mirror, file.path))).join(", ");
  const instance = await DuckDBInstance.create(building, { threads: "2", memory_limit: "4GB" });
  const connection = await instance.connect();
  await connection.run(
    `CREATE TABLE spans AS SELECT * FROM read_parquet([${list}], union_by_name = true, hive_partitioning = false) ORDER BY start_time`,
  );
  await connection.run("CHECKPOINT");
  connection.closeSync();
  instance.closeSync();
  renameSync(building, path);
  return path;
}
