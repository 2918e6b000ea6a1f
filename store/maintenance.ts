import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type FileSystem, nodeFileSystem } from "../journal/index.js";
import { COMPACTION_INTERVAL_MS, errorMessage, PINS } from "../schema/index.js";
import type { FileCatalog } from "./catalog/file-catalog.js";
import { COMPACTION_FOLDER_PREFIX, type Compactor, runCompactionJob } from "./compaction/compact.js";
import type { CompactionJob } from "./compaction/compaction-types.js";
import { planCompaction } from "./compaction/plan.js";
import { dataDirPaths } from "./data-dir.js";
import { QUERY_FOLDER_PREFIX } from "./query/work-dir.js";
import { planRetention, type RetentionConfig } from "./retention.js";
import { keepPinned, pinnedCandidates } from "./rewrite/keep-pinned.js";
import { rewriteSpans } from "./rewrite/rewrite-spans.js";
import type { RewriteReport, SpanRewrite } from "./rewrite/rewrite-types.js";
import { repairMirror, type RepairReport } from "./scrub/repair.js";
import { RollingCheck } from "./scrub/rolling-check.js";
import type { FileEntry } from "./types.js";

/** The part of a logger (pino's order of arguments) that maintenance uses. */
export interface MaintenanceLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** How {@link startMaintenance} works. */
export interface MaintenanceOptions {
  readonly dataDir: string;
  readonly catalog: FileCatalog;
  readonly compaction?: {
    /** Default true. */
    readonly enabled?: boolean;
    /** Time between two looks, milliseconds. */
    readonly intervalMs?: number;
    /** Files of the open hour that are left before they are compacted. */
    readonly openFilesMax?: number;
    readonly memoryMb?: number;
    /** Writes the new files; by default a child process with DuckDB. */
    readonly compactor?: Compactor;
  };
  /** False where something else looks for damaged files. Default true. */
  readonly scrub?: boolean;
  readonly retention?: RetentionConfig;
  readonly logger?: MaintenanceLogger;
  /** The clock, milliseconds since 1970. */
  readonly now?: () => number;
  readonly fileSystem?: FileSystem;
}

/** What one run did. */
export interface MaintenanceReport {
  readonly compactions: number;
  readonly filesCompacted: number;
  /** Rows that lost against another row of the same span, removed for good. */
  readonly rowsSuperseded: number;
  readonly filesExpired: number;
  readonly bytesExpired: number;
  /** Files that the age rule would remove, too, held back by `shareMax`. */
  readonly filesHeldBack: number;
  /** Unlisted files deleted from disk. */
  readonly filesSwept: number;
  /** Damaged files taken off the list, and rows of them that can't be had back. */
  readonly filesQuarantined: number;
  readonly rowsLost: number;
  readonly failures: number;
}

/** The mirror's housekeeping. */
export interface Maintenance {
  /** Repairs damage, compacts, applies retention, deletes what nobody lists. One run at a time. */
  runOnce(): Promise<MaintenanceReport>;
  /** Looks at files that somebody found damaged, and repairs them (see repairMirror). Throws CF_DATA_DIR_IO. */
  repair(paths: readonly string[]): Promise<RepairReport>;
  /** Rewrites these files of `spans`, as far as they are still listed (see rewriteSpans). Throws CF_SEAL_FAILED. */
  rewrite(paths: readonly string[], rewrite: SpanRewrite): Promise<RewriteReport>;
  /** Sums of all runs since the start. */
  stats(): MaintenanceReport;
  /** Stops the timer and kills a running job; the mirror stays as its last commit left it. */
  shutdown(): Promise<void>;
}

type Counters = { -readonly [Key in keyof MaintenanceReport]: number };

const JOBS_PER_RUN_MAX = 100;
/** After the age rule was held back, it waits this long: by then somebody has seen the warning. */
const HELD_BACK_PAUSE_MS = 24 * 60 * 60 * 1000;
/** Folders that a killed process left below `temp/` go when they are this old. */
const TEMP_AGE_MS = 24 * 60 * 60 * 1000;

function zero(): Counters {
  return {
    compactions: 0,
    filesCompacted: 0,
    rowsSuperseded: 0,
    filesExpired: 0,
    bytesExpired: 0,
    filesHeldBack: 0,
    filesSwept: 0,
    filesQuarantined: 0,
    rowsLost: 0,
    failures: 0,
  };
}

class MirrorMaintenance implements Maintenance {
  readonly #options: MaintenanceOptions;
  readonly #total = zero();
  readonly #damaged = new Set<string>();
  /** Small files that a join left as many as it found; see `PlanOptions.full`. */
  readonly #full = new Set<string>();
  /** Files that hold nothing but what is pinned, and the files that said so. */
  readonly #pinned = new Set<string>();
  #pins = "";
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #rolling: RollingCheck;
  #running: Promise<MaintenanceReport> | undefined;
  /** Ends when the work before has ended: one at a time changes the list of files. */
  #last: Promise<unknown> = Promise.resolve();
  #ageRuleFromMs = Number.NEGATIVE_INFINITY;

