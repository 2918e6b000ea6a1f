import { createReadStream } from "node:fs";
import { chmod, copyFile, readFile, rename, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
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
import { type ChildExit, runJsonChild } from "../child-process.js";
import { dataDirPaths } from "../data-dir.js";
import { timedOut } from "./query-failure.js";
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
import { createWorkDir } from "./work-dir.js";

const CHILD = new URL("./query.child.js", import.meta.url);

async function runChild(
  request: ChildRequest,
  timeoutMs: number,
): Promise<Extract<ChildAnswer, { ok: true }>> {
  const limits = {
    timeoutMs,
    memoryMb: request.memoryMb + QUERY_PROCESS_OVERHEAD_MB,
    cpuSeconds: (timeoutMs / 1000) * request.threads + 5,
    fileBytesMax: QUERY_OUTPUT_BYTES_MAX,
  };
  let exit: ChildExit<ChildAnswer>;
  try {
    exit = await runJsonChild<ChildAnswer>(CHILD, request, { workDir: request.workDir, limits });
  } catch (error) {
    throw new CounterfoilError("CF_QUERY_FAILED", `Can't start the query process: ${errorMessage(error)}`, {
      retryable: true,
      cause: error,
    });
  }
  const { answer } = exit;
  if (answer?.ok === true) return answer;
  if (answer !== undefined) throw new CounterfoilError(answer.code, answer.message);
  if (exit.timedOut) throw timedOut(timeoutMs);
  throw new CounterfoilError(
    "CF_QUERY_LIMIT",
    `The query process ended with ${exit.description}. Most likely it met its memory, CPU time or file size limit. Narrow the query, or raise the limit.`,
  );
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
      workDir,
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
    for (const warning of answer.warnings) options.onWarning?.(warning);
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
