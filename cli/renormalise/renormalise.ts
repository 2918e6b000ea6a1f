import { mkdir } from "node:fs/promises";
import {
  type CatalogSnapshot,
  dataDirOwner,
  dataDirPaths,
  type FileEntry,
  filesToRenormalise,
  lockDataDir,
  openCatalog,
  readCatalog,
  type RewriteReport,
  rewriteSpans,
  type SpanRewrite,
  sumOfCosts,
} from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { readMirrorOnDisk } from "../offline.js";
import { callServer, findServer, type HttpServer } from "../server-client.js";

/** Files that the server is asked for at once: it answers when they are done, and that is when progress moves. */
const FILES_PER_CALL = 8;
/** A call may wait for compaction, and then rewrites up to {@link FILES_PER_CALL} large files. */
const CALL_TIMEOUT_MS = 60 * 60 * 1000;

/** What to renormalise, and how. */
export interface RenormaliseRequest {
  readonly rewrite: SpanRewrite;
  readonly dataDir: string;
  readonly all: boolean;
  readonly sinceUnixNano: bigint | undefined;
  readonly dryRun: boolean;
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
  readonly signal: AbortSignal;
}

const NOTHING: RewriteReport = {
  files: 0,
  rows: 0,
  changes: {},
  cost: { beforeUsd: 0, afterUsd: 0 },
  damaged: [],
};

/** Renormalises a data directory: by itself or, when a server owns it, through that server. */
export async function renormalise(request: RenormaliseRequest): Promise<RewriteReport> {
  const { dataDir } = request;
  if (readMirrorOnDisk(dataDir) === undefined) return NOTHING;
  if (request.dryRun) return await look(request);
  const server = findServer(dataDir);
  if (server !== undefined) return await throughServer(request, server);
  const owner = await dataDirOwner(dataDir);
  if (owner !== undefined) {
    throw new CommandError(
      EXIT.dataDirLocked,
      `Process ${owner.pid} owns ${dataDir} and has no HTTP port to ask. Stop it, or add --dry-run to look only.`,
    );
  }
  return await alone(request);
}

function wantedOf({ all, sinceUnixNano }: RenormaliseRequest, { files }: CatalogSnapshot): FileEntry[] {
  return filesToRenormalise(files, { all, sinceUnixNano });
}

const bytesOf = (files: readonly FileEntry[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0);

/** Counts, over the files as they are now; a server may go on meanwhile. */
async function look(request: RenormaliseRequest): Promise<RewriteReport> {
  const { dataDir, onProgress, signal } = request;
  const { mirror, temp } = dataDirPaths(dataDir);
  const snapshot = readCatalog(mirror);
  const wanted = wantedOf(request, snapshot);
  await mkdir(temp, { recursive: true, mode: 0o700 });
  return await rewriteSpans({
    dataDir,
    catalog: {
      snapshot: () => snapshot,
      commit: () => Promise.reject(new Error("a dry run commits nothing")),
    },
    rewrite: request.rewrite,
    paths: wanted.map(({ path }) => path),
    dryRun: true,
    onProgress: (done) => onProgress(done, bytesOf(wanted)),
    signal,
  });
}

/** Without a server: this process owns the data directory meanwhile. */
async function alone(request: RenormaliseRequest): Promise<RewriteReport> {
  const { dataDir, onProgress, signal } = request;
  const { mirror, temp } = dataDirPaths(dataDir);
  const lock = await lockDataDir(dataDir);
  try {
    const catalog = await openCatalog({ mirrorDir: mirror });
    try {
      await mkdir(temp, { recursive: true, mode: 0o700 });
      const wanted = wantedOf(request, catalog.snapshot());
      return await rewriteSpans({
        dataDir,
        catalog,
        rewrite: request.rewrite,
        paths: wanted.map(({ path }) => path),
        onProgress: (done) => onProgress(done, bytesOf(wanted)),
        signal,
      });
    } finally {
      await catalog.close();
    }
  } finally {
    await lock.release();
  }
}

/** A few files a call. What the server compacted in the meantime is found again by its rows' rule set. */
async function throughServer(request: RenormaliseRequest, server: HttpServer): Promise<RewriteReport> {
  const { mirror } = dataDirPaths(request.dataDir);
  const before = wantedOf(request, readCatalog(mirror));
  const chosen = new Set(before.map(({ path }) => path));
  const asked = new Set<string>();
  const total = bytesOf(before);
  let report = NOTHING;
  let done = 0;
  for (;;) {
    const left = wantedOf(request, readCatalog(mirror)).filter(
      ({ path }) => !asked.has(path) && (!request.all || chosen.has(path)),
    );
    const files = left.slice(0, FILES_PER_CALL);
    if (files.length === 0) return report;
    for (const { path } of files) asked.add(path);
    const paths = files.map(({ path }) => path);
    const call = {
      method: "POST",
      path: "/api/v1/renormalise",
      body: { paths, reprice: request.rewrite.kind === "reprice" },
    } as const;
    const options = { ...call, signal: request.signal, timeoutMs: CALL_TIMEOUT_MS };
    report = sum(report, (await callServer(server, options)) as RewriteReport);
    done += bytesOf(files);
    request.onProgress(Math.min(done, total), total);
  }
}

function sum(a: RewriteReport, b: RewriteReport): RewriteReport {
  const changes = new Map(Object.entries(a.changes));
  for (const [column, count] of Object.entries(b.changes)) {
    changes.set(column, (changes.get(column) ?? 0) + count);
  }
  return {
    files: a.files + b.files,
    rows: a.rows + b.rows,
    changes: Object.fromEntries(changes),
    cost: sumOfCosts(a.cost, b.cost),
    damaged: [...a.damaged, ...b.damaged],
  };
}
