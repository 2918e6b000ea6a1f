import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { openJournalReader, zeroCounts } from "../../journal/index.js";
import {
  errorMessage,
  FORMAT_VERSION,
  LOG_CONTENT_TABLE,
  RULE_SET_VERSION,
  SEAL_BYTES,
  SEAL_ROWS,
} from "../../schema/index.js";
import { duckdb } from "../duckdb.js";
import { answerOneRequest } from "../child-main.js";
import { columnListSql, daySql, eventTimeSql } from "../compaction/compaction-sql.js";
import {
  columnsIn,
  type Output,
  rowsOf,
  unreadable,
  writeOutput,
  ZSTD_LEVEL,
} from "../compaction/parquet-output.js";
import { makeJobSpans } from "../log-content/log-content-job.js";
import { contentRows, logsInReach } from "../log-content/log-content-sql.js";
import { readLogsAgain } from "../rewrite/read-logs-again.js";
import { Sealer } from "../seal/sealer.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import type { RebuildAnswer, RebuildRequest } from "./rebuild-types.js";
import { dropLosersSql, supersededSql, wantedTableSql } from "./rebuild-sql.js";

/**
 * The process that makes the rows of damaged files anew. Like compaction it only adds files, synced and renamed into
 * place, under names that depend on the damaged ones; nothing is visible before the parent commits them.
 */

const READ_BYTES = 4 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** Rebuilt rows are in the sealer's layout; compaction gives them its own. */
const LAYOUT = { formatVersion: FORMAT_VERSION, part: 0, zstdLevel: ZSTD_LEVEL } as const;

type Range = readonly [from: number, to: number];

/** Parts of the range that the journal does not have (any more). */
function missingIn(dir: string, from: number, to: number): Range[] {
  const missing: Range[] = [];
  const reader = openJournalReader({ dir, afterSeq: from - 1 });
  let last = from - 1;
  try {
    while (last < to) {
      const batch = reader.read({ maxBytes: READ_BYTES, upToSeq: to });
      missing.push(...batch.gaps.map(({ fromSeq, toSeq }): Range => [fromSeq, toSeq]));
      if (batch.lastSeq === last) return [...missing, [last + 1, to]];
      last = batch.lastSeq;
    }
    return missing;
  } finally {
    reader.close();
  }
}

/** Seals a part of the journal once more, below the working folder; gives the files of one table. */
async function sealAgain(request: RebuildRequest, from: number, to: number): Promise<FileEntry[]> {
  const { journalDir, pricesDir, table, workDir } = request;
  const mirrorDir = join(workDir, "sealed");
  const { sealer } = await Sealer.open({
    journalDir,
    mirrorDir,
    outDir: mirrorDir,
    tempDir: join(workDir, "seal"),
    deadLetterDir: join(workDir, "dead-letters"),
    pricesDir,
  });
  const files: FileEntry[] = [];
  try {
    let counts = zeroCounts();
    for (let afterSeq = from - 1; afterSeq < to;) {
      const order = { afterSeq, counts, upToSeq: to, rowsMax: SEAL_ROWS, bytesMax: SEAL_BYTES };
      const sealed = await sealer.seal(order, () => undefined);
      if (sealed.lastSeq === afterSeq) break;
      files.push(...sealed.files.filter((file) => file.table === table));
      afterSeq = sealed.lastSeq;
      counts = sealed.counts;
    }
  } finally {
    sealer.close();
  }
  return files.map((file) => ({ ...file, path: join(mirrorDir, file.path) }));
}

