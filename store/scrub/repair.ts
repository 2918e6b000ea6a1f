import { mkdtemp, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type FileSystem, nodeFileSystem } from "../../journal/index.js";
import {
  COMPACTION_MEMORY_MB,
  REBUILT_ROW_GROUP_ROWS,
  COMPACTION_TIMEOUT_MS,
  errorMessage,
  QUERY_OUTPUT_BYTES_MAX,
  QUERY_PROCESS_OVERHEAD_MB,
  SEAL_MEMORY_MB,
} from "../../schema/index.js";
import { runJsonChild } from "../child-process.js";
import { COMPACTION_FOLDER_PREFIX } from "../compaction/compact.js";
import { dataDirPaths } from "../data-dir.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { Catalog, FileEntry, QuarantinedFile } from "../types.js";
import { checkFiles } from "./check-mirror.js";
import type { RebuildAnswer, RebuildRequest } from "./rebuild-types.js";

/** How {@link repairMirror} works. */
export interface RepairOptions {
  readonly dataDir: string;
  /** Open for writing: the caller holds the data directory's lock. */
  readonly catalog: Catalog;
  /** Paths that may be damaged; each is looked at again. */
  readonly suspects: readonly string[];
  readonly fileSystem?: FileSystem;
  /** Aborting kills the rebuilding child; nothing is committed then. */
  readonly signal?: AbortSignal;
}

/** A damaged file that is settled: all its rows that count are in the mirror again. */
export interface RebuiltFile {
  readonly path: string;
  readonly rows: number;
}

/** What a repair came to. */
export interface RepairReport {
  /** Files found damaged now and taken off the list. */
  readonly quarantined: readonly QuarantinedFile[];
  readonly rebuilt: readonly RebuiltFile[];
  /** Files some rows of which can't be had back. They stay in quarantine. */
  readonly lost: readonly QuarantinedFile[];
  /** What could not be rebuilt now and will be tried again: the reasons. */
  readonly failed: readonly string[];
}

/**
 * Takes damaged files off the mirror's list, moves them below `quarantine/`, and makes their rows anew from the
 * journal as far as it still has them. All other files are readable the whole time. Safe to call again after a crash
 * at any point. Throws a retryable CF_DATA_DIR_IO when the manifest can't be written.
 */
export async function repairMirror(options: RepairOptions): Promise<RepairReport> {
  const { catalog, dataDir, signal } = options;
  const { mirror } = dataDirPaths(dataDir);
  const suspects = new Set(options.suspects);
  const listed = catalog.snapshot().files.filter(({ path }) => suspects.has(path));
  const damaged = await checkFiles(mirror, listed, signal === undefined ? {} : { signal });
  const foundAt = new Date().toISOString();
  const quarantined = damaged.map(({ entry, damage }): QuarantinedFile => ({ entry, damage, foundAt }));
  if (quarantined.length > 0) {
    await catalog.commit({ add: [], remove: [], quarantine: quarantined });
    for (const { entry } of quarantined) {
      await setAside(options.fileSystem ?? nodeFileSystem, dataDir, entry.path).catch(() => undefined);
    }
  }
  const rebuilt: RebuiltFile[] = [];
  const lost: QuarantinedFile[] = [];
  const failed: string[] = [];
  const open = catalog.snapshot().quarantined.filter((file) => file.lost === undefined);
  for (const group of overlapping(open)) {
    signal?.throwIfAborted();
    const outcome = await rebuildGroup(options, group);
    rebuilt.push(...outcome.rebuilt);
    lost.push(...outcome.lost);
    if (outcome.failed !== undefined) failed.push(outcome.failed);
  }
  return { quarantined, rebuilt, lost, failed };
}

/** Moves a file below `quarantine/`, under a name that is free. A missing one is nothing to keep. */
async function setAside(fs: FileSystem, dataDir: string, path: string): Promise<void> {
  const { mirror, quarantine } = dataDirPaths(dataDir);
  const from = join(mirror, path);
  await fs.stat(from);
  const wanted = join(quarantine, path);
  await fs.mkdir(dirname(wanted));
  let to = wanted;
  for (let at = 1; await isThere(fs, to); at += 1) to = `${wanted}.${at}`;
  await fs.rename(from, to);
  await fs.syncDirectory(dirname(to));
}

