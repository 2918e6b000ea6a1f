import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  type CatalogSnapshot,
  checkFiles,
  checkJournal,
  type DamagedFile,
  dataDirOwner,
  dataDirPaths,
  type FileCatalog,
  lockDataDir,
  openCatalog,
  readCatalog,
  repairMirror,
  type RepairReport,
} from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { readMirrorOnDisk } from "../offline.js";
import { callServer, findServer } from "../server-client.js";
import type { ScrubOutcome } from "./types.js";

/** A repair reads as much of the journal as the damaged files span. */
const REPAIR_TIMEOUT_MS = 60 * 60 * 1000;

/** What to scrub, and how. */
export interface ScrubRequest {
  readonly dataDir: string;
  /** Look only. */
  readonly check: boolean;
  readonly acceptLoss: boolean;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
  readonly signal: AbortSignal;
}

/** Checks a data directory, and repairs it by itself or, when a server owns it, through that server. */
export async function scrub(request: ScrubRequest): Promise<ScrubOutcome> {
  if (request.check) return await look(request);
  const server = findServer(request.dataDir);
  if (server !== undefined) {
    return await look(request, async (paths) => {
      const call = { method: "POST", path: "/api/v1/repair", body: { paths } } as const;
      const options = { ...call, signal: request.signal, timeoutMs: REPAIR_TIMEOUT_MS };
      return (await callServer(server, options)) as RepairReport;
    });
  }
  const owner = await dataDirOwner(request.dataDir);
  if (owner !== undefined) {
    throw new CommandError(
      EXIT.dataDirLocked,
      `Process ${owner.pid} owns ${request.dataDir} and has no HTTP port to ask for a repair. Stop it, or add --check to look only.`,
    );
  }
  return await alone(request);
}

/** Without a server: this process owns the data directory meanwhile. */
async function alone(request: ScrubRequest): Promise<ScrubOutcome> {
  const { dataDir, signal } = request;
  const lock = await lockDataDir(dataDir);
  try {
    const { mirror } = dataDirPaths(dataDir);
    const catalog = existsSync(join(mirror, "manifest.jsonl"))
      ? await openCatalog({ mirrorDir: mirror })
      : undefined;
    try {
      const outcome = await look(
        request,
        catalog && ((suspects) => repairMirror({ dataDir, catalog, suspects, signal })),
      );
      if (catalog === undefined || !request.acceptLoss) return outcome;
      await forget(catalog);
      return { ...outcome, lost: [] };
    } finally {
      await catalog?.close();
    }
  } finally {
    await lock.release();
  }
}

/** Takes the record of lost rows off the mirror. The set-aside files stay on disk. */
async function forget(catalog: FileCatalog): Promise<void> {
  const settled = catalog
    .snapshot()
    .quarantined.filter(({ lost }) => lost !== undefined)
    .map(({ entry }) => entry.path);
  await catalog.commit({ add: [], remove: [], settled });
}

async function look(
  request: ScrubRequest,
  repair?: (paths: readonly string[]) => Promise<RepairReport>,
): Promise<ScrubOutcome> {
  const { dataDir, signal } = request;
  const paths = dataDirPaths(dataDir);
  const snapshot = readMirrorOnDisk(dataDir);
  const files = snapshot?.files ?? [];
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const total = bytes + (await bytesOf(paths.journal));
  let done = 0;
  const onBytes = (more: number): void => request.onProgress((done += more), total);
  const damaged = await checkFiles(paths.mirror, files, { onBytes, signal });
  const journal = existsSync(paths.journal)
    ? await checkJournal(paths.journal, { onBytes, signal })
    : undefined;
  const still = damaged.length === 0 ? [] : stillListed(damaged, readCatalog(paths.mirror));
  const open = snapshot?.quarantined.filter(({ lost }) => lost === undefined) ?? [];
  const repaired =
    repair !== undefined && still.length + open.length > 0
      ? await repair(still.map(({ entry }) => entry.path))
      : undefined;
  const lost = readMirrorOnDisk(dataDir)?.quarantined.filter((file) => file.lost !== undefined) ?? [];
  const failed =
    repaired?.failed ??
    [...still, ...open].map(({ entry }) => `${entry.path}: nothing was changed (--check)`);
  return {
    files: files.length,
    bytes,
    damaged: still,
    rebuilt: repaired?.rebuilt ?? [],
    lost,
    failed,
    journal,
  };
}

/** A file that compaction replaced while this looked is no damage. */
function stillListed(damaged: readonly DamagedFile[], { files }: CatalogSnapshot): DamagedFile[] {
  const listed = new Set(files.map(({ path }) => path));
  return damaged.filter(({ entry }) => listed.has(entry.path));
}

async function bytesOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    bytes += await stat(join(folder, name)).then(
      ({ size }) => size,
      () => 0,
    );
  }
  return bytes;
}
