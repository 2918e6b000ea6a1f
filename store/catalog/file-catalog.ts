import { join } from "node:path";
import {
  type FileSystem,
  nodeFileSystem,
  systemErrorCode,
  writeFileAtomically,
} from "../../journal/index.js";
import {
  CATALOG_GRACE_MS,
  CATALOG_LOG_BYTES_MAX,
  CATALOG_LOG_LINES_MAX,
  CounterfoilError,
  errorMessage,
  OPEN_SQL_INTERVAL_MS,
} from "../../schema/index.js";
import type { Catalog, CatalogChange, CatalogSnapshot } from "../types.js";
import { openSqlText } from "../views/open-sql.js";
import { CatalogState, type EffectiveChange, mergeEffects } from "./catalog-state.js";
import { AppendLog, replaceDerivedFile } from "./durable-file.js";
import {
  encodeManifestLine,
  encodeSnapshotLine,
  MANIFEST_FILE,
  MANIFEST_VERSION,
  type ParsedManifest,
  parseManifest,
} from "./manifest-log.js";
import { listDataFiles, markRemoved, OrphanSweeper } from "./orphans.js";

/** How {@link openCatalog} opens. */
export interface CatalogOptions {
  /** The `mirror/` folder. Created when missing. */
  readonly mirrorDir: string;
  readonly fileSystem?: FileSystem;
  /** How long a removed file stays on disk for readers of an older snapshot, milliseconds. */
  readonly graceMs?: number;
  /** Lines and bytes after which the log is rewritten as one snapshot line. */
  readonly logLinesMax?: number;
  readonly logBytesMax?: number;
  /** Shortest time between two writes of `open.sql`, milliseconds. */
  readonly openSqlIntervalMs?: number;
}

/** A catalog in one folder: `manifest.jsonl`. */
export interface FileCatalog extends Catalog {
  /** Resolves when every commit made so far has settled and `open.sql` shows the newest state. */
  flush(): Promise<void>;
  /** Deletes unlisted files whose grace period is over; returns their paths. */
  sweep(): Promise<string[]>;
}

interface Waiting {
  readonly change: CatalogChange;
  readonly resolve: (snapshot: CatalogSnapshot) => void;
  readonly reject: (error: unknown) => void;
}

interface Log {
  file: AppendLog | undefined;
  lines: number;
  bytes: number;
  snapshotBytes: number;
}

class ManifestCatalog implements FileCatalog {
  #state: CatalogState;
  readonly #log: Log;
  readonly #options: Required<CatalogOptions>;
  readonly #sweeper: OrphanSweeper;
  readonly #listeners = new Set<(snapshot: CatalogSnapshot) => void>();
  #waiting: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #closed = false;
  /** A commit failed: whether the manifest on disk has it is not known before the next one. */
  #isDiskUnknown = false;
  #openSqlTimer: NodeJS.Timeout | undefined;
  #openSqlVersion = -1;
  #openSqlWriting: Promise<void> | undefined;

  constructor(state: CatalogState, log: Log, options: Required<CatalogOptions>) {
    this.#state = state;
    this.#log = log;
    this.#options = options;
    this.#sweeper = new OrphanSweeper(options.fileSystem, options.mirrorDir, options.graceMs);
  }

  snapshot(): CatalogSnapshot {
    return this.#state.snapshot();
  }

