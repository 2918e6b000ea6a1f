import { spawn, type ChildProcess } from "node:child_process";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import {
  CounterfoilError,
  errorMessage,
  QUERY_INLINE_BYTES_MAX,
  QUERY_MEMORY_MB,
  QUERY_OUTPUT_BYTES_MAX,
  QUERY_PROCESS_OVERHEAD_MB,
  QUERY_ROWS_IN_MEMORY_MAX,
  QUERY_ROWS_MAX,
  QUERY_THREADS_MAX,
  QUERY_TIMEOUT_MS,
} from "../../schema/index.js";
import { dataDirPaths } from "../data-dir.js";
import { takeQuerySlot } from "./query-slots.js";
import type {
  ChildAnswer,
  ChildRequest,
  QueryOptions,
  QueryResult,
  RowsOptions,
  SqlValue,
} from "./query-types.js";
import { BIG_INTEGERS } from "./result-projection.js";

const CHILD = new URL("./query.child.js", import.meta.url);
/** Prefix of the folders that queries work in, below the data directory's `temp/` or the system's. */
export const QUERY_FOLDER_PREFIX = "query-";
const STDERR_CHARS_MAX = 2_000;

/**
 * The child's command line. A POSIX shell sets the limits that only a process can set for itself: data segment
 * (RLIMIT_AS would count what V8 only reserves), CPU time, size of a written file. They hold whatever the SQL does.
 */
function command(request: ChildRequest, timeoutMs: number): { file: string; args: string[] } {
  const node = ["--max-old-space-size=256", fileURLToPath(CHILD)];
  if (process.platform === "win32") return { file: process.execPath, args: node };
  const dataKb = (request.memoryMb + QUERY_PROCESS_OVERHEAD_MB) * 1024;
  const cpuSeconds = Math.ceil((timeoutMs / 1000) * request.threads) + 5;
  const blocks = Math.ceil(QUERY_OUTPUT_BYTES_MAX / 512);
  // A lower hard limit may forbid one of them: then that one already holds.
  const script = `ulimit -d ${dataKb} 2>/dev/null; ulimit -t ${cpuSeconds} 2>/dev/null; ulimit -f ${blocks} 2>/dev/null; ulimit -c 0 2>/dev/null; exec "$@"`;
  return { file: "/bin/sh", args: ["-c", script, "sh", process.execPath, ...node] };
}

interface Exit {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
}

function collect(child: ChildProcess, timeoutMs: number): Promise<Exit> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARS_MAX);
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(
        new CounterfoilError("CF_QUERY_FAILED", `Can't start the query process: ${errorMessage(error)}`, {
          retryable: true,
          cause: error,
        }),
      );
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, code, signal, timedOut });
    });
  });
}

function explainExit({ stderr, code, signal, timedOut }: Exit, timeoutMs: number): CounterfoilError {
  if (timedOut) {
    return new CounterfoilError(
      "CF_QUERY_LIMIT",
      `The query was stopped after ${timeoutMs} ms. Narrow it (a time range, fewer columns, a LIMIT), or raise the time limit.`,
    );
  }
  const how = signal === null ? `code ${code}` : `signal ${signal}`;
  return new CounterfoilError(
    "CF_QUERY_LIMIT",
    `The query process ended with ${how}, most likely at its memory, CPU time or file size limit. Narrow the query, or raise the limit.${stderr.trim() === "" ? "" : ` Its last words: ${stderr.trim().slice(-400)}`}`,
  );
}

async function runChild(
  request: ChildRequest,
  timeoutMs: number,
): Promise<Extract<ChildAnswer, { ok: true }>> {
  const { file, args } = command(request, timeoutMs);
  // An empty environment: no secret of the server is in reach of the query process.
  const child = spawn(file, args, {
    stdio: ["pipe", "pipe", "pipe"],
    cwd: request.workDir,
    env: { TMPDIR: request.workDir, MALLOC_ARENA_MAX: "2" },
  });
  // EPIPE when the child dies early: its exit tells more.
  child.stdin?.on("error", () => undefined);
  const exited = collect(child, timeoutMs);
  child.stdin?.write(`${JSON.stringify(request)}\n`);
  const exit = await exited;
  let answer: ChildAnswer;
  try {
    answer = JSON.parse(exit.stdout) as ChildAnswer;
  } catch {
    throw explainExit(exit, timeoutMs);
  }
  if (!answer.ok) throw new CounterfoilError(answer.code, answer.message);
  return answer;
}

/** A private folder for one query: below the data directory when that can be written, so that `temp/` bounds it. */
async function createWorkDir(dataDir: string): Promise<string> {
  for (const parent of [dataDirPaths(dataDir).temp, tmpdir()]) {
    try {
      return await mkdtemp(join(parent, QUERY_FOLDER_PREFIX));
    } catch {
      // Read-only or not there yet: the next one.
    }
  }
  throw new CounterfoilError("CF_DATA_DIR_IO", `Can't create a folder for the query in ${tmpdir()}.`);
}

