import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  COMPACTION_MEMORY_MB,
  COMPACTION_RAW_BYTES_MAX,
  COMPACTION_ROW_GROUP_BYTES,
  COMPACTION_TIMEOUT_MS,
  CounterfoilError,
  errorMessage,
  QUERY_OUTPUT_BYTES_MAX,
  QUERY_PROCESS_OVERHEAD_MB,
  SEAL_MEMORY_MB,
} from "../../schema/index.js";
import { runJsonChild } from "../child-process.js";
import { dataDirPaths } from "../data-dir.js";
import type { ColumnChanges, CostChange } from "../rewrite/rewrite-types.js";
import type { Catalog } from "../types.js";
import type { CompactionAnswer, CompactionJob, CompactionRequest } from "./compaction-types.js";

/** Prefix of the folders below `temp/` that compaction spills into. */
export const COMPACTION_FOLDER_PREFIX = "compaction-";

/** What one job did. */
export interface CompactionResult {
  readonly filesIn: number;
  readonly filesOut: number;
  readonly rowsIn: number;
  readonly rowsOut: number;
  /** Inputs whose bytes are not those listed: they were left alone. */
  readonly damaged: readonly string[];
  /** Rows of each column that the job's rewrite changed, when it has one. */
  readonly changes?: ColumnChanges;
  /** What the calls in those rows cost before and after it. */
  readonly cost?: CostChange;
}

/** How {@link runCompactionJob} runs. */
export interface CompactionRun {
  readonly dataDir: string;
  readonly catalog: Pick<Catalog, "commit">;
  readonly job: CompactionJob;
  /** Only see what the job's rewrite would change: nothing is written or committed. */
  readonly dryRun?: true;
  readonly memoryMb?: number;
  /** Rows that are sorted at once and go into one file, bytes before compression. */
  readonly rawBytesMax?: number;
  /** Aborting kills the child; nothing is committed then. */
  readonly signal?: AbortSignal;
  /** Writes the new files; by default {@link compactInChild}. */
  readonly compactor?: Compactor;
}

/**
 * Does the work of one job: what it lists in `add` is on disk, synced, with durable names. Nothing is committed yet.
 * Throws when it did not come to an answer.
 */
export type Compactor = (run: CompactionRun) => Promise<CompactionAnswer>;

/**
 * Runs one job and commits its result as one change. Whenever it dies, the mirror reads as before: new files are unlisted
 * until the commit, and the old ones stay on disk for their readers after it. Throws CF_SEAL_FAILED (retryable).
 */
export async function runCompactionJob(run: CompactionRun): Promise<CompactionResult> {
  try {
    return await settle(run, await (run.compactor ?? compactInChild)(run));
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw failed(run.job, errorMessage(error));
  }
}

/** Runs a job in a child process of its own, with limits that the operating system keeps. */
export async function compactInChild(run: CompactionRun): Promise<CompactionAnswer> {
  const paths = dataDirPaths(run.dataDir);
  const workDir = await mkdtemp(join(paths.temp, COMPACTION_FOLDER_PREFIX));
  try {
    const request: CompactionRequest = {
      mirrorDir: resolve(paths.mirror),
      workDir: resolve(workDir),
      pricesDir: resolve(paths.prices),
      memoryMb: run.memoryMb ?? COMPACTION_MEMORY_MB,
      rawBytesMax: run.rawBytesMax ?? COMPACTION_RAW_BYTES_MAX,
      rowGroupBytes: COMPACTION_ROW_GROUP_BYTES,
      job: run.job,
      ...(run.dryRun === undefined ? {} : { dryRun: run.dryRun }),
    };
    const exit = await runJsonChild<CompactionAnswer>(
      new URL("./compactor.child.js", import.meta.url),
      request,
      {
        workDir,
        ...(run.signal === undefined ? {} : { signal: run.signal }),
        limits: {
          timeoutMs: COMPACTION_TIMEOUT_MS,
          // Writing keeps a row group of every column beside the engine's own memory.
          memoryMb:
            request.memoryMb * 2 +
            QUERY_PROCESS_OVERHEAD_MB +
            (run.job.rewrite === undefined ? 0 : SEAL_MEMORY_MB),
          cpuSeconds: COMPACTION_TIMEOUT_MS / 1000,
          fileBytesMax: QUERY_OUTPUT_BYTES_MAX,
        },
      },
    );
    if (exit.answer === undefined) throw new Error(`its process ended with ${exit.description}`);
    return exit.answer;
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

function failed(job: CompactionJob, why: string): CounterfoilError {
  return new CounterfoilError(
    "CF_SEAL_FAILED",
    `Compaction of ${job.inputs.length} files of ${job.table} failed: ${why}. The mirror is unchanged; it is tried again.`,
    { retryable: true },
  );
}

async function settle(run: CompactionRun, answer: CompactionAnswer): Promise<CompactionResult> {
  if (!answer.ok) {
    if (answer.damaged.length === 0) throw failed(run.job, answer.message);
    return { filesIn: 0, filesOut: 0, rowsIn: 0, rowsOut: 0, damaged: answer.damaged };
  }
  if (run.signal?.aborted === true) throw failed(run.job, "it was stopped");
  const isNothing = answer.add.length === 0 && answer.remove.length === 0;
  if (run.dryRun !== true && !isNothing) await run.catalog.commit({ add: answer.add, remove: answer.remove });
  return {
    filesIn: answer.remove.length,
    filesOut: answer.add.length,
    rowsIn: answer.rowsIn,
    rowsOut: answer.rowsOut,
    damaged: [],
    ...(answer.changes === undefined ? {} : { changes: answer.changes }),
    ...(answer.cost === undefined ? {} : { cost: answer.cost }),
  };
}
