import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Destination, DestinationStats } from "../exporters/types.js";
import {
  CursorFile,
  type FileSystem,
  type ItemCounts,
  type Journal,
  type JournalTail,
  nodeFileSystem,
  storedCounts,
} from "../journal/index.js";
import { CounterfoilError, errorMessage } from "../schema/index.js";
import { dataDirPaths } from "../store/index.js";
import type { Logger } from "./telemetry/logger.js";

/** The journal is trimmed at most this often, milliseconds. */
const TRIM_INTERVAL_MS = 1_000;

/** The part of every cursor file that is common. */
interface StoredCursor {
  readonly seq: number;
  readonly counts: ItemCounts;
}

/** A destination that is no longer configured but still holds what it has not delivered. */
export interface RemovedDestination {
  readonly name: string;
  readonly cursorSeq: number;
}

/** The cursors on disk, by destination. A file that can't be read counts as position 0: it holds everything. */
export async function readStoredCursors(
  dataDir: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<Map<string, JournalTail>> {
  const files = await readCursorFiles<StoredCursor>(dataDir, fileSystem);
  return new Map(
    [...files].map(([name, state]) => [name, { seq: state?.seq ?? 0, counts: storedCounts(state?.counts) }]),
  );
}

/** What the cursor files hold, by destination; undefined for one that can't be read. */
export async function readCursorFiles<State extends object>(
  dataDir: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<Map<string, State | undefined>> {
  const { cursors } = dataDirPaths(dataDir);
  const found = new Map<string, State | undefined>();
  for (const file of await fileSystem.readdir(cursors).catch(() => [])) {
    if (!file.endsWith(".json") || file.endsWith(".replay.json")) continue;
    const state = await new CursorFile<State>(join(cursors, file), fileSystem).load().catch(() => undefined);
    found.set(decodeURIComponent(file.slice(0, -".json".length)), state);
  }
  return found;
}

/** All destinations of a service over one journal: notified, their cursors passed on, each failing alone (I2). */
export class DestinationSet {
  readonly #journal: Journal;
  readonly #dataDir: string;
  readonly #log: Logger;
  readonly #all: readonly Destination[];
  readonly #removed = new Map<string, number>();
  #unsubscribe: () => void = () => undefined;
  #trimTimer: NodeJS.Timeout | undefined;

  constructor(options: {
    journal: Journal;
    dataDir: string;
    log: Logger;
    destinations: readonly Destination[];
  }) {
    this.#journal = options.journal;
    this.#dataDir = options.dataDir;
    this.#log = options.log;
    this.#all = options.destinations;
  }

  /** Holds the journal for everyone, then starts all. Only a mirror that can't start is an error of the whole. */
  async start(stored: ReadonlyMap<string, JournalTail>, dropped: readonly string[]): Promise<void> {
    const names = new Set(this.#all.map(({ name }) => name));
    // Before anything moves: a destination without a cursor must not let the journal be trimmed in front of it.
    for (const { name } of this.#all) this.#journal.setCursor(name, stored.get(name)?.seq ?? 0);
    for (const [name, { seq }] of stored) {
      if (names.has(name)) continue;
      this.#removed.set(name, seq);
      this.#journal.setCursor(name, seq);
      if (dropped.includes(name)) this.drop(name);
      else this.#warnRemoved(name, seq);
    }
    const tail = this.#journal.tail();
    for (const destination of this.#all) {
      destination.onCursor((seq) => this.#moved(destination.name, seq));
    }
    this.#unsubscribe = this.#journal.onDurable((newTail) => {
      for (const destination of this.#all) destination.notify(newTail);
    });
    await Promise.all(this.#all.map((destination) => this.#startOne(destination, tail)));
  }

  /** One destination by name. Throws CF_NOT_FOUND, which names those that are there. */
  get(name: string): Destination {
    const found = this.#all.find((destination) => destination.name === name);
    if (found !== undefined) return found;
    const known = this.#all.map((destination) => destination.name).join(", ");
    throw new CounterfoilError("CF_NOT_FOUND", `There is no destination "${name}"; there are ${known}.`);
  }

  stats(): readonly DestinationStats[] {
    return this.#all.map((destination) => destination.stats());
  }

  removed(): readonly RemovedDestination[] {
    return [...this.#removed].map(([name, cursorSeq]) => ({ name, cursorSeq }));
  }

  /** Forgets a destination that is not configured any more, with its backlog. Throws CF_NOT_FOUND or CF_USAGE. */
  drop(name: string): void {
    if (!this.#removed.has(name)) {
      const configured = this.#all.some((destination) => destination.name === name);
      throw configured
        ? new CounterfoilError("CF_USAGE", `"${name}" is configured; take it out of the configuration first.`)
        : new CounterfoilError("CF_NOT_FOUND", `No removed destination is named "${name}".`);
    }
    rmSync(join(dataDirPaths(this.#dataDir).cursors, `${encodeURIComponent(name)}.json`), { force: true });
    this.#removed.delete(name);
    this.#journal.dropCursor(name);
    this.#log.warn({ destination: name }, "Dropped a removed destination; its undelivered data is given up");
    this.#trimSoon();
  }

  /** Flushes all, or one. Rejects when any is not done in time. */
  async flush(deadlineMs: number, name?: string): Promise<void> {
    const chosen = name === undefined ? this.#all : [this.get(name)];
    await Promise.all(chosen.map((destination) => destination.flush(deadlineMs)));
  }

  async shutdown(deadlineMs: number): Promise<void> {
    await Promise.all(
      this.#all.map((destination) =>
        destination.shutdown(deadlineMs).catch((error: unknown) => {
          this.#log.error(
            { destination: destination.name, error: errorMessage(error) },
            "A destination did not stop cleanly",
          );
        }),
      ),
    );
    this.#unsubscribe();
    clearTimeout(this.#trimTimer);
    await this.#journal.trim().catch(() => undefined);
  }

  async #startOne(destination: Destination, tail: JournalTail): Promise<void> {
    try {
      await destination.start(tail);
      destination.notify(this.#journal.tail());
    } catch (error) {
      if (destination.name === "mirror") throw error;
      this.#log.error(
        { destination: destination.name, error: errorMessage(error) },
        "A destination could not start; its data stays in the journal",
      );
    }
  }

  #moved(name: string, seq: number): void {
    this.#journal.setCursor(name, seq);
    this.#trimSoon();
  }

  #trimSoon(): void {
    this.#trimTimer ??= setTimeout(() => {
      this.#trimTimer = undefined;
      this.#journal
        .trim()
        .catch((error: unknown) =>
          this.#log.warn({ error: errorMessage(error) }, "The journal could not be trimmed"),
        );
    }, TRIM_INTERVAL_MS).unref();
  }

  #warnRemoved(name: string, seq: number): void {
    const waiting = Math.max(0, this.#journal.tail().seq - seq);
    this.#log.warn(
      { destination: name, waiting_records: waiting },
      "A destination is not configured any more but its data is kept. Put it back, or name it in service.dropped_destinations",
    );
  }
}
