import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { errorMessage } from "../../schema/index.js";
import { answerOneRequest } from "../child-main.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { FileEntry } from "../types.js";
import {
  columnListSql,
  daySql,
  eventTimeSql,
  loserSql,
  readSql,
  unmarkedWinnersSql,
  winnersTableSql,
} from "./compaction-sql.js";
import type { CompactionAnswer, CompactionJob, CompactionRequest } from "./compaction-types.js";
import { columnsIn, damagedOf, type Output, rowsOf, unreadable, writeOutput } from "./parquet-output.js";

/**
 * The process that rewrites files of the mirror. It only ever makes new files, synced and renamed into place; nothing
 * is visible before the parent commits them, so it may die at any point. Names depend on the inputs alone: doing a
 * job again overwrites what a dead process left.
 */

const DAY_MS = 86_400_000;

/** Settled files that hold rows which lost. Reads only the id columns of those files. */
async function settledWithLosers(connection: DuckDBConnection, job: CompactionJob): Promise<FileEntry[]> {
  if (job.settled.length === 0) return [];
  const found = await rowsOf(
    connection,
    `SELECT DISTINCT filename FROM ${readSql(job.settled, ", filename = true")} AS s WHERE ${loserSql("s")}`,
  );
  const paths = new Set(found.map(({ filename }) => String(filename)));
  return job.settled.filter(({ path }) => paths.has(path));
}

/**
 * Makes the tables `marked` (what `superseded` says) and `winners` (that, and spans that are twice among the inputs).
 * Returns the settled files that must be rewritten, too.
 */
async function findLosers(connection: DuckDBConnection, job: CompactionJob): Promise<FileEntry[]> {
  await connection.run(winnersTableSql(job.superseded));
  await connection.run("CREATE TEMP TABLE marked AS FROM winners");
  const pulled = job.superseded.length === 0 ? [] : await settledWithLosers(connection, job);
  await connection.run(unmarkedWinnersSql([...pulled, ...job.inputs]));
  return pulled;
}

/** One file for each event day among the inputs' rows that count. */
async function placeRows(
  connection: DuckDBConnection,
  job: CompactionJob,
  inputs: readonly FileEntry[],
  rowGroupRows: number,
): Promise<FileEntry[]> {
  const day = daySql(job.table);
  const time = `epoch_ns(${eventTimeSql(job.table)})`;
  const counting = job.table === "spans" ? `NOT ${loserSql("s")}` : "true";
  const source = `${readSql(inputs)} AS s`;
  const days = await rowsOf(
    connection,
    `SELECT ${day} AS day, count(*) AS rows, min(${time}) AS min_time, max(${time}) AS max_time
     FROM ${source} WHERE ${counting} GROUP BY 1 ORDER BY 1`,
  );
  const columns = columnListSql(job.table, await columnsIn(connection, readSql(inputs)));
  const added: FileEntry[] = [];
  for (const found of days) {
    const output: Output = {
      table: job.table,
      folder: `date=${new Date(Number(found["day"]) * DAY_MS).toISOString().slice(0, 10)}`,
      level: 1,
      inputs,
      minTimeUnixNano: found["min_time"]?.toString() ?? null,
      maxTimeUnixNano: found["max_time"]?.toString() ?? null,
    };
    const select = `SELECT ${columns} FROM ${source} WHERE ${counting} AND ${day} = ${String(found["day"])}`;
    const entry = await writeOutput(connection, select, output, rowGroupRows);
    if (entry?.rows !== Number(found["rows"])) {
      throw new Error(
        `${entry?.rows ?? 0} rows of ${job.table} were written instead of ${String(found["rows"])}`,
      );
    }
    added.push(entry);
  }
  return added;
}

