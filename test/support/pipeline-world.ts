import { join } from "node:path";
import { DestinationSet, readStoredCursors } from "../../collector/destinations.js";
import { createLogger } from "../../collector/telemetry/logger.js";
import { Batcher } from "../../exporters/core/batcher.js";
import type { Clock } from "../../exporters/core/clock.js";
import type { CursorState } from "../../exporters/core/cursor.js";
import { DeadLetterStore } from "../../exporters/core/dead-letters.js";
import { DeliveryEngine } from "../../exporters/core/engine.js";
import type { Exporter, Outcome } from "../../exporters/core/exporter.js";
import { partData } from "../../exporters/core/payload.js";
import { createMirrorDestination } from "../../exporters/mirror/mirror-destination.js";
import type { Destination, DestinationStats } from "../../exporters/types.js";
import { CursorFile, type Journal, openJournal, openJournalReader } from "../../journal/index.js";
import { SIGNALS } from "../../schema/index.js";
import {
  dataDirPaths,
  type FileCatalog,
  type Maintenance,
  type Mirror,
  openCatalog,
  openMirror,
  type RetentionConfig,
  startMaintenance,
} from "../../store/index.js";
import type { MemoryFileSystem } from "./memory-file-system.js";
import { spansOf } from "./memory-journal.js";
import { standInCompactor, standInSealer } from "./stand-in-files.js";

/** The data directory on the disk in memory. */
export const DATA_DIR = "/data";
export const PATHS = dataDirPaths(DATA_DIR);
/** Names of the destinations beside the mirror. */
export const SINK = "sink";

/** The other side of a destination: gets the names of spans, says what becomes of them. */
export interface Peer {
  post(names: readonly string[], abort: AbortSignal): Promise<Outcome>;
}

/** How a {@link PipelineLife} is put together. Sizes are small, so that little work reaches every path. */
export interface PipelineOptions {
  /** By destination name; each is delivered to for itself. */
  readonly peers: ReadonlyMap<string, Peer>;
  readonly segmentBytes?: number;
  readonly journalBytesMax?: number;
  readonly retention?: RetentionConfig;
  readonly maintenanceIntervalMs?: number;
  readonly openFilesMax?: number;
  readonly logLinesMax?: number;
  readonly graceMs?: number;
  readonly random?: () => number;
  readonly onLog?: (message: string) => void;
}

/** One destination's engine as the service sees it, without the thread around it. */
class EngineDestination implements Destination {
  readonly name: string;
  readonly #disk: MemoryFileSystem;
  readonly #peer: Peer;
  readonly #options: PipelineOptions;
  readonly #listeners: ((seq: number) => void)[] = [];
  engine: DeliveryEngine | undefined;

  constructor(name: string, disk: MemoryFileSystem, peer: Peer, options: PipelineOptions) {
    this.name = name;
    this.#disk = disk;
    this.#peer = peer;
    this.#options = options;
  }