async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  return await fs.stat(path).then(
    () => true,
    () => false,
  );
}

/** Files of one table whose parts of the journal overlap are rebuilt together: neither can tell its rows alone. */
function overlapping(files: readonly QuarantinedFile[]): QuarantinedFile[][] {
  const groups: QuarantinedFile[][] = [];
  const sorted = [...files].sort(({ entry: a }, { entry: b }) =>
    a.table < b.table ? -1 : a.table > b.table ? 1 : a.firstSeq - b.firstSeq,
  );
  let end = 0;
  for (const file of sorted) {
    const group = groups.at(-1);
    const { table, firstSeq, lastSeq } = file.entry;
    if (group?.[0]?.entry.table === table && (firstSeq <= end || table === SUPERSEDED_TABLE)) {
      group.push(file);
      end = Math.max(end, lastSeq);
    } else {
      groups.push([file]);
      end = lastSeq;
    }
  }
  return groups;
}

interface GroupOutcome {
  readonly rebuilt: readonly RebuiltFile[];
  readonly lost: readonly QuarantinedFile[];
  readonly failed?: string;
}

async function rebuildGroup(
  options: RepairOptions,
  group: readonly QuarantinedFile[],
): Promise<GroupOutcome> {
  const paths = group.map(({ entry }) => entry.path);
  let answer: RebuildAnswer;
  try {
    answer = await runRebuild(
      options,
      group.map(({ entry }) => entry),
    );
  } catch (error) {
    options.signal?.throwIfAborted();
    answer = { ok: false, message: errorMessage(error) };
  }
  if (!answer.ok) return { rebuilt: [], lost: [], failed: `${paths.join(", ")}: ${answer.message}` };
  const { add, losers, missing, rows } = answer;
  const expected = group.reduce((sum, { entry }) => sum + entry.rows, 0);
  // Level 0 also held the rows that lost; compaction had dropped them.
  const hidden = group.some(({ entry }) => entry.level === 0) ? losers : 0;
  const lostRows = missing.length === 0 ? 0 : Math.max(0, expected - rows - hidden);
  const [first] = group;
  if (lostRows === 0 || first === undefined) {
    await options.catalog.commit({ add, remove: [], settled: paths });
    return { rebuilt: paths.map((path, at) => ({ path, rows: at === 0 ? rows : 0 })), lost: [] };
  }
  // The loss of the whole group is noted once.
  const kept: QuarantinedFile = { ...first, lost: { rows: lostRows, seqs: missing } };
  await options.catalog.commit({ add, remove: [], quarantine: [kept], settled: paths.slice(1) });
  return { rebuilt: rows === 0 ? [] : [{ path: first.entry.path, rows }], lost: [kept] };
}

async function runRebuild(options: RepairOptions, damaged: readonly FileEntry[]): Promise<RebuildAnswer> {
  const paths = dataDirPaths(options.dataDir);
  const workDir = resolve(await mkdtemp(join(paths.temp, `${COMPACTION_FOLDER_PREFIX}rebuild-`)));
  const table = damaged[0]?.table ?? "";
  const source = table === SUPERSEDED_TABLE ? "spans" : table;
  const { files } = options.catalog.snapshot();
  const request: RebuildRequest = {
    mirrorDir: resolve(paths.mirror),
    journalDir: resolve(paths.journal),
    pricesDir: resolve(paths.prices),
    workDir,
    memoryMb: COMPACTION_MEMORY_MB,
    rowGroupRows: REBUILT_ROW_GROUP_ROWS,
    table,
    damaged,
    listed: files.filter((file) => file.table === source),
    logs: table === "spans" ? files.filter((file) => file.table === "span_logs") : [],
  };
  try {
    const exit = await runJsonChild<RebuildAnswer>(new URL("./rebuild.child.js", import.meta.url), request, {
      workDir,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      limits: {
        timeoutMs: COMPACTION_TIMEOUT_MS,
        memoryMb: COMPACTION_MEMORY_MB * 2 + SEAL_MEMORY_MB + QUERY_PROCESS_OVERHEAD_MB,
        cpuSeconds: COMPACTION_TIMEOUT_MS / 1000,
        fileBytesMax: QUERY_OUTPUT_BYTES_MAX,
      },
    });
    options.signal?.throwIfAborted();
    return exit.answer ?? { ok: false, message: `its process ended with ${exit.description}` };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}
