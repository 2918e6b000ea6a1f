import { dirname } from "node:path";
import { journalCorruptError, journalIoError } from "./errors.js";
import { type FileSystem, systemErrorCode, writeFileAtomically } from "./file-system.js";
import { nodeFileSystem } from "./node-file-system.js";

/**
 * A small JSON object on disk that is replaced as a whole: the durable position of one destination. A crash at any moment
 * leaves the old or the new state. The type is what the caller writes: `load` only checks that it is a JSON object.
 */
export class CursorFile<State extends object> {
  readonly path: string;
  readonly #fs: FileSystem;
  #saving: Promise<void> | undefined;
  #next: { state: State; done: Promise<void> } | undefined;

  constructor(path: string, fileSystem: FileSystem = nodeFileSystem) {
    this.path = path;
    this.#fs = fileSystem;
  }

  /**
   * The saved state; undefined when there is no file. What it returns is durable: the process that saved it may have died
   * before the file's name was. Throws CF_JOURNAL_CORRUPT (not JSON) or CF_JOURNAL_IO.
   */
  async load(): Promise<State | undefined> {
    try {
      const bytes = await this.#fs.readFile(this.path);
      await this.#fs.syncDirectory(dirname(this.path));
      return parseState<State>(this.path, bytes);
    } catch (error) {
      return absentOrThrow(this.path, error);
    }
  }

  /** The same without that promise, blocking: for worker threads, and for those who only show it. */
  loadSync(): State | undefined {
    try {
      return parseState<State>(this.path, this.#fs.sync.readFile(this.path));
    } catch (error) {
      return absentOrThrow(this.path, error);
    }
  }

  /**
   * Resolves when this state or a later one is on disk. One write at a time; of the states that wait, only the latest is
   * written. Throws CF_JOURNAL_IO (retryable); the file then holds an earlier state, or this one if only the last
   * step, the sync of the folder, failed.
   */
  save(state: State): Promise<void> {
    if (this.#next !== undefined) {
      this.#next.state = state;
      return this.#next.done;
    }
    if (this.#saving === undefined) {
      this.#saving = this.#write(state).finally(() => {
        this.#saving = undefined;
      });
      return this.#saving;
    }
    const next = { state, done: Promise.resolve() };
    this.#next = next;
    next.done = this.#saving
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.save(next.state);
      });
    return next.done;
  }

  async #write(state: State): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(state)}\n`);
    try {
      await writeFileAtomically(this.#fs, this.path, bytes);
    } catch (error) {
      throw journalIoError("saving a cursor", this.path, error);
    }
  }
}

function parseState<State extends object>(path: string, bytes: Uint8Array): State {
  let state: unknown;
  try {
    state = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw damaged(path, error);
  }
  if (typeof state !== "object" || state === null || Array.isArray(state)) throw damaged(path, undefined);
  return state as State;
}

function damaged(path: string, cause: unknown): Error {
  return journalCorruptError(
    `The cursor file ${path} is not a JSON object. Restore it from a backup, or remove it: the destination then ` +
      "starts again from the oldest record in the journal.",
    cause,
  );
}

function absentOrThrow(path: string, error: unknown): undefined {
  const code = systemErrorCode(error);
  if (code === "ENOENT") return undefined;
  if (code.startsWith("CF_")) throw error;
  throw journalIoError("reading a cursor", path, error);
}
