import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { readStoredCursors } from "../../collector/destinations.js";
import { completeLines, rewriteLines } from "../../exporters/core/dead-letter-file.js";
import { inflatePayload } from "../../exporters/core/payload.js";
import { nodeFileSystem } from "../../journal/index.js";
import { listSegments } from "../../journal/segment-listing.js";
import { CounterfoilError, type JsonObject } from "../../schema/index.js";
import { dataDirPaths, ESTATE_FOLDER_PREFIX } from "../../store/index.js";
import { longIdsOf, quotes, type Subject } from "../../store/erase/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { filesBelow, readJournalOnDisk } from "../offline.js";

const MIRROR = "mirror";
/** Folder of what imports remember, see `loop/import/langsmith/state.ts`. */
const IMPORT_STATES = "import";

/** Names of the destinations beside the mirror that have had something. */
export async function otherDestinations(dataDir: string): Promise<string[]> {
  return [...(await readStoredCursors(dataDir)).keys()].filter((name) => name !== MIRROR);
}

/**
 * What a destination has not taken yet is only in the journal, and the journal goes as a whole. Ends the command when that
 * would lose something.
 */
export async function refuseBacklog(dataDir: string): Promise<void> {
  const last = readJournalOnDisk(dataDir)?.lastSeq ?? 0;
  const behind = [...(await readStoredCursors(dataDir))].filter(
    ([name, { seq }]) => name !== MIRROR && seq < last,
  );
  if (behind.length === 0) return;
  const names = behind.map(([name, { seq }]) => `${name} (${last - seq} requests)`).join(", ");
  throw new CommandError(
    EXIT.failure,
    `The journal holds what has not been delivered to ${names}. Erasing removes the journal. Start the server until these have caught up, or give them up: take them out of the configuration and use \`counterfoil drop-destination\`. Then erase again. Nothing was erased.`,
  );
}

/** Removes every segment, oldest first, as trimming does: all of it is in the mirror. Its numbers go on after it. */
export async function removeJournal(dataDir: string): Promise<void> {
  const { journal } = dataDirPaths(dataDir);
  if (readJournalOnDisk(dataDir) === undefined) return;
  for (const { name } of listSegments(nodeFileSystem.sync, journal)) {
    await nodeFileSystem.unlink(join(journal, name));
    await nodeFileSystem.syncDirectory(journal);
  }
  // What is no segment by its name was never acknowledged.
  for (const path of filesBelow(journal)) if (path.endsWith(".cfj")) await nodeFileSystem.unlink(path);
  await nodeFileSystem.syncDirectory(journal);
}

