import { createHash } from "node:crypto";
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { once } from "node:events";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { COLUMNS_VERSION, FORMAT_VERSION } from "../../schema/index.js";
import { dataDirPaths, type FileCatalog, type FileEntry, openCatalog } from "../../store/index.js";
import { runCompactionJob } from "../../store/compaction/compact.js";
import { planCompaction } from "../../store/compaction/plan.js";
import { type Day, daySpansSql, TURNS } from "./spans-sql.js";
import { Texts } from "./texts.js";

/** What to build. */
export interface DatasetOptions {
  /** About how many spans, whole days of them. */
  readonly spans: number;
  readonly days: number;
  /** Share of the conversations whose messages are there, 0 to 1. */
  readonly contentShare: number;
  readonly onProgress?: (text: string) => void;
}

const DAY_MS = 86_400_000;
/** The first day of the dataset. */
const START_MS = Date.UTC(2026, 9, 25);
const SPANS_PER_TRACE = 10;
/** Spans of one level-0 file, and of one request: as the sealer and a busy exporter make them. */
const FILE_ROWS = 20_480;
const SEQ_ROWS = 512;

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

async function writeConversations(path: string, texts: Texts, ids: readonly number[]): Promise<void> {
  const file = createWriteStream(path);
  for (const c of ids) {
    if (!file.write(`${JSON.stringify({ c, messages: texts.conversation(TURNS) })}\n`))
      await once(file, "drain");
  }
  file.end();
  await once(file, "close");
}

/** Level-0 files of one day, as the sealer lays them out. Every file has the rows of whole requests. */
async function sealDay(connection: DuckDBConnection, mirrorDir: string, day: Day): Promise<FileEntry[]> {
  await connection.run(`CREATE OR REPLACE TEMP TABLE day AS ${daySpansSql(day, SEQ_ROWS)}`);
  const counted = await connection.runAndReadAll("SELECT CAST(count(*) AS INTEGER) FROM day");
  const rows = Number(counted.getRows()[0]?.[0]);
  const date = new Date(day.startMs).toISOString().slice(0, 10);
  const entries: FileEntry[] = [];
  for (let first = 0; first < rows; first += FILE_ROWS) {
    const seqs = {
      firstSeq: day.seq + first / SEQ_ROWS,
      lastSeq: day.seq + (first + FILE_ROWS) / SEQ_ROWS - 1,
    };
    const path = `spans/date=${date}/0-${seqs.firstSeq}-${seqs.lastSeq}.parquet`;
    const full = join(mirrorDir, path);
    mkdirSync(dirname(full), { recursive: true });
    const where = `WHERE seq BETWEEN ${seqs.firstSeq} AND ${seqs.lastSeq}`;
    await connection.run(
      `COPY (FROM day ${where}) TO '${full}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${FILE_ROWS}, DICTIONARY_SIZE_LIMIT 2000)`,
    );
    const found = await connection.runAndReadAll(
      `SELECT CAST(count(*) AS INTEGER), CAST(epoch_ns(min(start_time)) AS VARCHAR), CAST(epoch_ns(max(start_time)) AS VARCHAR) FROM day ${where}`,
    );
    const [count, min, max] = found.getRows()[0] ?? [];
    entries.push({
      table: "spans",
      path,
      level: 0,
      rows: Number(count),
      bytes: statSync(full).size,
      sha256: await sha256Of(full),
      minTimeUnixNano: String(min),
      maxTimeUnixNano: String(max),
      ...seqs,
      formatVersion: FORMAT_VERSION,
      columnsVersion: COLUMNS_VERSION,
    });
  }
  return entries;
}

async function compactAll(
  dataDir: string,
  catalog: FileCatalog,
  progress: (text: string) => void,
): Promise<void> {
  for (;;) {
    const job = planCompaction(catalog.snapshot().files, {
      nowMs: START_MS + 400 * DAY_MS,
      writtenMs: () => 0,
    });
    if (job === undefined) return;
    const started = performance.now();
    const { filesIn, rowsIn, rowsOut } = await runCompactionJob({ dataDir, catalog, job });
    const micros = ((performance.now() - started) * 1000) / rowsIn;
    progress(`compacted ${filesIn} files, ${rowsIn} -> ${rowsOut} rows, ${micros.toFixed(1)} us/span`);
  }
}

/**
 * A data directory with that many spans, laid out as ingest and compaction lay them out, in the system's folder for
 * temporary files. It is made once and found again the next time; a folder without its mark is made anew.
 */
export async function buildDataset(options: DatasetOptions): Promise<string> {
  const { spans, days, contentShare } = options;
  const progress = options.onProgress ?? ((): void => undefined);
  const dataDir = join(tmpdir(), `counterfoil-dataset-${spans}-${days}-${contentShare}`);
  const mark = join(dataDir, "complete");
  if (existsSync(mark)) return dataDir;
  rmSync(dataDir, { recursive: true, force: true });
  const paths = dataDirPaths(dataDir);
  mkdirSync(paths.temp, { recursive: true });
  const catalog = await openCatalog({ mirrorDir: paths.mirror });
  const instance = await DuckDBInstance.create(":memory:", {
    memory_limit: "3GB",
    threads: "2",
    temp_directory: join(paths.temp, "build"),
  });
  const connection = await instance.connect();
  const traces = Math.round(spans / SPANS_PER_TRACE / days);
  const texts = new Texts(7);
  let seq = 1;
  for (let at = 0; at < days; at += 1) {
    const firstTrace = at * traces;
    const first = Math.floor(firstTrace / TURNS);
    const ids = Array.from({ length: Math.ceil(traces / TURNS) + 1 }, (_, index) => first + index);
    const lines = join(paths.temp, "conversations.jsonl");
    await writeConversations(
      lines,
      texts,
      ids.filter((id) => id % Math.round(1 / contentShare) === 0),
    );
    await connection.run(
      `CREATE OR REPLACE TEMP TABLE conversations AS FROM read_json('${lines}', format = 'newline_delimited', columns = {c: 'BIGINT', messages: 'VARCHAR[]'})`,
    );
    const day = { startMs: START_MS + at * DAY_MS, firstTrace, traces, seq, conversations: "conversations" };
    const files = await sealDay(connection, paths.mirror, day);
    seq = (files.at(-1)?.lastSeq ?? seq) + 1;
    await catalog.commit({ add: files, remove: [], sealedSeq: seq - 1 });
    progress(`day ${at + 1} of ${days}: ${files.length} files`);
  }
  connection.closeSync();
  instance.closeSync();
  await compactAll(dataDir, catalog, progress);
  await catalog.close();
  for (const name of ["build", "conversations.jsonl"])
    rmSync(join(paths.temp, name), { recursive: true, force: true });
  // The files that compaction replaced have no reader here.
  const replaced = await openCatalog({ mirrorDir: paths.mirror, graceMs: 0 });
  await replaced.close();
  writeFileSync(mark, "");
  return dataDir;
}
