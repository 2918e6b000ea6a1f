import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { snapshotSources, viewStatements } from "../../store/views/open-sql.js";
import { sqlString } from "../../store/views/sql-text.js";

/** The same rows as a table in a DuckDB file, made once: what the same engine does with its own format. */
export async function openNativeTable(dataDir: string): Promise<string> {
  const path = join(dataDir, "native.duckdb");
  if (existsSync(path)) return path;
  const building = `${path}.building`;
  rmSync(building, { force: true });
  const { mirror } = dataDirPaths(dataDir);
  const instance = await DuckDBInstance.create(":memory:", { threads: "2", memory_limit: "4GB" });
  const connection = await instance.connect();
  // Through the view: compacted files keep texts apart from the columns that people ask for.
  for (const statement of viewStatements(snapshotSources(readCatalog(mirror), mirror))) {
    await connection.run(statement);
  }
  await connection.run(`ATTACH ${sqlString(building)} AS native`);
  await connection.run("CREATE TABLE native.spans AS SELECT * FROM spans ORDER BY start_time");
  await connection.run("DETACH native");
  connection.closeSync();
  instance.closeSync();
  renameSync(building, path);
  return path;
}
