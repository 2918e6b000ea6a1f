import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  COMPACTION_TIMEOUT_MS,
  CounterfoilError,
  PINS,
  QUERY_OUTPUT_BYTES_MAX,
  QUERY_PROCESS_OVERHEAD_MB,
  SEAL_MEMORY_MB,
} from "../../schema/index.js";
import { runJsonChild } from "../child-process.js";
import { COMPACTION_FOLDER_PREFIX } from "../compaction/compact.js";
import { dataDirPaths } from "../data-dir.js";
import type { FileEntry } from "../types.js";

/** Tables whose rows belong to traces. */
const TABLES: readonly string[] = ["spans", "span_logs"];

/** What the process that looks for pinned rows is asked. Paths are absolute. */
export interface KeepRequest {
  readonly mirrorDir: string;
  readonly workDir: string;
  readonly pins: readonly FileEntry[];
  readonly files: readonly FileEntry[];
}

/** What it found: of files with some pinned rows a new file with these alone, and files that are all pinned. */
export type KeepAnswer =
  | { readonly ok: true; readonly add: readonly FileEntry[]; readonly whole: readonly string[] }
  | { readonly ok: false; readonly message: string };

/** The files of which a pinned trace may have rows, and the files that say which are pinned. */
export function pinnedCandidates(
  all: readonly FileEntry[],
  expired: readonly FileEntry[],
): Pick<KeepRequest, "pins" | "files"> {
  const pins = all.filter(({ table }) => table === PINS.table);
  return { pins, files: pins.length === 0 ? [] : expired.filter(({ table }) => TABLES.includes(table)) };
}

/**
 * Writes what is pinned of files that are to go into files of its own, in a child process. Nothing is committed yet. Throws
 * CF_SEAL_FAILED (retryable): then nothing may be removed.
 */
export async function keepPinned(
  dataDir: string,
  request: Pick<KeepRequest, "pins" | "files">,
  signal: AbortSignal,
): Promise<Extract<KeepAnswer, { ok: true }>> {
  const paths = dataDirPaths(dataDir);
  const workDir = await mkdtemp(join(paths.temp, COMPACTION_FOLDER_PREFIX));
  try {
    const { answer, description } = await runJsonChild<KeepAnswer>(
      new URL("./keep-pinned.child.js", import.meta.url),
      { ...request, mirrorDir: resolve(paths.mirror), workDir: resolve(workDir) } satisfies KeepRequest,
      {
        workDir,
        signal,
        limits: {
          timeoutMs: COMPACTION_TIMEOUT_MS,
          memoryMb: SEAL_MEMORY_MB * 2 + QUERY_PROCESS_OVERHEAD_MB,
          cpuSeconds: COMPACTION_TIMEOUT_MS / 1_000,
          fileBytesMax: QUERY_OUTPUT_BYTES_MAX,
        },
      },
    );
    if (answer?.ok === true) return answer;
    const why = answer === undefined ? `its process ended with ${description}` : answer.message;
    throw new CounterfoilError(
      "CF_SEAL_FAILED",
      `Keeping pinned traces failed: ${why}. Nothing was removed.`,
      {
        retryable: true,
      },
    );
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}
