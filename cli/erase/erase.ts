import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { encodeRecords, type JsonObject } from "../../schema/index.js";
import { dataDirOwner, dataDirPaths, lockDataDir, openCatalog, readCatalog } from "../../store/index.js";
import { EraseMirror, type Found, type Subject } from "../../store/erase/index.js";
import { openDoor, settleMirror } from "../bundle/doors.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { readMirrorOnDisk } from "../offline.js";
import { findServer } from "../server-client.js";
import {
  eraseDeadLetters,
  eraseImportState,
  otherDestinations,
  refuseBacklog,
  refuseExport,
  removeAside,
  removeJournal,
} from "./beside-mirror.js";
import { type PendingErasure, pendingErasures, removePending, savePending } from "./pending.js";

/** What to erase, and how. */
export interface EraseRequest {
  readonly dataDir: string;
  /** Without one only what was begun before is finished. */
  readonly subject: Subject | undefined;
  readonly reference?: string | undefined;
  /** Look only. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Is told before each step of the work; what it throws stops there, as a crash would. */
  readonly onStep?: (step: EraseStep) => void;
}

/** The steps, in their order. */
export const ERASE_STEPS = ["mirror", "old files", "journal", "dead letters", "audit", "end"] as const;
export type EraseStep = (typeof ERASE_STEPS)[number];

/** What was found, and erased unless it was a dry run. */
export interface EraseReport {
  readonly traces: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly deadLetters: number;
  /** Erasures that had been begun before and are finished now. */
  readonly resumed: number;
  /** Destinations that may have copies. */
  readonly destinations: readonly string[];
}

/**
 * Erases a subject's data from everything in a data directory. What it is about is written down first and forgotten last,
 * so that an erasure that died half-way is finished by the next one. Ends the command when a server runs, or when the
 * journal holds what others still need.
 */
export async function erase(request: EraseRequest): Promise<EraseReport> {
  const { dataDir, dryRun, signal } = request;
  await refuseServer(dataDir);
  await settleMirror(dataDir, signal);
  if (!dryRun) {
    await refuseBacklog(dataDir);
    await refuseExport(dataDir);
  }
  const destinations = await otherDestinations(dataDir);
  const pending = pendingErasures(dataDir);
  const nothing = { traces: 0, rows: {}, deadLetters: 0, resumed: 0, destinations };
  if (readMirrorOnDisk(dataDir) === undefined) return nothing;
  if (dryRun) {
    if (request.subject === undefined) return { ...nothing, resumed: pending.length };
    const { deadLetters, found } = await look(dataDir, request.subject);
    return { ...nothing, traces: found.traceIds.length, rows: found.rows, deadLetters };
  }
  for (const erasure of pending) await finish(request, erasure);
  if (request.subject === undefined) return { ...nothing, resumed: pending.length };
  const { deadLetters, found } = await look(dataDir, request.subject);
  const report = {
    traces: found.traceIds.length,
    rows: found.rows,
    deadLetters,
    resumed: pending.length,
    destinations,
  };
  if (found.traceIds.length + deadLetters + Object.keys(found.rows).length === 0) return report;
  const erasure: PendingErasure = {
    id: randomUUID(),
    begunAt: new Date().toISOString(),
    ...(request.reference === undefined ? {} : { reference: request.reference }),
    ...request.subject,
    traceIds: found.traceIds,
    ids: found.ids,
    rows: found.rows,
    deadLetters,
  };
  await savePending(dataDir, erasure);
  await finish(request, erasure, by(request.subject));
  return report;
}

async function refuseServer(dataDir: string): Promise<void> {
  const owner = findServer(dataDir)?.pid ?? (await dataDirOwner(dataDir))?.pid;
  if (owner === undefined) return;
  throw new CommandError(
    EXIT.dataDirLocked,
    `Process ${owner} runs on ${dataDir}. Stop it first: erasing writes the mirror and the journal anew.`,
  );
}

async function look(dataDir: string, subject: Subject): Promise<{ found: Found; deadLetters: number }> {
  const { mirror } = dataDirPaths(dataDir);
  const snapshot = readCatalog(mirror);
  const catalog = { snapshot: () => snapshot, commit: () => Promise.reject(new Error("only looking")) };
  const eraser = await EraseMirror.open({ mirrorDir: mirror, workDir: workDir(dataDir), catalog }, subject);
  try {
    const found = await eraser.find();
    const whole = { ...subject, traceIds: found.traceIds, ids: found.ids };
    return { found, deadLetters: await eraseDeadLetters(dataDir, whole, { onlyCount: true }) };
  } finally {
    eraser.close();
  }
}

/** Every step can be done again. */
async function finish(request: EraseRequest, erasure: PendingErasure, what?: string): Promise<void> {
  const { dataDir } = request;
  const step = (name: EraseStep): void => request.onStep?.(name);
  const lock = await lockDataDir(dataDir);
  try {
    const { mirror } = dataDirPaths(dataDir);
    const catalog = await openCatalog({ mirrorDir: mirror, graceMs: 0 });
    try {
      step("mirror");
      const eraser = await EraseMirror.open(
        { mirrorDir: mirror, workDir: workDir(dataDir), catalog },
        erasure,
      );
      await eraser.erase().finally(() => eraser.close());
      step("old files");
      const settled = catalog.snapshot().quarantined.map(({ entry }) => entry.path);
      if (settled.length > 0) await catalog.commit({ add: [], remove: [], settled });
      await catalog.flush();
      await catalog.sweep();
    } finally {
      await catalog.close();
    }
    await removeAside(dataDir);
    step("journal");
    await removeJournal(dataDir);
    step("dead letters");
    await eraseDeadLetters(dataDir, erasure, { onlyCount: false });
    await eraseImportState(dataDir, erasure);
  } finally {
    await lock.release();
  }
  step("audit");
  await audit(request, erasure, what ?? by(erasure));
  step("end");
  await removePending(dataDir, erasure);
}

/** That it was done, and how much: nothing of whom or what. The same id again is the same record. */
async function audit(
  { dataDir, signal }: EraseRequest,
  { id, begunAt, deadLetters, reference, rows, traceIds }: PendingErasure,
  what: string,
): Promise<void> {
  const data: JsonObject = {
    by: what,
    ...(reference === undefined ? {} : { reference }),
    traces: traceIds.length,
    rows: { ...rows },
    dead_letters: deadLetters,
    begun_at: begunAt,
  };
  const change = {
    type: "erasure",
    id,
    op: "put",
    time: new Date().toISOString(),
    source: "api",
    data,
  } as const;
  const door = await openDoor(dataDir, signal);
  try {
    const payload = encodeRecords([change]);
    await door.append([{ signal: "records", payload, itemCount: 1, receivedUnixNano: undefined }]);
    await door.settle();
  } finally {
    await door.close();
  }
}

function by({ threadIds, traceIds, userIds }: Subject): string {
  const used = [
    ...(userIds.length > 0 ? ["user_id"] : []),
    ...(threadIds.length > 0 ? ["thread_id"] : []),
    ...(traceIds.length > 0 && userIds.length + threadIds.length === 0 ? ["trace_id"] : []),
  ];
  return used.length === 1 ? (used[0] ?? "several") : "several";
}

function workDir(dataDir: string): string {
  return join(dataDirPaths(dataDir).temp, `erase-${process.pid}`);
}
