import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import { dataDirPaths } from "../data-dir.js";
import { openEngine } from "../seal/table-writer.js";
import { sqlString } from "../views/sql-text.js";

/** A DuckDB over files that are no part of the mirror. */
export interface FileEngine {
  /** Every row of a Parquet file as one JSON object, a few at a time. Throws CF_IMPORT_FILE_INVALID for what is no such file. */
  rows(path: string): AsyncGenerator<readonly string[]>;
  /** Runs a statement. Throws CF_QUERY_FAILED. */
  run(sql: string): Promise<void>;
  close(): void;
}

/** Opens one that spills below the data directory. */
export async function openFileEngine(dataDir: string): Promise<FileEngine> {
  const folder = join(dataDirPaths(dataDir).temp, `files-${process.pid}-${Date.now().toString(36)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const instance = await openEngine(folder);
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const failed = (what: string, error: unknown): CounterfoilError =>
    new CounterfoilError("CF_QUERY_FAILED", `${what}: ${errorMessage(error).slice(0, 500)}.`, {
      cause: error,
    });
  return {
    async *rows(path) {
      try {
        const sql = `SELECT CAST(to_json(r) AS VARCHAR) FROM read_parquet(${sqlString(path)}, hive_partitioning = false) AS r`;
        const result = await connection.stream(sql);
        for (let chunk = await result.fetchChunk(); chunk !== null && chunk.rowCount > 0;) {
          yield chunk.getRows().flatMap(([text]) => (typeof text === "string" ? [text] : []));
          chunk = await result.fetchChunk();
        }
      } catch (error) {
        if (error instanceof CounterfoilError) throw error;
        // Behind it DuckDB shows the statement, which the user did not write.
        const [why = ""] = errorMessage(error).slice(0, 500).split("\n\nLINE ");
        throw new CounterfoilError("CF_IMPORT_FILE_INVALID", `Can't import ${path}: ${why.trim()}.`, {
          cause: error,
        });
      }
    },
    async run(sql) {
      try {
        await connection.run(sql);
      } catch (error) {
        throw failed("Can't write Parquet", error);
      }
    },
    close() {
      connection.closeSync();
      instance.closeSync();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