async function openEngine(request: RebuildRequest): Promise<DuckDBConnection> {
  const spill = join(request.workDir, "spill");
  mkdirSync(spill, { recursive: true, mode: 0o700 });
  const instance = await duckdb().DuckDBInstance.create(":memory:", {
    memory_limit: `${request.memoryMb}MiB`,
    threads: "1",
    temp_directory: spill,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  return await instance.connect();
}

/** Writes the wanted rows: one file where the damaged ones lay, or one for each day when compaction had placed them. */
async function writeWanted(
  connection: DuckDBConnection,
  request: RebuildRequest,
  rebuilt: string,
): Promise<FileEntry[]> {
  const { damaged, rowGroupRows, table } = request;
  const placed = damaged.every(({ level }) => level > 0);
  const day = placed ? daySql(table) : "0";
  const time = `epoch_ns(${eventTimeSql(table)})`;
  const source = `${rebuilt} AS r SEMI JOIN wanted USING (seq, seq_index)`;
  const groups = await rowsOf(
    connection,
    `SELECT ${day} AS day, min(${time}) AS min_time, max(${time}) AS max_time FROM ${source} GROUP BY 1 ORDER BY 1`,
  );
  const columns = columnListSql(table, await columnsIn(connection, rebuilt));
  const added: FileEntry[] = [];
  for (const group of groups) {
    const output: Output = {
      table,
      folder: placed
        ? `date=${new Date(Number(group["day"]) * DAY_MS).toISOString().slice(0, 10)}`
        : (damaged[0]?.path.split("/")[1] ?? ""),
      level: placed ? 1 : 0,
      ...LAYOUT,
      rowGroupRows,
      ...(table === "spans" ? { ruleSetVersion: RULE_SET_VERSION } : {}),
      inputs: damaged,
      minTimeUnixNano: group["min_time"]?.toString() ?? null,
      maxTimeUnixNano: group["max_time"]?.toString() ?? null,
    };
    const select = `SELECT ${columns} FROM ${source} WHERE ${day} = ${String(group["day"])} ORDER BY seq, seq_index`;
    const entry = await writeOutput(connection, select, output);
    if (entry !== undefined) added.push(entry);
  }
  return added;
}

/** What log records say of the rebuilt spans: it was in the rows that are lost, and is joined to the new ones again. */
async function logContentOf(
  connection: DuckDBConnection,
  { damaged, logs, pricesDir, rowGroupRows, workDir }: RebuildRequest,
  spans: readonly FileEntry[],
): Promise<FileEntry[]> {
  const broken = new Set(unreadable(logs));
  const near = logsInReach(logs, spans).filter((file) => !broken.has(file));
  if (near.length === 0 || spans.length === 0) return [];
  await makeJobSpans(connection, spans);
  const found = await readLogsAgain(connection, near, { folder: join(workDir, "logs"), pricesDir });
  if (found.length === 0) return [];
  const time = found.flatMap(({ minTimeUnixNano: min, maxTimeUnixNano: max }) => [min, max]);
  const known = time.every((at) => at !== null)
    ? time.map((at) => BigInt(at ?? 0)).sort((a, b) => (a < b ? -1 : 1))
    : [];
  const entry = await writeOutput(connection, `FROM ${contentRows(found)}`, {
    table: LOG_CONTENT_TABLE,
    folder: damaged[0]?.path.split("/")[1] ?? "",
    level: 1,
    ...LAYOUT,
    rowGroupRows,
    inputs: damaged,
    minTimeUnixNano: known[0]?.toString() ?? null,
    maxTimeUnixNano: known.at(-1)?.toString() ?? null,
  });
  return entry === undefined ? [] : [entry];
}

async function rebuildSuperseded(
  request: RebuildRequest,
  listed: readonly FileEntry[],
): Promise<FileEntry[]> {
  if (listed.length === 0) return [];
  const { damaged, rowGroupRows } = request;
  const output: Output = {
    table: SUPERSEDED_TABLE,
    folder: damaged[0]?.path.split("/")[1] ?? "",
    level: 0,
    ...LAYOUT,
    rowGroupRows,
    inputs: damaged,
    minTimeUnixNano: null,
    maxTimeUnixNano: null,
  };
  const entry = await writeOutput(await openEngine(request), supersededSql(listed), output);
  return entry === undefined ? [] : [entry];
}

async function rebuild(request: RebuildRequest): Promise<RebuildAnswer> {
  process.chdir(request.mirrorDir);
  const broken = new Set(unreadable(request.listed));
  const listed = request.listed.filter((file) => !broken.has(file));
  if (request.table === SUPERSEDED_TABLE) {
    const add = await rebuildSuperseded(request, listed);
    const rows = add.reduce((sum, file) => sum + file.rows, 0);
    return { ok: true, add, rows, losers: 0, missing: [] };
  }
  const { journalDir, table } = request;
  // Where these lie says nothing of the times of their rows.
  const damaged =
    table === LOG_CONTENT_TABLE ? request.damaged.map((file) => ({ ...file, level: 0 })) : request.damaged;
  const from = Math.min(...damaged.map(({ firstSeq }) => firstSeq));
  const to = Math.max(...damaged.map(({ lastSeq }) => lastSeq));
  const missing = missingIn(journalDir, from, to);
  const files = await sealAgain(request, from, to);
  if (files.length === 0) return { ok: true, add: [], rows: 0, losers: 0, missing };
  const connection = await openEngine(request);
  const rebuilt = readFiles(files);
  await connection.run(wantedTableSql(table, rebuilt, { damaged, listed }));
  const wantedRows = async (): Promise<number> =>
    Number((await rowsOf(connection, "SELECT count(*) AS rows FROM wanted"))[0]?.["rows"]);
  const before = await wantedRows();
  if (table === "spans") await connection.run(dropLosersSql(listed));
  const rows = await wantedRows();
  const add = rows === 0 ? [] : await writeWanted(connection, { ...request, damaged }, rebuilt);
  const written = add.reduce((sum, file) => sum + file.rows, 0);
  if (written === rows && table === "spans") add.push(...(await logContentOf(connection, request, add)));
  if (written !== rows) throw new Error(`${written} rows were written instead of ${rows}`);
  return { ok: true, add, rows, losers: before - rows, missing };
}

answerOneRequest<RebuildRequest, RebuildAnswer>(10, (request) =>
  rebuild(request).catch((error: unknown) => ({ ok: false, message: errorMessage(error) })),
);