/** An export that runs would go on writing what is erased here. Ends the command while there is one. */
export async function refuseExport(dataDir: string): Promise<void> {
  const { temp } = dataDirPaths(dataDir);
  for (const name of await readdir(temp).catch(() => [] as string[])) {
    const pid = Number(name.startsWith(ESTATE_FOLDER_PREFIX) ? name.split("-")[1] : Number.NaN);
    if (!Number.isSafeInteger(pid) || !isAlive(pid)) continue;
    throw new CommandError(
      EXIT.dataDirLocked,
      `Process ${pid} exports from ${dataDir}, and its copy would have what is to be erased. Wait until it is done, or stop it, then erase again. (If process ${pid} is something else, remove ${join(temp, name)}.)`,
    );
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Removes damaged files of the mirror that were set aside, and everything temporary. Ends the command as {@link refuseExport}. */
export async function removeAside(dataDir: string): Promise<void> {
  await refuseExport(dataDir);
  const { quarantine, temp } = dataDirPaths(dataDir);
  for (const folder of [quarantine, temp]) await rm(folder, { recursive: true, force: true });
  await mkdir(temp, { recursive: true, mode: 0o700 });
}

/** A subject with the ids of its traces' runs, by which records name them; see `Found`. */
interface KnownSubject extends Subject {
  readonly ids?: readonly string[];
}

/** Removes the subject's dead letters of every destination, or only counts them. Throws CF_DATA_DIR_IO. */
export async function eraseDeadLetters(
  dataDir: string,
  subject: KnownSubject,
  { onlyCount }: { readonly onlyCount: boolean },
): Promise<number> {
  const ids = new Set([...subject.traceIds, ...(subject.ids ?? [])]);
  let count = 0;
  for (const path of filesBelow(dataDirPaths(dataDir).deadLetters)) {
    if (!path.endsWith(".jsonl")) continue;
    const lines = completeLines(await readFile(path));
    const kept = lines.filter((line) => !isAbout(line, { path, subject, ids }));
    if (kept.length === lines.length) continue;
    count += lines.length - kept.length;
    if (!onlyCount) await rewriteLines(nodeFileSystem, path, kept);
  }
  return count;
}

/**
 * What imports remember of a project that names one of these runs, to ask for it again. Without it all of the project is read
 * again, and what is here is found to be here. Throws CF_DATA_DIR_IO.
 */
export async function eraseImportState(dataDir: string, { ids = [], traceIds }: KnownSubject): Promise<void> {
  const wanted = new Set([...traceIds, ...ids]);
  for (const path of filesBelow(join(dataDir, IMPORT_STATES))) {
    const text = await readFile(path, "utf8");
    if (!longIdsOf(text).some((id) => wanted.has(id))) continue;
    if (path.endsWith(".json")) {
      const state = JSON.parse(text) as { readonly projects: Readonly<Record<string, unknown>> };
      const kept = Object.entries(state.projects).filter(
        ([, project]) => !longIdsOf(JSON.stringify(project)).some((id) => wanted.has(id)),
      );
      await rewriteLines(nodeFileSystem, path, [
        JSON.stringify({ ...state, projects: Object.fromEntries(kept) }),
      ]);
    } else {
      // What a crash left beside it.
      await rm(path);
    }
  }
}

function isAbout(
  line: string,
  { path, subject, ids }: { path: string; subject: Subject; ids: ReadonlySet<string> },
): boolean {
  const named = [...subject.userIds, ...subject.threadIds];
  if (quotes(line, named) || longIdsOf(line).some((id) => ids.has(id))) return true;
  const letter = letterOf(line, path);
  return namesSpan(letter, ids) || isBytesAbout(letter, named, subject.traceIds);
}

/** Whether a record names a run by the id of its span alone, as feedback may. The ids of runs have those of spans at their end. */
function namesSpan({ records = [] }: Letter, ids: ReadonlySet<string>): boolean {
  return records.some(({ data }) => {
    const { span_id: span, trace_id: trace = null } = data ?? {};
    return trace === null && typeof span === "string" && ids.has(span.toLowerCase().padStart(32, "0"));
  });
}

/** What erasing reads of a dead letter. */
interface Letter {
  readonly records?: readonly { readonly data?: JsonObject | null }[];
  readonly payload_base64?: string;
  readonly encoding?: Parameters<typeof inflatePayload>[0];
}

/** A line that nobody can read may be anybody's: to pass over it would be to say that it is erased. */
function letterOf(line: string, path: string): Letter {
  try {
    return JSON.parse(line) as Letter;
  } catch (error) {
    throw new CounterfoilError(
      "CF_DATA_DIR_IO",
      `${path} has a line that is no dead letter, so that nobody can tell whose it is. Remove that line, then erase again.`,
      { cause: error },
    );
  }
}

/** Of a request that nobody could decode there are only its bytes. */
function isBytesAbout(
  { payload_base64: payload, encoding }: Letter,
  named: readonly string[],
  traces: readonly string[],
): boolean {
  if (payload === undefined) return false;
  const stored = Buffer.from(payload, "base64");
  const bodies = [stored, inflated(stored, encoding ?? "identity")];
  const needles = [
    ...named.map((id) => Buffer.from(id, "utf8")),
    ...traces.map((id) => Buffer.from(id, "hex")),
  ];
  return bodies.some((body) => needles.some((needle) => body.includes(needle)));
}

function inflated(stored: Buffer, encoding: Parameters<typeof inflatePayload>[0]): Buffer {
  try {
    return Buffer.from(inflatePayload(encoding, stored));
  } catch {
    return stored;
  }
}
