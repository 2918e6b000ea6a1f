import { rmSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { FileEntry } from "../../store/index.js";
import { sqlString } from "../../store/views/sql-text.js";

const ROWS_MAX = 200_000;

/**
 * Rows a second that DuckDB alone moves from Parquet into Parquet on `threads` threads, with the mirror's own columns
 * and rows: what writing the columns costs once they exist.
 */
export async function measureParquetFloor(
  mirrorDir: string,
  files: readonly FileEntry[],
  threads: number,
): Promise<number> {
  const chosen: FileEntry[] = [];
  let rows = 0;
  for (const file of files) {
    if (rows >= ROWS_MAX) break;
    chosen.push(file);
    rows += file.rows;
  }
  const target = join(mirrorDir, "..", "parquet-floor.parquet");
  const instance = await DuckDBInstance.create(":memory:", { threads: String(threads), memory_limit: "2GB" });
  const connection = await instance.connect();
  try {
    const list = chosen.map((file) => sqlString(join(mirrorDir, file.path))).join(", ");
    const started = performance.now();
    await connection.run(
      `COPY (SELECT * FROM read_parquet([${list}], union_by_name = true, hive_partitioning = false))
       TO ${sqlString(target)} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 20480)`,
    );
    return rows / ((performance.now() - started) / 1000);
  } finally {
    connection.closeSync();
    instance.closeSync();
    rmSync(target, { force: true });
  }
}