/** Entries of `superseded` whose losing rows are in files that this job does not rewrite. */
async function keepSuperseded(
  connection: DuckDBConnection,
  job: CompactionJob,
  rowGroupRows: number,
): Promise<{ add: FileEntry[]; remove: string[] }> {
  const all = job.superseded.map(({ path }) => path);
  if (all.length === 0) return { add: [], remove: [] };
  if (job.untouched.length === 0 && !job.keepSuperseded) return { add: [], remove: all };
  const entries = `SELECT w.trace_id, w.span_id, w.winner.seq AS seq, w.winner.seq_index AS seq_index FROM marked AS w`;
  const still = job.keepSuperseded
    ? entries
    : `${entries} WHERE EXISTS (FROM ${readSql(job.untouched)} AS u WHERE u.trace_id = w.trace_id AND u.span_id = w.span_id
      AND (w.winner.seq <> u.seq OR w.winner.seq_index <> u.seq_index))`;
  const [counted] = await rowsOf(
    connection,
    `SELECT (SELECT count(*) FROM (${still})) AS kept, (SELECT count(*) FROM marked) AS marked`,
  );
  const kept = Number(counted?.["kept"]);
  if (kept === 0) return { add: [], remove: all };
  if (kept === Number(counted?.["marked"]) && all.length === 1) return { add: [], remove: [] };
  const folder = job.superseded.at(-1)?.path.split("/")[1] ?? "date=1970-01-01";
  const output: Output = {
    table: SUPERSEDED_TABLE,
    folder,
    level: 0,
    inputs: [...job.superseded, ...job.inputs],
    minTimeUnixNano: null,
    maxTimeUnixNano: null,
  };
  const entry = await writeOutput(connection, still, output, rowGroupRows);
  return { add: entry === undefined ? [] : [entry], remove: all };
}

async function openEngine(request: CompactionRequest): Promise<DuckDBConnection> {
  const spill = join(request.workDir, "spill");
  mkdirSync(spill, { recursive: true, mode: 0o700 });
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: `${request.memoryMb}MiB`,
    threads: "1",
    temp_directory: spill,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    preserve_insertion_order: "true",
  });
  return await instance.connect();
}

async function mergeFiles(
  connection: DuckDBConnection,
  job: CompactionJob,
  rowGroupRows: number,
): Promise<FileEntry> {
  const { inputs, table } = job;
  const times = (pick: "minTimeUnixNano" | "maxTimeUnixNano"): bigint[] =>
    inputs
      .flatMap((file) => (file[pick] === null ? [] : [BigInt(file[pick])]))
      .sort((a, b) => (a < b ? -1 : 1));
  const output: Output = {
    table,
    folder: inputs[0]?.path.split("/")[1] ?? "",
    level: 0,
    inputs,
    minTimeUnixNano: times("minTimeUnixNano")[0]?.toString() ?? null,
    maxTimeUnixNano: times("maxTimeUnixNano").at(-1)?.toString() ?? null,
  };
  const columns = columnListSql(table, await columnsIn(connection, readSql(inputs)));
  const entry = await writeOutput(
    connection,
    `SELECT ${columns} FROM ${readSql(inputs)}`,
    output,
    rowGroupRows,
  );
  const expected = inputs.reduce((sum, { rows }) => sum + rows, 0);
  if (entry?.rows !== expected)
    throw new Error(`${entry?.rows ?? 0} rows were written instead of ${expected}`);
  return entry;
}

async function compact(request: CompactionRequest): Promise<CompactionAnswer> {
  process.chdir(request.mirrorDir);
  const { job, rowGroupRows } = request;
  const damaged = [
    ...damagedOf([...job.inputs, ...job.superseded]),
    ...unreadable([...job.settled, ...job.untouched]).map(({ path }) => path),
  ];
  if (damaged.length > 0) return { ok: false, message: "files are damaged", damaged };
  const connection = await openEngine(request);
  const rowsOfFiles = (files: readonly FileEntry[]): number => files.reduce((sum, { rows }) => sum + rows, 0);
  if (job.kind === "merge") {
    const entry = await mergeFiles(connection, job, rowGroupRows);
    const remove = job.inputs.map(({ path }) => path);
    return { ok: true, add: [entry], remove, rowsIn: entry.rows, rowsOut: entry.rows };
  }
  const pulled = job.table === "spans" ? await findLosers(connection, job) : [];
  const broken = damagedOf(pulled);
  if (broken.length > 0) return { ok: false, message: "files are damaged", damaged: broken };
  const inputs = [...pulled, ...job.inputs];
  const add = await placeRows(connection, job, inputs, rowGroupRows);
  const superseded = await keepSuperseded(connection, job, rowGroupRows);
  return {
    ok: true,
    add: [...add, ...superseded.add],
    remove: [...inputs.map(({ path }) => path), ...superseded.remove],
    rowsIn: rowsOfFiles(inputs),
    rowsOut: rowsOfFiles(add),
  };
}

answerOneRequest<CompactionRequest, CompactionAnswer>(10, (request) =>
  compact(request).catch((error: unknown) => ({ ok: false, message: errorMessage(error), damaged: [] })),
);