  async start(tail: { seq: number; counts: DestinationStats["accepted"] }): Promise<void> {
    await this.#disk.mkdir(PATHS.cursors);
    const cursor = new CursorFile<CursorState>(join(PATHS.cursors, `${this.name}.json`), this.#disk);
    this.engine = new DeliveryEngine(
      {
        name: this.name,
        exporter: this.#exporter(),
        gatherer: new Batcher({ itemsMax: 8, bytesMax: 1_000_000, flushIntervalMs: 50 }),
        processors: [],
        signals: new Set(SIGNALS),
        openReader: (afterSeq, counts) =>
          openJournalReader({ dir: PATHS.journal, afterSeq, counts, fileSystem: this.#disk }),
        cursor: { load: () => cursor.loadSync(), save: (state) => cursor.save(state) },
        deadLetters: new DeadLetterStore({
          dir: deadLetterDir(this.name),
          fileSystem: this.#disk,
          fileBytes: 4_096,
        }),
        retry: { initialMs: 1_000, multiplier: 2, maxMs: 60_000, maxElapsedMs: 0 },
        concurrency: 3,
        clock: clockWith(this.#options.random ?? (() => 0.5)),
        log: (level, message) => this.#options.onLog?.(`${this.name} ${level} ${message}`),
        onCursor: (seq) => {
          for (const listener of this.#listeners) listener(seq);
        },
      },
      tail,
    );
  }

  #exporter(): Exporter {
    return {
      wants: "bytes",
      send: async (batch, abort) => {
        const names = batch.parts.flatMap((part) =>
          spansOf(partData("traces", part)).map((span) => span.name),
        );
        return this.#peer.post(names, abort);
      },
      close: () => Promise.resolve(),
    };
  }

  get running(): DeliveryEngine {
    if (this.engine === undefined) throw new Error(`${this.name} was not started`);
    return this.engine;
  }

  notify(tail: Parameters<Destination["notify"]>[0]): void {
    this.engine?.notify(tail);
  }

  flush(deadlineMs: number): Promise<void> {
    return this.running.flush(deadlineMs);
  }

  onCursor(listener: (seq: number) => void): void {
    this.#listeners.push(listener);
  }

  stats(): DestinationStats {
    return this.running.stats();
  }

  async shutdown(deadlineMs: number): Promise<void> {
    await this.engine?.drain(deadlineMs);
    await this.engine?.stop();
  }
}

/** Folder of a destination's dead letters. */
export function deadLetterDir(name: string): string {
  return join(PATHS.deadLetters, name);
}

/** The machine's clock (which a test fakes), with chance of the test's own. */
function clockWith(random: () => number): Clock {
  return {
    now: () => Date.now(),
    schedule: (run, delayMs) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    random,
  };
}

/**
 * One life of the whole pipeline over a disk in memory, put together as the service does it: catalog, journal, mirror,
 * destinations, maintenance. Only what writes Parquet is a stand-in.
 */
export class PipelineLife {
  readonly disk: MemoryFileSystem;
  readonly catalog: FileCatalog;
  readonly journal: Journal;
  readonly mirror: Mirror;
  readonly maintenance: Maintenance;
  readonly destinations: DestinationSet;

  private constructor(parts: Omit<PipelineLife, "close" | "stats">) {
    this.disk = parts.disk;
    this.catalog = parts.catalog;
    this.journal = parts.journal;
    this.mirror = parts.mirror;
    this.maintenance = parts.maintenance;
    this.destinations = parts.destinations;
  }

  /** Starts over what is on the disk. Rejects with what the parts throw. */
  static async open(disk: MemoryFileSystem, options: PipelineOptions): Promise<PipelineLife> {
    const catalog = await openCatalog({
      mirrorDir: PATHS.mirror,
      fileSystem: disk,
      logLinesMax: options.logLinesMax ?? 4,
      ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    });
    const { sealedSeq, sealedCounts } = catalog.snapshot();
    const stored = await readStoredCursors(DATA_DIR, disk);
    stored.set("mirror", { seq: sealedSeq, counts: sealedCounts });
    const atLeast = [...stored.values()].reduce((most, each) => (each.seq > most.seq ? each : most));
    const journal = await openJournal({
      dir: PATHS.journal,
      fileSystem: disk,
      segmentBytes: options.segmentBytes ?? 1_024,
      ...(options.journalBytesMax === undefined ? {} : { bytesMax: options.journalBytesMax }),
      atLeast,
      logger: (event) => options.onLog?.(`journal ${JSON.stringify(event)}`),
    });
    const mirror = await openMirror({
      dataDir: DATA_DIR,
      catalog,
      fileSystem: disk,
      startSealer: standInSealer(disk),
      onLog: ({ level, message }) => options.onLog?.(`mirror ${level} ${message}`),
    });
    const log = createLogger("silent");
    const others = [...options.peers].map(([name, peer]) => new EngineDestination(name, disk, peer, options));
    const destinations = new DestinationSet({
      journal,
      dataDir: DATA_DIR,
      log,
      destinations: [createMirrorDestination(mirror), ...others],
    });
    await destinations.start(stored, []);
    const maintenance = startMaintenance({
      dataDir: DATA_DIR,
      catalog,
      fileSystem: disk,
      // It reads the files of the machine's disk.
      scrub: false,
      compaction: {
        compactor: standInCompactor(disk),
        intervalMs: options.maintenanceIntervalMs ?? 60_000,
        openFilesMax: options.openFilesMax ?? 3,
      },
      ...(options.retention === undefined ? {} : { retention: options.retention }),
      logger: {
        info: () => undefined,
        warn: (fields, message) => options.onLog?.(`maintenance ${message} ${JSON.stringify(fields)}`),
      },
    });
    return new PipelineLife({ disk, catalog, journal, mirror, maintenance, destinations });
  }

  stats(): readonly DestinationStats[] {
    return this.destinations.stats();
  }

  /** An orderly end. */
  async close(): Promise<void> {
    await this.destinations.shutdown(1_000);
    await this.maintenance.shutdown();
    await this.journal.close();
    await this.catalog.close();
  }
}