  commit(change: CatalogChange): Promise<CatalogSnapshot> {
    if (this.#closed) {
      return Promise.reject(
        new CounterfoilError("CF_DATA_DIR_IO", "The catalog is closed: no commit is possible."),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  onCommit(listener: (snapshot: CatalogSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async flush(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
    await this.#writeOpenSql();
  }

  async sweep(): Promise<string[]> {
    // The manifest on disk may name files that this state does not; a start would look for them.
    if (this.#isDiskUnknown) return [];
    return this.#sweeper.sweep((path) => this.#state.has(path), false);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
    clearTimeout(this.#openSqlTimer);
    const file = this.#log.file;
    this.#log.file = undefined;
    await file?.close();
  }

  /** First work after opening: what an earlier process left behind. */
  async settle(): Promise<void> {
    await this.#sweeper.sweep((path) => this.#state.has(path), true);
    await this.#writeOpenSql();
  }

  async #drain(): Promise<void> {
    // Let the callers of this turn of the event loop join the same write and sync.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#commitBatch(batch);
    }
    this.#draining = undefined;
  }

  async #commitBatch(batch: readonly Waiting[]): Promise<void> {
    const next = this.#state.clone();
    const effects: EffectiveChange[] = [];
    const accepted: { waiting: Waiting; snapshot: CatalogSnapshot }[] = [];
    for (const waiting of batch) {
      try {
        const effect = next.effectOf(waiting.change);
        if (effect !== undefined) {
          next.apply(effect);
          effects.push(effect);
        }
        accepted.push({ waiting, snapshot: next.snapshot() });
      } catch (error) {
        waiting.reject(error);
      }
    }
    const whole = mergeEffects(effects);
    try {
      if (whole !== undefined) {
        await this.#store(next, whole);
        this.#isDiskUnknown = false;
      }
    } catch (error) {
      this.#isDiskUnknown = true;
      const failure = new CounterfoilError(
        "CF_DATA_DIR_IO",
        `Can't write ${join(this.#options.mirrorDir, MANIFEST_FILE)}: ${errorMessage(error)}. The mirror's list of files is unchanged; the commit can be tried again.`,
        { retryable: true, cause: error },
      );
      for (const { waiting } of accepted) waiting.reject(failure);
      return;
    }
    this.#state = next;
    await markRemoved(
      this.#options.fileSystem,
      this.#options.mirrorDir,
      effects.flatMap(({ remove }) => remove),
    );
    for (const { waiting, snapshot } of accepted) waiting.resolve(snapshot);
    if (whole !== undefined) this.#announce(next.snapshot());
  }

  /**
   * Makes a change durable, as one line: a power cut may keep a later part of a write and lose an earlier one, which
   * must not look like damage in the middle of the log. After a failed write or sync the end of the log is unknown
   * (a failed fsync may have dropped pages), so it is never appended to again: the next commit writes a new file.
   */
  async #store(next: CatalogState, change: EffectiveChange): Promise<void> {
    const log = this.#log;
    const grownBytes = log.bytes - log.snapshotBytes;
    const full =
      log.lines >= this.#options.logLinesMax ||
      grownBytes > Math.max(this.#options.logBytesMax, log.snapshotBytes);
    const file = log.file;
    if (file === undefined || full) {
      await this.#rewrite(next);
      return;
    }
    const line = encodeManifestLine({
      v: MANIFEST_VERSION,
      version: next.snapshot().version,
      after: this.#state.snapshot().version,
      ...change,
    });
    const bytes = Buffer.from(line, "utf8");
    try {
      await file.append(bytes);
    } catch (error) {
      log.file = undefined;
      await file.close().catch(() => undefined);
      throw error;
    }
    log.lines += 1;
    log.bytes += bytes.length;
  }

  async #rewrite(next: CatalogState): Promise<void> {
    const { fileSystem, mirrorDir } = this.#options;
    const path = join(mirrorDir, MANIFEST_FILE);
    const text = encodeSnapshotLine(next);
    const before = this.#log.file;
    this.#log.file = undefined;
    await before?.close().catch(() => undefined);
    const bytes = Buffer.from(text, "utf8");
    await writeFileAtomically(fileSystem, path, bytes);
    const length = bytes.length;
    Object.assign(this.#log, { lines: 1, bytes: length, snapshotBytes: length });
    this.#log.file = await AppendLog.open(fileSystem, path, length).catch(() => undefined);
  }

  #announce(snapshot: CatalogSnapshot): void {
    for (const listener of this.#listeners) {
      try {
        listener(snapshot);
      } catch (error) {
        process.emitWarning(`A catalog listener failed: ${errorMessage(error)}`);
      }
    }
    if (this.#openSqlTimer !== undefined || this.#closed) return;
    this.#openSqlTimer = setTimeout(() => {
      this.#openSqlTimer = undefined;
      void this.#writeOpenSql();
    }, this.#options.openSqlIntervalMs);
    this.#openSqlTimer.unref();
  }

  /** Writes `open.sql` for the newest state. It can always be made again, so a failure only warns. */
  async #writeOpenSql(): Promise<void> {
    while (this.#openSqlVersion !== this.snapshot().version) {
      if (this.#openSqlWriting !== undefined) {
        await this.#openSqlWriting;
        continue;
      }
      const snapshot = this.snapshot();
      this.#openSqlVersion = snapshot.version;
      this.#openSqlWriting = replaceDerivedFile(
        this.#options.fileSystem,
        join(this.#options.mirrorDir, "open.sql"),
        openSqlText(snapshot),
      ).catch((error: unknown) => process.emitWarning(`Can't write open.sql: ${errorMessage(error)}`));
      await this.#openSqlWriting;
      this.#openSqlWriting = undefined;
    }
    await this.#openSqlWriting;
  }
}

/** The manifest's bytes; a new folder gets an empty one. Missing beside Parquet files, it is not made anew. */
async function loadManifest(
  path: string,
  { fileSystem, mirrorDir }: Required<CatalogOptions>,
): Promise<Uint8Array> {
  try {
    return await fileSystem.readFile(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
  if ((await listDataFiles(fileSystem, mirrorDir)).some((file) => file.endsWith(".parquet"))) {
    throw new CounterfoilError(
      "CF_CATALOG_CORRUPT",
      `${path} is missing, yet there are Parquet files beside it. Nothing was changed. Restore ${MANIFEST_FILE} from a backup, or move the mirror folder away to start a new one.`,
    );
  }
  const bytes = Buffer.from(encodeSnapshotLine(new CatalogState()), "utf8");
  await writeFileAtomically(fileSystem, path, bytes);
  return bytes;
}

/** The last good line, unless it is the first: that one was synced before the file got its name. */
function appendedTail(bytes: Uint8Array, { goodBytes, lines }: ParsedManifest): Uint8Array {
  if (lines < 2) return new Uint8Array();
  const good = Buffer.from(bytes.buffer, bytes.byteOffset, goodBytes);
  return good.subarray(good.lastIndexOf(10, goodBytes - 2) + 1);
}

/**
 * Opens the catalog of a mirror folder for writing; the caller holds the data directory's lock. A torn end of the
 * manifest is cut off, abandoned files are deleted. Throws CF_CATALOG_CORRUPT, CF_CATALOG_VERSION (nothing was
 * touched) or CF_DATA_DIR_IO.
 */
export async function openCatalog(options: CatalogOptions): Promise<FileCatalog> {
  const full: Required<CatalogOptions> = {
    fileSystem: nodeFileSystem,
    graceMs: CATALOG_GRACE_MS,
    logLinesMax: CATALOG_LOG_LINES_MAX,
    logBytesMax: CATALOG_LOG_BYTES_MAX,
    openSqlIntervalMs: OPEN_SQL_INTERVAL_MS,
    ...options,
  };
  const path = join(full.mirrorDir, MANIFEST_FILE);
  try {
    await full.fileSystem.mkdir(full.mirrorDir);
    const bytes = await loadManifest(path, full);
    const parsed = parseManifest(bytes, path);
    const log: Log = {
      file: await AppendLog.recover(full.fileSystem, path, parsed.goodBytes, appendedTail(bytes, parsed)),
      lines: parsed.lines,
      bytes: parsed.goodBytes,
      snapshotBytes: parsed.snapshotBytes,
    };
    const catalog = new ManifestCatalog(parsed.state, log, full);
    await catalog.settle();
    return catalog;
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw new CounterfoilError("CF_DATA_DIR_IO", `Can't open ${path}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
