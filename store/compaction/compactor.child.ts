import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  COMPACTED_FORMAT_VERSION,
  errorMessage,
  FORMAT_VERSION,
  RULE_SET_VERSION,
  LOG_CONTENT_TABLE,
} from "../../schema/index.js";
import { duckdb } from "../duckdb.js";
import { answerOneRequest } from "../child-main.js";
import {
  type LogJoined,
  makeLogCarried,
  makeJobSpans,
  makeLogJoined,
  stillPendingSql,
  withCarriedContent,
  withLogContent,
} from "../log-content/log-content-job.js";
import { hasLogContentSql, mayHoldLogContent } from "../log-content/carried-content.js";
import type { LogJoinMode } from "../log-content/log-content-sql.js";
import { readLogsAgain } from "../rewrite/read-logs-again.js";
import type { ColumnChanges, CostChange } from "../rewrite/rewrite-types.js";
import { rewriteRows } from "../rewrite/rewrite-rows.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import { columnListSql, daySql, eventTimeSql, loserSql, otherCompacted } from "./compaction-sql.js";
import type { CompactionAnswer, CompactionJob, CompactionRequest } from "./compaction-types.js";
import { findLosers } from "./pulled-files.js";
import { rawSize, type RawSize, rowGroupRowsFor, sortableRows, worthSorting } from "./job-size.js";
import {
  columnsIn,
  damagedOf,
  type Output,
  type Rows,
  rowsOf,
  unreadable,
  writeOutput,
  ZSTD_LEVEL,
} from "./parquet-output.js";
import {
  chunksSql,
  compactedSelect,
  filesWithParentsSql,
  foundTableSql,
  inputRows,
  partsTableSql,
  totalsTableSql,
} from "./spans-layout.js";

/**
 * The process that rewrites files of the mirror. It only ever makes new files, synced and renamed into place; nothing
 * is visible before the parent commits them, so it may die at any point. Names depend on the inputs alone: doing a
 * job again overwrites what a dead process left.
 */

const DAY_MS = 86_400_000;
/** Content gains 4 % by the higher level, for half the CPU again; anything else next to nothing. */
const ZSTD_LEVEL_CONTENT = 6;
/** Row group of `superseded` and `log_content`, which are small. */
const SUPERSEDED_ROW_GROUP_ROWS = 122_880;

/**
 * A relation of the inputs' rows that count, in their table's columns, with their `day`; `logs` says that `log_joined` has
 * something for them.
 */
async function countingRows(
  connection: DuckDBConnection,
  { job, logs, carries }: Pick<Placement, "job" | "logs" | "carries">,
  inputs: readonly FileEntry[],
): Promise<string> {
  const present = await columnsIn(connection, readFiles(inputs));
  const day = `${daySql(job.table)} AS day`;
  if (job.table !== "spans") {
    return `(SELECT ${columnListSql(job.table, present)}, ${day} FROM ${readFiles(inputs)})`;
  }
  const [losers] = await rowsOf(connection, "SELECT CAST(count(*) AS INTEGER) AS spans FROM winners");
  const counting = losers?.["spans"] === 0 ? "true" : `NOT ${loserSql("s")}`;
  const rows = inputRows(inputs, present);
  const kept = carries ? withCarriedContent(rows) : rows;
  const joined = logs === undefined ? kept : withLogContent(kept, logs);
  return `(SELECT *, ${day} FROM ${joined} AS s WHERE ${counting})`;
}

interface Placement {
  readonly job: CompactionJob;
  readonly inputs: readonly FileEntry[];
  /** Where the inputs' rows are read: in themselves, or in what a rewrite made of them. */
  readonly sources: readonly FileEntry[];
  /** How `log_joined` is joined to them; undefined when it has nothing for them. */
  readonly logs: LogJoinMode | undefined;
  /** Whether `log_carried` has something for them. */
  readonly carries: boolean;
  /** Whether some of their rows have, or get, content of log records. */
  readonly logContent: boolean;
  readonly size: RawSize;
  readonly request: CompactionRequest;
}

/** One file that a job writes: its rows, and the inputs that hold them. */
interface Planned {
  readonly output: Output;
  readonly select: string;
  readonly rows: number;
}

const folderOf = (day: unknown): string =>
  `date=${new Date(Number(day) * DAY_MS).toISOString().slice(0, 10)}`;

