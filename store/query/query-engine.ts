import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { CatalogSnapshot } from "../types.js";
import { duckdb } from "../duckdb.js";
import { KEEP_FOOTERS, snapshotSources, viewStatements } from "../views/open-sql.js";
import { sqlString } from "../views/sql-text.js";
import type { ChildRequest } from "./query-types.js";

/**
 * An engine with the mirror's views that can read the snapshot's files, write `<workDir>/result` and spill below
 * `workDir`, and nothing else; no statement can change that. The process's working folder must be the mirror. `wanted` tells which
 * views are made.
 */
export async function openEngine(
  request: Pick<ChildRequest, "workDir" | "memoryMb" | "threads">,
  snapshot: CatalogSnapshot,
  wanted?: (view: string) => boolean,
): Promise<DuckDBConnection> {
  const spill = join(request.workDir, "spill");
  mkdirSync(spill, { recursive: true, mode: 0o700 });
  const instance = await duckdb().DuckDBInstance.create(":memory:", {
    memory_limit: `${request.memoryMb}MiB`,
    threads: String(request.threads),
    temp_directory: spill,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    allow_community_extensions: "false",
  });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(KEEP_FOOTERS);
  for (const statement of viewStatements(snapshotSources(snapshot), wanted)) await connection.run(statement);
  const allowed = [...snapshot.files.map(({ path }) => path), join(request.workDir, "result")];
  await connection.run(`SET allowed_paths = [${allowed.map(sqlString).join(", ")}]`);
  await connection.run("SET enable_external_access = false");
  await connection.run("SET lock_configuration = true");
  return connection;
}