  constructor(options: MaintenanceOptions) {
    this.#options = options;
    this.#rolling = new RollingCheck(dataDirPaths(options.dataDir).mirror);
    const intervalMs = options.compaction?.intervalMs ?? COMPACTION_INTERVAL_MS;
    this.#timer = setInterval(() => void this.runOnce(), intervalMs);
    this.#timer.unref();
  }

  runOnce(): Promise<MaintenanceReport> {
    this.#running ??= this.#alone(() => this.#run()).finally(() => (this.#running = undefined));
    return this.#running;
  }

  repair(paths: readonly string[]): Promise<RepairReport> {
    const report = zero();
    return this.#alone(() => this.#repair(paths, report)).finally(() => this.#addUp(report));
  }

  rewrite(paths: readonly string[], rewrite: SpanRewrite): Promise<RewriteReport> {
    const { catalog, compaction, dataDir } = this.#options;
    return this.#alone(async () => {
      const done = await rewriteSpans({
        dataDir,
        catalog,
        rewrite,
        paths,
        signal: this.#stop.signal,
        ...(compaction?.compactor === undefined ? {} : { compactor: compaction.compactor }),
      });
      for (const path of done.damaged) this.#damaged.add(path);
      return done;
    });
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  stats(): MaintenanceReport {
    return { ...this.#total };
  }

  async shutdown(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#stop.abort();
    await this.#last;
  }

  async #run(): Promise<MaintenanceReport> {
    const report = zero();
    const steps: [string, () => Promise<void>][] = [
      ["Repairing the mirror", () => this.#scrub(report)],
      ["Compaction", () => this.#compact(report)],
      ["Retention", () => this.#retain(report)],
      ["Removing files that nobody lists", () => this.#sweep(report)],
    ];
    for (const [name, step] of steps) {
      if (this.#stop.signal.aborted) break;
      try {
        await step();
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        report.failures += 1;
        this.#options.logger?.warn({ error: errorMessage(error) }, `${name} failed; it is tried again`);
      }
    }
    this.#addUp(report);
    this.#total.filesHeldBack = report.filesHeldBack;
    return report;
  }

  #addUp(report: Counters): void {
    for (const key of Object.keys(report) as (keyof Counters)[]) this.#total[key] += report[key];
  }

  async #scrub(report: Counters): Promise<void> {
    if (this.#options.scrub === false) return;
    const { files, quarantined } = this.#options.catalog.snapshot();
    const found = await this.#rolling.next(files, this.#stop.signal);
    const suspects = [...new Set([...found, ...this.#damaged])];
    const unfinished = quarantined.some(({ lost }) => lost === undefined);
    if (suspects.length > 0 || unfinished) await this.#repair(suspects, report);
  }

  async #repair(suspects: readonly string[], report: Counters): Promise<RepairReport> {
    const { catalog, dataDir, logger } = this.#options;
    const done = await repairMirror({ dataDir, catalog, suspects, signal: this.#stop.signal });
    for (const path of suspects) this.#damaged.delete(path);
    report.filesQuarantined += done.quarantined.length;
    report.failures += done.failed.length;
    for (const { entry, damage } of done.quarantined) {
      logger?.warn(
        { path: entry.path, damage, rows: entry.rows },
        "A damaged file of the mirror was set aside",
      );
    }
    for (const file of done.rebuilt)
      logger?.info(file, "Rows of a damaged file were made anew from the journal");
    for (const { entry, lost } of done.lost) {
      report.rowsLost += lost?.rows ?? 0;
      logger?.warn(
        { path: entry.path, ...lost },
        "Rows of a damaged file are lost: the journal has them no more",
      );
    }
    for (const reason of done.failed) logger?.warn({ reason }, "A damaged file can't be made anew yet");
    return done;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }

  /** When the files that may be compacted were written, ms since 1970; now for one that is gone. */
  async #writtenTimes(files: readonly FileEntry[]): Promise<ReadonlyMap<FileEntry, number>> {
    const fs = this.#options.fileSystem ?? nodeFileSystem;
    const { mirror } = dataDirPaths(this.#options.dataDir);
    const times = new Map<FileEntry, number>();
    for (const file of files) {
      if (file.level > 0) continue;
      const found = await fs.stat(join(mirror, file.path)).catch(() => undefined);
      times.set(file, found?.mtimeMs ?? this.#now());
    }
    return times;
  }

  async #compact(report: Counters): Promise<void> {
    const { catalog, compaction, dataDir } = this.#options;
    if (compaction?.enabled === false) return;
    for (let jobs = 0; jobs < JOBS_PER_RUN_MAX && !this.#stop.signal.aborted; jobs += 1) {
      const { files } = catalog.snapshot();
      const written = await this.#writtenTimes(files);
      const job = planCompaction(files, {
        nowMs: this.#now(),
        writtenMs: (file) => written.get(file) ?? this.#now(),
        skip: this.#damaged,
        full: this.#full,
        ...(compaction?.openFilesMax === undefined ? {} : { openFilesMax: compaction.openFilesMax }),
      });
      if (job === undefined) return;
      const done = await runCompactionJob({
        dataDir,
        catalog,
        job,
        signal: this.#stop.signal,
        ...(compaction?.compactor === undefined ? {} : { compactor: compaction.compactor }),
        ...(compaction?.memoryMb === undefined ? {} : { memoryMb: compaction.memoryMb }),
      });
      for (const path of done.damaged) {
        this.#damaged.add(path);
        report.failures += 1;
        this.#options.logger?.warn(
          { path },
          "A file of the mirror is damaged; it is repaired with the next run",
        );
      }
      if (done.damaged.length > 0) continue;
      this.#noteFruitless(job, files);
      report.compactions += 1;
      report.filesCompacted += done.filesIn;
      report.rowsSuperseded += done.rowsIn - done.rowsOut;
      this.#options.logger?.info({ table: job.table, ...done }, "Compacted files of the mirror");
    }
  }

  /** Files are small by their compressed size and cut by their raw one: what compresses well stays small for good. */
  #noteFruitless(job: CompactionJob, before: readonly FileEntry[]): void {
    if (job.inputs.length === 0 || job.inputs.some(({ level }) => level === 0)) return;
    const known = new Set(before.map(({ path }) => path));
    const fresh = this.#options.catalog
      .snapshot()
      .files.filter(({ path, table }) => table === job.table && !known.has(path));
    if (fresh.length >= job.inputs.length) for (const { path } of fresh) this.#full.add(path);
  }

  async #retain(report: Counters): Promise<void> {
    const { catalog, retention, logger } = this.#options;
    if (retention === undefined) return;
    const { days, ...withoutAge } = retention;
    const ageRule = days !== undefined && performance.now() >= this.#ageRuleFromMs;
    const { files } = catalog.snapshot();
    const pins = files
      .filter(({ table }) => table === PINS.table)
      .map(({ path }) => path)
      .join();
    // Another pin, or one less: what was kept is looked at again.
    if (pins !== this.#pins) this.#pinned.clear();
    this.#pins = pins;
    const { remove, heldBack } = planRetention(
      files,
      { ...withoutAge, ...(ageRule ? { days } : {}), keep: this.#pinned },
      this.#now(),
    );
    if (heldBack > 0) {
      report.filesHeldBack = heldBack;
      this.#ageRuleFromMs = performance.now() + HELD_BACK_PAUSE_MS;
      logger?.warn(
        { removed: remove.length, heldBack },
        "Retention by age would remove most of the mirror; the rest stays until tomorrow. Check the clock, or set shareMax to 1",
      );
    }
    if (remove.length === 0) return;
    const gone = await this.#expire(remove);
    report.filesExpired += gone.length;
    report.bytesExpired += gone.reduce((sum, { bytes }) => sum + bytes, 0);
    if (gone.length === 0) return;
    logger?.info({ files: gone.length, bytes: report.bytesExpired }, "Retention removed files of the mirror");
  }

  /** Takes files off the list; of pinned traces they hold, files with these alone come instead. */
  async #expire(files: readonly FileEntry[]): Promise<readonly FileEntry[]> {
    const { catalog, dataDir } = this.#options;
    const candidates = pinnedCandidates(catalog.snapshot().files, files);
    const { add, whole } =
      candidates.files.length === 0
        ? { add: [], whole: [] }
        : await keepPinned(dataDir, candidates, this.#stop.signal);
    for (const path of [...whole, ...add.map(({ path: each }) => each)]) this.#pinned.add(path);
    const kept = new Set(whole);
    const gone = files.filter(({ path }) => !kept.has(path));
    if (gone.length > 0) await catalog.commit({ add, remove: gone.map(({ path }) => path) });
    return gone;
  }

  async #sweep(report: Counters): Promise<void> {
    report.filesSwept = (await this.#options.catalog.sweep()).length;
    const fs = this.#options.fileSystem ?? nodeFileSystem;
    const { temp } = dataDirPaths(this.#options.dataDir);
    for (const name of await fs.readdir(temp).catch(() => [])) {
      if (!name.startsWith(QUERY_FOLDER_PREFIX) && !name.startsWith(COMPACTION_FOLDER_PREFIX)) continue;
      const folder = join(temp, name);
      const found = await fs.stat(folder).catch(() => undefined);
      if (found !== undefined && Date.now() - found.mtimeMs > TEMP_AGE_MS)
        await rm(folder, { recursive: true, force: true });
    }
  }
}

/**
 * Starts the housekeeping of a mirror: compaction, retention and clean-up, every `intervalMs`, one job at a time in a
 * low-priority child process. The first run is one interval away, or at `runOnce()`.
 */
export function startMaintenance(options: MaintenanceOptions): Maintenance {
  return new MirrorMaintenance(options);
}
