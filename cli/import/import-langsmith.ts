import { setTimeout as sleep } from "node:timers/promises";
import {
  createServerDoor,
  type ImportDoor,
  importLangSmith,
  type ImportReport,
  LangSmithSource,
} from "../../loop/index.js";
import { errorMessage } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { createProgress } from "../output/progress.js";
import { inertLines } from "../output/text.js";
import { receivingServer } from "./receiving-server.js";
import { reportText } from "./report-text.js";

/** Which LangSmith, and what of it. */
export interface LangSmithOptions {
  readonly dataDir: string;
  readonly endpoint: string;
  readonly workspace?: string;
  readonly projects?: readonly string[];
  readonly since?: Date;
  readonly rate?: number;
  readonly json?: boolean;
}

/** Options of `import langsmith`. */
export interface ImportLangSmithOptions extends LangSmithOptions {
  readonly follow?: boolean;
  /** Milliseconds. */
  readonly interval: number;
}

/** Feedback that was given earlier than this is not read again by each look of `--follow`. */
const FOLLOW_FEEDBACK_MS = 7 * 86_400_000;

/** What {@link LangSmithOptions} name, with the keys of the environment. */
export function langSmithSource(options: LangSmithOptions, io: Io): LangSmithSource {
  return new LangSmithSource({
    endpoint: options.endpoint,
    apiKey: io.env["LANGSMITH_API_KEY"],
    workspaceId: options.workspace,
    requestsPerSecond: options.rate,
    signal: io.signal,
  });
}

/** Does something with the server on the data directory, which is started for it if none runs. */
export async function withDoor<T>(
  { dataDir, endpoint }: Pick<LangSmithOptions, "dataDir"> & Partial<LangSmithOptions>,
  io: Io,
  work: (door: ImportDoor, url: string) => Promise<T>,
): Promise<T> {
  const server = await receivingServer(dataDir);
  try {
    if (endpoint !== undefined) checkOther(endpoint, server.url);
    const apiKey = io.env["COUNTERFOIL_API_KEY"];
    const door = createServerDoor({ endpoint: server.url, apiKey, dataDir, signal: io.signal });
    try {
      return await work(door, server.url);
    } finally {
      await door.close();
    }
  } finally {
    await server.stop();
  }
}

/** Imports once, or until it is interrupted, and prints what became of everything. */
export async function runImportLangSmith(options: ImportLangSmithOptions, io: Io): Promise<void> {
  // Before anything is started: a wrong address is the user's to mend.
  langSmithSource(options, io);
  await withDoor(options, io, async (door) => {
    const once = (feedbackSince: Date | undefined): Promise<ImportReport> =>
      look(options, { door, feedbackSince }, io);
    const report = await once(undefined);
    await write(io.stdout, textOf(report, options));
    if (!report.complete) io.exitCode = EXIT.failure;
    if (options.follow === true) await follow(options, once, io);
  });
}

/** LANGSMITH_ENDPOINT may point at Counterfoil itself, for the SDK. */
function checkOther(endpoint: string, own: string): void {
  if (new URL(endpoint).host.replace("localhost", "127.0.0.1") !== new URL(own).host) return;
  throw new CommandError(
    EXIT.usage,
    `${endpoint} is the server on this data directory itself. Name LangSmith's address with --endpoint.`,
  );
}

async function look(
  options: ImportLangSmithOptions,
  { door, feedbackSince }: { door: ImportDoor; feedbackSince: Date | undefined },
  io: Io,
): Promise<ImportReport> {
  const progress = createProgress({ label: "importing", stream: io.stderr, unit: "things" });
  try {
    return await importLangSmith({
      source: langSmithSource(options, io),
      door,
      dataDir: options.dataDir,
      workspaceId: options.workspace,
      projects: options.projects,
      since: options.since,
      feedbackSince,
      onProgress: (what, done, total) => progress.update(done, total, what),
    });
  } finally {
    progress.end();
  }
}

/** Looks again after each interval until the user stops it, which is its normal end. An outage is waited out. */
export async function follow(
  options: Pick<ImportLangSmithOptions, "interval" | "json" | "follow">,
  once: (feedbackSince: Date | undefined) => Promise<ImportReport>,
  io: Io,
): Promise<void> {
  for (;;) {
    try {
      await sleep(options.interval, undefined, { signal: io.signal });
      const report = await once(new Date(Date.now() - FOLLOW_FEEDBACK_MS));
      const isNews = !report.complete || report.types.some(({ stored }) => stored > 0);
      if (isNews) await write(io.stdout, textOf(report, options));
      if (!report.complete) io.exitCode = EXIT.failure;
    } catch (error) {
      if (io.signal.aborted) return;
      await write(io.stderr, `${io.paintError.warn("warning:")} ${inertLines(errorMessage(error))}\n`);
    }
  }
}

function textOf(
  report: ImportReport,
  { json, follow }: Pick<ImportLangSmithOptions, "json" | "follow">,
): string {
  if (json !== true) return reportText(report);
  // With --follow one report a line, so that a program can read them as they come.
  return `${JSON.stringify(report, null, follow === true ? undefined : 2)}\n`;
}