/** Makes the table `parts`: what the files to be written have of each trace. */
async function makeParts(
  connection: DuckDBConnection,
  { source, others, chunkRows }: { source: string; others: readonly FileEntry[]; chunkRows: number },
): Promise<void> {
  await connection.run(totalsTableSql(source, others));
  const found = others.length === 0 ? [] : await rowsOf(connection, filesWithParentsSql(others));
  const names = new Set(found.map(({ filename }) => String(filename)));
  await connection.run(foundTableSql(others.filter(({ path }) => names.has(path))));
  await connection.run(partsTableSql(chunkRows));
  await connection.run("DROP TABLE totals");
}

/** Files of `spans`: those of each event day, in chunks that can be sorted in memory when sorting pays. */
async function planSpans(connection: DuckDBConnection, placement: Placement): Promise<Planned[]> {
  const { job, inputs, sources, size, request } = placement;
  const source = await countingRows(connection, placement, sources);
  const sorted = worthSorting(size);
  const chunkRows = sorted ? sortableRows(size, request.rawBytesMax) : Number.MAX_SAFE_INTEGER;
  await makeParts(connection, { source, others: otherCompacted(job.settled, inputs), chunkRows });
  const planned: Planned[] = [];
  for (const found of await rowsOf(connection, chunksSql(source))) {
    const file = {
      day: String(found["day"]),
      chunk: String(found["chunk"]),
      otherTexts: found["other_texts"] === true,
    };
    const names = new Set(found["files"] as readonly string[]);
    // Traces lie close together, so that a chunk needs few of the inputs. The newest first: a query for the latest rows
    // then finds them in the first row group, and leaves out those behind it by their times.
    const holding = sources.filter(({ path }) => names.has(path)).reverse();
    const rows = await countingRows(connection, placement, holding);
    planned.push({
      output: {
        ...outputOf(placement, found),
        formatVersion: COMPACTED_FORMAT_VERSION,
        part: Number(found["chunk"]),
        zstdLevel: sorted ? ZSTD_LEVEL_CONTENT : ZSTD_LEVEL,
      },
      select: compactedSelect(rows, file, sorted),
      rows: Number(found["rows"]),
    });
  }
  return planned;
}

/** Files of another table: one for each event day, in the order of the inputs. */
async function planOthers(connection: DuckDBConnection, placement: Placement): Promise<Planned[]> {
  const { job, inputs } = placement;
  const time = `epoch_ns(${eventTimeSql(job.table)})`;
  const source = await countingRows(connection, placement, inputs);
  const days = await rowsOf(
    connection,
    `SELECT day, count(*) AS rows, min(${time}) AS min_time, max(${time}) AS max_time
     FROM ${source} GROUP BY 1 ORDER BY 1`,
  );
  return days.map((found) => ({
    output: outputOf(placement, found),
    select: `SELECT * EXCLUDE (day) FROM ${source} WHERE day = ${String(found["day"])}`,
    rows: Number(found["rows"]),
  }));
}

function outputOf(placement: Placement, found: Rows[number]): Output {
  return {
    table: placement.job.table,
    folder: folderOf(found["day"]),
    level: 1,
    formatVersion: FORMAT_VERSION,
    inputs: placement.inputs,
    part: 0,
    zstdLevel: ZSTD_LEVEL,
    minTimeUnixNano: found["min_time"]?.toString() ?? null,
    maxTimeUnixNano: found["max_time"]?.toString() ?? null,
    rowGroupRows: rowGroupRowsFor(placement.size, placement.request.rowGroupBytes),
    ...rulesOf(placement),
  };
}

/** By which rules the output's rows were filled: the lowest version among the sources, when each is known. */
function rulesOf({
  job,
  sources,
  logContent,
}: Placement): Pick<Output, "ruleSetVersion" | "salt" | "logContent"> {
  if (job.table !== "spans") return {};
  const versions = sources.map(({ ruleSetVersion }) => ruleSetVersion ?? Number.NaN);
  const lowest = Math.min(...versions);
  const salt = job.rewrite === undefined ? undefined : `${job.rewrite.kind} ${RULE_SET_VERSION}`;
  const told = logContent ? { logContent: true as const } : {};
  return { ruleSetVersion: Number.isNaN(lowest) ? undefined : lowest, salt, ...told };
}

/** Writes the inputs' rows that count to files of their event days. */
async function placeRows(connection: DuckDBConnection, placement: Placement): Promise<FileEntry[]> {
  const { table } = placement.job;
  const planned = await (table === "spans" ? planSpans : planOthers)(connection, placement);
  const added: FileEntry[] = [];
  for (const { output, select, rows } of planned) {
    const entry = await writeOutput(connection, select, output);
    if (entry?.rows !== rows) {
      throw new Error(`${entry?.rows ?? 0} rows of ${table} were written instead of ${rows}`);
    }
    added.push(entry);
  }
  return added;
}

