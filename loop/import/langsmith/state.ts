import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { CounterfoilError, errorMessage } from "../../../schema/index.js";
import type { RunWindow } from "./run-pages.js";

/** How far the runs of a project are here. */
export interface ProjectState {
  /** Runs that started in between were read to the end. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** Ids of runs that could not be stored whole: they are asked for again. */
  readonly again?: readonly string[];
  /** Begun, not ended: each with the position behind what is stored. */
  readonly pending: readonly RunWindow[];
}

/** What an import remembers of one source. Without it everything is read again, and found to be here. */
export interface ImportState {
  readonly version: 1;
  readonly endpoint: string;
  /** By id. */
  readonly projects: Record<string, ProjectState>;
  /** The newest version of each dataset that is here, RFC 3339, by the dataset's id. */
  readonly datasets: Record<string, string>;
}

/** Keeps an import's state in a file of the data directory, one for each source. */
export class StateFile {
  readonly path: string;
  readonly state: ImportState;

  /** Reads it; a source that was never imported has an empty one. Throws CF_DATA_DIR_IO when it can't be read. */
  constructor(dataDir: string, endpoint: string, workspaceId: string | undefined) {
    const source = workspaceId === undefined ? endpoint : `${endpoint} ${workspaceId}`;
    const name = createHash("sha256").update(source).digest("hex").slice(0, 16);
    this.path = join(dataDir, "import", `langsmith-${name}.json`);
    this.state = readState(this.path) ?? { version: 1, endpoint, projects: {}, datasets: {} };
  }

  /** Makes it durable. What it says must be durable before. Throws CF_DATA_DIR_IO. */
  save(): void {
    try {
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      const file = openSync(`${this.path}.tmp`, "w", 0o600);
      try {
        writeSync(file, `${JSON.stringify(this.state, null, 2)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(`${this.path}.tmp`, this.path);
    } catch (error) {
      throw new CounterfoilError("CF_DATA_DIR_IO", `Can't write ${this.path}: ${errorMessage(error)}.`, {
        cause: error,
      });
    }
  }
}

function readState(path: string): ImportState | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CounterfoilError("CF_DATA_DIR_IO", `Can't read ${path}: ${errorMessage(error)}.`, {
      cause: error,
    });
  }
  try {
    const state = JSON.parse(text) as ImportState;
    if (state.version === 1) return state;
  } catch {
    // Below.
  }
  const what = `${path} is damaged or of another version`;
  throw new CounterfoilError(
    "CF_DATA_DIR_IO",
    `${what}. Remove it: the import then reads everything again, and stores nothing twice.`,
  );
}

/** Earlier than any run. */
const EARLIEST = "1970-01-01T00:00:01Z";
/** Runs change after they started: what is younger than this at the last import is read again. */
const OVERLAP_MS = 24 * 3_600_000;

/** The windows that a project still needs to be complete from `since` until `now`; the state's pending ones come first. */
export function windowsFor(state: ProjectState | undefined, now: Date, since: Date | undefined): RunWindow[] {
  const from = since?.toISOString() ?? EARLIEST;
  const to = now.toISOString();
  const pending = [...(state?.pending ?? [])];
  // What is pending will be here then.
  const starts = [state?.from, ...pending.map((window) => window.from)].filter((time) => time !== undefined);
  const ends = [state?.until, ...pending.map((window) => window.to)].filter((time) => time !== undefined);
  const known = { from: earliest(starts), until: latest(ends) };
  if (known.from === undefined || known.until === undefined) return [{ from, to }];
  const windows = pending;
  if (Date.parse(from) < Date.parse(known.from)) windows.push({ from, to: known.from });
  const again = new Date(Math.max(Date.parse(known.until) - OVERLAP_MS, Date.parse(from))).toISOString();
  if (Date.parse(again) < now.getTime()) windows.push({ from: again, to });
  return windows;
}

/** The state after a window was read to its end. */
export function windowDone(state: ProjectState | undefined, window: RunWindow): ProjectState {
  const pending = (state?.pending ?? []).filter((each) => each.from !== window.from || each.to !== window.to);
  const starts = [window.from, ...(state?.from === undefined ? [] : [state.from])];
  const ends = [window.to, ...(state?.until === undefined ? [] : [state.until])];
  return { ...state, from: earliest(starts), until: latest(ends), pending };
}

/** The state after a page of a window was stored. */
export function windowAt(state: ProjectState | undefined, window: RunWindow): ProjectState {
  const others = (state?.pending ?? []).filter((each) => each.from !== window.from || each.to !== window.to);
  return { ...state, pending: [...others, window] };
}

function earliest(times: readonly string[]): string | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => (Date.parse(b) < Date.parse(a) ? b : a));
}

function latest(times: readonly string[]): string | undefined {
  return times.length === 0 ? undefined : times.reduce((a, b) => (Date.parse(b) > Date.parse(a) ? b : a));
}
