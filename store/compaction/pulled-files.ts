import type { DuckDBConnection } from "@duckdb/node-api";
import { hasContentSql } from "../log-content/log-content-job.js";
import { filesInReach } from "../log-content/log-content-sql.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import { hasHiddenCalls } from "../views/trace-usage.js";
import { loserSql, otherCompacted, unmarkedWinnersSql, winnersTableSql } from "./compaction-sql.js";
import type { CompactionJob } from "./compaction-types.js";
import { rowsOf } from "./parquet-output.js";

/** Those of the files with a row for which the condition on `s` holds. It should need only their id columns. */
async function filesWith(
  connection: DuckDBConnection,
  files: readonly FileEntry[],
  condition: string,
): Promise<FileEntry[]> {
  if (files.length === 0) return [];
  const found = await rowsOf(
    connection,
    `SELECT DISTINCT filename FROM ${readFiles(files, ", filename = true")} AS s WHERE ${condition}`,
  );
  const paths = new Set(found.map(({ filename }) => String(filename)));
  return files.filter(({ path }) => paths.has(path));
}

/** Settled files with traces that they took for whole, of which the inputs have further calls. */
async function filesWithHiddenCalls(
  connection: DuckDBConnection,
  { inputs, settled }: CompactionJob,
): Promise<FileEntry[]> {
  const others = otherCompacted(settled, inputs);
  if (inputs.length === 0 || others.length === 0) return [];
  return await filesWith(connection, others, hasHiddenCalls(others, readFiles(inputs)));
}

/**
 * Makes the tables `marked` (what `superseded` says) and `winners` (that, and spans that are twice among the inputs).
 * Returns the settled files that must be rewritten, too: with rows that lost, spans that log records tell of, or calls
 * that those of the inputs may repeat.
 */
export async function findLosers(connection: DuckDBConnection, job: CompactionJob): Promise<FileEntry[]> {
  await connection.run(winnersTableSql(job.superseded));
  await connection.run("CREATE TEMP TABLE marked AS FROM winners");
  const { content, settled, superseded } = job;
  const losing = superseded.length === 0 ? [] : await filesWith(connection, settled, loserSql("s"));
  const told =
    content.length === 0
      ? []
      : await filesWith(connection, filesInReach(settled, content), hasContentSql("s", content));
  const doubted = await filesWithHiddenCalls(connection, job);
  const pulled = [...new Set([...losing, ...told, ...doubted])];
  const inputs = [...pulled, ...job.inputs];
  if (inputs.length > 0) await connection.run(unmarkedWinnersSql(inputs));
  return pulled;
}