/** Entries of `superseded` whose losing rows are in files that this job does not rewrite. */
async function keepSuperseded(
  connection: DuckDBConnection,
  job: CompactionJob,
): Promise<{ add: FileEntry[]; remove: string[] }> {
  const all = job.superseded.map(({ path }) => path);
  if (all.length === 0) return { add: [], remove: [] };
  if (job.untouched.length === 0 && !job.keepSuperseded) return { add: [], remove: all };
  const entries = `SELECT w.trace_id, w.span_id, w.winner.seq AS seq, w.winner.seq_index AS seq_index FROM marked AS w`;
  const still = job.keepSuperseded
    ? entries
    : `${entries} WHERE EXISTS (FROM ${readFiles(job.untouched)} AS u WHERE u.trace_id = w.trace_id AND u.span_id = w.span_id
      AND (w.winner.seq <> u.seq OR w.winner.seq_index <> u.seq_index))`;
  const [counted] = await rowsOf(
    connection,
    `SELECT (SELECT count(*) FROM (${still})) AS kept, (SELECT count(*) FROM marked) AS marked`,
  );
  const kept = Number(counted?.["kept"]);
  if (kept === 0) return { add: [], remove: all };
  if (kept === Number(counted?.["marked"]) && all.length === 1) return { add: [], remove: [] };
  const entry = await writeOutput(connection, still, {
    table: SUPERSEDED_TABLE,
    folder: job.superseded.at(-1)?.path.split("/")[1] ?? "date=1970-01-01",
    level: 0,
    formatVersion: FORMAT_VERSION,
    part: 0,
    zstdLevel: ZSTD_LEVEL,
    inputs: [...job.superseded, ...job.inputs],
    minTimeUnixNano: null,
    maxTimeUnixNano: null,
    rowGroupRows: SUPERSEDED_ROW_GROUP_ROWS,
  });
  return { add: entry === undefined ? [] : [entry], remove: all };
}

async function openEngine(request: CompactionRequest): Promise<DuckDBConnection> {
  const spill = join(request.workDir, "spill");
  mkdirSync(spill, { recursive: true, mode: 0o700 });
  const instance = await duckdb().DuckDBInstance.create(":memory:", {
    memory_limit: `${request.memoryMb}MiB`,
    threads: "1",
    temp_directory: spill,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    preserve_insertion_order: "true",
  });
  return await instance.connect();
}

/** Files of `log_content` with the records that still wait for their span, in place of those that there were. */
async function keepPending(
  connection: DuckDBConnection,
  { content, inputs, untouched }: CompactionJob,
): Promise<{ add: FileEntry[]; remove: string[] }> {
  if (content.length === 0) return { add: [], remove: [] };
  const still = stillPendingSql(content, untouched);
  const [found] = await rowsOf(
    connection,
    `SELECT CAST(count(*) AS DOUBLE) AS rows, epoch_ns(min(time)) AS min_time, epoch_ns(max(time)) AS max_time FROM (${still})`,
  );
  const kept = Number(found?.["rows"]);
  const [only] = content;
  if (content.length === 1 && only?.level === 1 && only.rows === kept) return { add: [], remove: [] };
  const entry = await writeOutput(connection, still, {
    table: LOG_CONTENT_TABLE,
    folder: content.at(-1)?.path.split("/")[1] ?? "date=1970-01-01",
    level: 1,
    formatVersion: FORMAT_VERSION,
    part: 0,
    zstdLevel: ZSTD_LEVEL,
    inputs: [...content, ...inputs],
    minTimeUnixNano: found?.["min_time"]?.toString() ?? null,
    maxTimeUnixNano: found?.["max_time"]?.toString() ?? null,
    rowGroupRows: SUPERSEDED_ROW_GROUP_ROWS,
  });
  return { add: entry === undefined ? [] : [entry], remove: content.map(({ path }) => path) };
}

/** The inputs, or what the job's rewrite makes of them, and what that changes. */
async function rewritten(
  connection: DuckDBConnection,
  { job, pricesDir, workDir }: CompactionRequest,
  inputs: readonly FileEntry[],
  logs: LogJoinMode | undefined,
): Promise<{ sources: readonly FileEntry[]; changes?: ColumnChanges; cost?: CostChange }> {
  if (job.rewrite === undefined) return { sources: inputs };
  const joined = (relation: string): string =>
    logs === undefined || job.rewrite?.kind !== "renormalise" ? relation : withLogContent(relation, logs);
  const options = { folder: join(workDir, "rewritten"), pricesDir, rewrite: job.rewrite, joined };
  const { files, ...changed } = await rewriteRows(connection, inputs, options);
  return { sources: files, ...changed };
}