async function moveFile(from: string, to: string): Promise<void> {
  await chmod(from, 0o600);
  try {
    await rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EXDEV") {
      throw new CounterfoilError("CF_DATA_DIR_IO", `Can't write ${to}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
    await copyFile(from, to);
  }
}

async function readInline(path: string): Promise<Buffer> {
  const { size } = await stat(path);
  if (size > QUERY_INLINE_BYTES_MAX) {
    throw new CounterfoilError(
      "CF_QUERY_LIMIT",
      `The result is ${size} bytes; at most ${QUERY_INLINE_BYTES_MAX} fit in memory. Write it to a file, or add a LIMIT.`,
    );
  }
  return await readFile(path);
}

interface Plan {
  readonly format: ChildRequest["format"];
  readonly trusted: boolean;
  readonly params: ChildRequest["params"];
}

async function withResult<T>(
  options: Omit<QueryOptions, "format" | "output">,
  plan: Plan,
  use: (answer: Extract<ChildAnswer, { ok: true }>, path: string) => Promise<T>,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? QUERY_TIMEOUT_MS;
  const inMemory = plan.format === "table" || plan.format === "rows";
  const started = performance.now();
  const release = await takeQuerySlot(timeoutMs);
  let workDir: string | undefined;
  try {
    workDir = await createWorkDir(options.dataDir);
    const request: ChildRequest = {
      mirrorDir: resolve(dataDirPaths(options.dataDir).mirror),
      sql: options.sql,
      ...plan,
      rowsMax: options.rowsMax ?? (inMemory ? QUERY_ROWS_IN_MEMORY_MAX : QUERY_ROWS_MAX),
      memoryMb: options.memoryMb ?? QUERY_MEMORY_MB,
      threads: options.threads ?? Math.min(QUERY_THREADS_MAX, availableParallelism()),
      workDir: resolve(workDir),
    };
    const left = Math.max(1, timeoutMs - (performance.now() - started));
    return await use(await runChild(request, left), join(workDir, "result"));
  } finally {
    release();
    if (workDir !== undefined) await rm(workDir, { recursive: true, force: true });
  }
}

function parseLines<T>(bytes: Buffer): T[] {
  return bytes
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/**
 * Runs a user's SQL over the newest snapshot of a mirror, in a child process that can read the mirror's files and
 * nothing else. JSON keeps 64-bit integers exact (as numbers in the text), times are ISO 8601 with nanoseconds.
 * Throws CF_QUERY_REFUSED (not a single read-only statement, or it reaches outside), CF_QUERY_FAILED (DuckDB's
 * message), CF_QUERY_LIMIT (time, memory or size), CF_NOT_FOUND (no mirror) or a CF_CATALOG_ error.
 */
export function runQuery(options: QueryOptions): Promise<QueryResult> {
  const { format, output } = options;
  return withResult(options, { format, trusted: false, params: [] }, async (answer, path) => {
    const { columns, rowCount, truncated, warnings } = answer;
    const result = { columns, rowCount, truncated, warnings };
    if (format === "table") {
      const lines = parseLines<{ r: (string | null)[] }>(await readInline(path));
      return { ...result, rows: lines.map(({ r }) => r) };
    }
    if (output === undefined) return { ...result, data: await readInline(path) };
    if (typeof output === "string") await moveFile(path, output);
    else await pipeline(createReadStream(path), output, { end: false });
    return result;
  });
}

/**
 * Rows of one of Counterfoil's own queries as objects, with `params` bound to `$1`, `$2`, ... Runs in the same kind of
 * child process as {@link runQuery} and throws the same errors; more rows than `rowsMax` throw CF_QUERY_LIMIT.
 */
export function queryRows(options: RowsOptions): Promise<Record<string, SqlValue>[]> {
  const params = (options.params ?? []).map((value) =>
    typeof value === "bigint" ? { bigint: value.toString() } : value,
  );
  return withResult(options, { format: "rows", trusted: true, params }, async (answer, path) => {
    if (answer.truncated) {
      throw new CounterfoilError("CF_QUERY_LIMIT", `The query gives more than ${answer.rowCount} rows.`);
    }
    const big = answer.columns.filter(({ type }) => BIG_INTEGERS.has(type)).map(({ name }) => name);
    const rows = parseLines<Record<string, SqlValue>>(await readInline(path));
    for (const row of rows) {
      for (const name of big) {
        const text = row[name];
        if (typeof text !== "string") continue;
        row[name] = Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
      }
    }
    return rows;
  });
}