async function compact(request: CompactionRequest): Promise<CompactionAnswer> {
  process.chdir(request.mirrorDir);
  const { job } = request;
  const damaged = [
    ...damagedOf([...job.inputs, ...job.superseded, ...job.content]),
    ...unreadable([...job.settled, ...job.untouched]).map(({ path }) => path),
  ];
  if (damaged.length > 0) return { ok: false, message: "files are damaged", damaged };
  const connection = await openEngine(request);
  const pulled = job.table === "spans" ? await findLosers(connection, job) : [];
  const broken = damagedOf(pulled);
  if (broken.length > 0) return { ok: false, message: "files are damaged", damaged: broken };
  const inputs = [...pulled, ...job.inputs];
  const rowsOfFiles = (files: readonly FileEntry[]): number => files.reduce((sum, { rows }) => sum + rows, 0);
  const rowsIn = rowsOfFiles(inputs);
  await makeJobSpans(connection, job.table === "spans" ? inputs : []);
  const readAgain =
    job.rewrite?.kind === "renormalise"
      ? await readLogsAgain(connection, unlessUnreadable(job.logs ?? []), {
          folder: join(request.workDir, "logs"),
          pricesDir: request.pricesDir,
        })
      : [];
  const joined = await makeLogJoined(connection, [...job.content, ...readAgain]);
  const logs = joined.spans === 0 ? undefined : readAgain.length > 0 ? "replace" : "add";
  const { sources, ...changed } = await rewritten(connection, request, inputs, logs);
  // Files that are priced right already stay: asking twice must not write history twice.
  const isSame = job.rewrite?.kind === "reprice" && Object.keys(changed.changes ?? {}).length === 0;
  if (request.dryRun === true || isSame) {
    return { ok: true, add: [], remove: [], rowsIn, rowsOut: rowsIn, ...changed };
  }
  const found = await contentOfLogs(connection, job, inputs);
  const content = { carries: found.carries, logContent: found.has || logs !== undefined };
  const size = withContent(await rawSize(connection, sources), joined);
  const add =
    sources.length === 0
      ? []
      : await placeRows(connection, { job, inputs, sources, logs, size, request, ...content });
  const superseded = await keepSuperseded(connection, job);
  const pending = await keepPending(connection, job);
  return {
    ok: true,
    add: [...add, ...superseded.add, ...pending.add],
    remove: [...inputs.map(({ path }) => path), ...superseded.remove, ...pending.remove],
    rowsIn,
    rowsOut: rowsOfFiles(add),
    ...changed,
  };
}

/** What rows of the inputs have of log records: whether any has, and whether rows that lost have (`log_carried`). */
async function contentOfLogs(
  connection: DuckDBConnection,
  job: CompactionJob,
  inputs: readonly FileEntry[],
): Promise<{ has: boolean; carries: boolean }> {
  const holding = job.table === "spans" ? inputs.filter(mayHoldLogContent) : [];
  if (holding.length === 0) return { has: false, carries: false };
  const rows = inputRows(holding, await columnsIn(connection, readFiles(holding)));
  // Renormalising reads the records again.
  if (job.rewrite?.kind === "renormalise") return { has: true, carries: false };
  const carried = await makeLogCarried(connection, rows, loserSql("s"));
  const [one] = await rowsOf(connection, `SELECT 1 FROM ${rows} AS s WHERE ${hasLogContentSql("s")} LIMIT 1`);
  return { has: one !== undefined, carries: carried > 0 };
}

/** Files that are there as listed. What a missing one holds can't be read again; what came of it before stays. */
function unlessUnreadable(files: readonly FileEntry[]): FileEntry[] {
  const broken = new Set(unreadable(files));
  return files.filter((file) => !broken.has(file));
}

/** The size of rows to which log records add so many characters. */
function withContent({ rows, bytes, contentBytes }: RawSize, { chars }: LogJoined): RawSize {
  return { rows, bytes: bytes + chars, contentBytes: contentBytes + chars };
}

answerOneRequest<CompactionRequest, CompactionAnswer>(10, (request) =>
  compact(request).catch((error: unknown) => ({ ok: false, message: errorMessage(error), damaged: [] })),
);
