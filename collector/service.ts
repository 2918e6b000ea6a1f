import { createDestination } from "../exporters/destination.js";
import { createMirrorDestination, MIRROR_DESTINATION } from "../exporters/mirror/mirror-destination.js";
import type { Destination } from "../exporters/types.js";
import { openJournal, type Journal, type JournalTail } from "../journal/index.js";
import {
  type Api,
  type ApiHost,
  BODY_BYTES_MAX,
  type CreateApi,
  errorMessage,
  PACE_JOURNAL_PART,
} from "../schema/index.js";
import {
  dataDirPaths,
  lockDataDir,
  openCatalog,
  openMirror,
  startMaintenance,
  startOfNewest,
  type DataDirLock,
  type FileCatalog,
  type Maintenance,
  type Mirror,
} from "../store/index.js";
import type { CollectorConfig, DestinationConfig } from "./config/types.js";
import { addressOfExporter, destinationTotals } from "./destination-totals.js";
import { DestinationSet, readStoredCursors } from "./destinations.js";
import { DiskReserve } from "./disk-reserve.js";
import { Admission } from "./ingest/admission.js";
import { Ingest } from "./ingest/ingest.js";
import { Pace } from "./ingest/pace.js";
import { checkAddresses, startListeners, type Listeners } from "./listeners.js";
import { openFilesMax } from "./open-files.js";
import { checkOwnAddress } from "./own-address.js";
import { createControls } from "./pages/controls.js";
import {
  destinationDocument,
  journalDocument,
  mirrorDocument,
  processDocument,
  removedDocument,
  type StatusDocument,
} from "./status.js";
import { openPrices } from "./prices/open-prices.js";
import type { PriceBook } from "./prices/price-book.js";
import { EventLoopWatch } from "./telemetry/event-loop.js";
import { createJournalLog } from "./telemetry/journal-log.js";
import { createLogger, type Logger } from "./telemetry/logger.js";
import { createMetrics } from "./telemetry/metrics.js";
import { ReceiverCounters } from "./telemetry/receiver-counters.js";

/** What a service is started with, besides its configuration. */
export interface CollectorOptions {
  readonly dataDir: string;
  /** Default: JSON lines to stderr at the configured level. */
  readonly logger?: Logger;
  /** These win over the configuration (`start --host`, `--port`, `--grpc-port`). */
  readonly host?: string;
  readonly httpPort?: number;
  readonly grpcPort?: number;
  /** Builds the API that is served on the HTTP port beside OTLP. */
  readonly createApi?: CreateApi;
}

/** A running collector. */
export interface Collector {
  readonly ports: { readonly http?: number; readonly grpc?: number };
  readonly dataDir: string;
  /** What `/api/v1/status` answers. */
  status(): StatusDocument;
  /** Resolves when everything accepted so far is settled by every destination. */
  flush(deadlineMs: number): Promise<void>;
  /** Refuses new requests as retryable, finishes those in progress, flushes within the deadline, stops. Safe twice. */
  shutdown(deadlineMs: number): Promise<void>;
}

/**
 * Starts everything: lock, journal, mirror, destinations, and last the receivers, so that nothing is accepted before it
 * can be stored. When a step fails, those before it are undone, and the error is thrown.
 */
export async function startCollector(config: CollectorConfig, options: CollectorOptions): Promise<Collector> {
  const log = options.logger ?? createLogger(config.logLevel);
  checkAddresses(config, options.host);
  checkOwnAddress(config, options);
  const undo: (() => Promise<void>)[] = [];
  try {
    const lock = await lockDataDir(options.dataDir);
    undo.push(() => lock.release());
    const parts = await openStorage(config, options.dataDir, { log, undo });
    const service = new CollectorService({ config, options, log, lock, ...parts });
    undo.push(() => service.shutdown(0));
    await service.start();
    return service;
  } catch (error) {
    for (const step of undo.reverse()) await step().catch(() => undefined);
    throw error;
  }
}

interface Storage {
  readonly journal: Journal;
  readonly catalog: FileCatalog;
  readonly mirror: Destination;
  readonly onSealed: Mirror["onSealed"];
  readonly stored: Map<string, JournalTail>;
  readonly prices: PriceBook;
}

async function openStorage(
  config: CollectorConfig,
  dataDir: string,
  { log, undo }: { log: Logger; undo: (() => Promise<void>)[] },
): Promise<Storage> {
  const paths = dataDirPaths(dataDir);
  const catalog = await openCatalog({ mirrorDir: paths.mirror });
  undo.push(() => catalog.close());
  // Before the journal: its thread gets ready while the journal recovers.
  const mirror = await openMirror({
    dataDir,
    catalog,
    workers: config.mirror.workers,
    onLog: ({ level, message }) => log[level]({ destination: MIRROR_DESTINATION }, message),
  });
  undo.push(() => mirror.shutdown(0));
  const prices = await openPrices(config, { dataDir, catalog, mirror, log });
  undo.push(() => prices.close());
  const { sealedSeq, sealedCounts } = catalog.snapshot();
  const stored = await readStoredCursors(dataDir);
  stored.set(MIRROR_DESTINATION, { seq: sealedSeq, counts: sealedCounts });
  const atLeast = [...stored.values()].reduce((most, each) => (each.seq > most.seq ? each : most));
  const journal = await openJournal({
    dir: paths.journal,
    segmentBytes: config.journal.segmentBytes,
    bytesMax: config.journal.bytesMax,
    whenFull: config.journal.whenFull,
    atLeast,
    logger: createJournalLog(log),
  });
  undo.push(() => journal.close());
  const onSealed: Mirror["onSealed"] = (listener) => mirror.onSealed(listener);
  return { journal, catalog, mirror: createMirrorDestination(mirror), onSealed, stored, prices };
}

interface ServiceParts extends Storage {
  readonly config: CollectorConfig;
  readonly options: CollectorOptions;
  readonly log: Logger;
  readonly lock: DataDirLock;
}

class CollectorService implements Collector {
  readonly dataDir: string;
  readonly #parts: ServiceParts;
  readonly #destinations: DestinationSet;
  readonly #receivers = new ReceiverCounters();
  readonly #admission: Admission;
  readonly #reserve: DiskReserve;
  readonly #pace: Pace;
  readonly #ingest: Ingest;
  readonly #eventLoop = new EventLoopWatch();
  readonly #startedAt = new Date().toISOString();
  #state: StatusDocument["state"] = "starting";
  #listeners: Listeners | undefined;
  #api: Api | undefined;
  #maintenance: Maintenance | undefined;
  #stopped: Promise<void> | undefined;

  constructor(parts: ServiceParts) {
    const { config, journal, log, options } = parts;
    this.#parts = parts;
    this.dataDir = options.dataDir;
    this.#admission = new Admission({ bytesMax: config.inflightBytesMax });
    this.#reserve = new DiskReserve(options.dataDir, log);
    const { bytesMax, whenFull } = config.journal;
    // Who prefers the newest to the oldest wants nobody held up.
    this.#pace = new Pace({
      aheadBytes: whenFull === "drop_oldest" ? Infinity : bytesMax * PACE_JOURNAL_PART,
    });
    parts.onSealed(({ lastSeq }) => this.#pace.sealed(lastSeq));
    this.#ingest = new Ingest({
      journal: this.#pace.guard(this.#reserve.guard(journal)),
      admission: this.#admission,
      observer: this.#receivers,
    });
    const others = config.destinations.map((destination) => this.#createDestination(destination));
    const destinations = [parts.mirror, ...others];
    this.#destinations = new DestinationSet({ journal, dataDir: options.dataDir, log, destinations });
  }

  get ports(): Collector["ports"] {
    return this.#listeners?.ports ?? {};
  }

  async start(): Promise<void> {
    const { config, options, log, journal, catalog, stored } = this.#parts;
    this.#eventLoop.start();
    await this.#destinations.start(stored, config.droppedDestinations);
    const { compaction, retention } = config.mirror;
    const maintenance = startMaintenance({
      dataDir: options.dataDir,
      catalog,
      compaction,
      retention: {
        ...(retention.maxAgeMs === undefined ? {} : { days: retention.maxAgeMs / 86_400_000 }),
        ...(retention.maxBytes === undefined ? {} : { bytes: retention.maxBytes }),
      },
      logger: log,
    });
    this.#maintenance = maintenance;
    const metrics = createMetrics({
      receivers: this.#receivers,
      admission: this.#admission,
      pace: this.#pace,
      journal: () => journal.stats(),
      destinations: () => this.#destinations.stats(),
      eventLoop: () => this.#eventLoop.stats(),
    });
    this.#api = options.createApi?.(this.#apiHost());
    this.#listeners = await startListeners(config, {
      ...options,
      openFilesMax: openFilesMax(),
      log,
      ingest: this.#ingest,
      receivers: this.#receivers,
      ...(this.#api === undefined ? {} : { api: this.#api }),
      pages: {
        notReady: () => this.#notReady(),
        status: () => this.status(),
        metrics: () => metrics.metrics(),
        controls: createControls({
          destinations: this.#destinations,
          journal,
          journalDir: dataDirPaths(options.dataDir).journal,
          beforeReplay: (notice) =>
            this.#api?.beforeReplay?.({ ...notice, address: this.#addressOf(notice.name) }),
          repair: (paths) => maintenance.repair(paths),
          rewrite: (paths, rewrite) => maintenance.rewrite(paths, rewrite),
        }),
      },
    });
    this.#reserve.start();
    this.#state = "running";
    log.info({ ...this.ports, data_dir: options.dataDir }, "Counterfoil is receiving");
  }

  status(): StatusDocument {
    const { journal, catalog } = this.#parts;
    return {
      state: this.#state,
      pid: process.pid,
      started_at: this.#startedAt,
      data_dir: this.dataDir,
      ports: this.ports,
      process: processDocument(this.#eventLoop.stats()),
      journal: journalDocument(journal.stats(), journal.tail().counts),
      mirror: mirrorDocument(catalog.snapshot()),
      receivers: this.#receivers.list(),
      destinations: this.#destinations.stats().map(destinationDocument),
      removed_destinations: removedDocument(this.#destinations.removed()),
    };
  }

  flush(deadlineMs: number): Promise<void> {
    return this.#destinations.flush(deadlineMs);
  }

  shutdown(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#shutdown(Date.now() + deadlineMs);
    return this.#stopped;
  }

  async #shutdown(until: number): Promise<void> {
    const { journal, catalog, lock, log } = this.#parts;
    const left = (): number => Math.max(0, until - Date.now());
    this.#state = "draining";
    this.#ingest.drain();
    this.#pace.close();
    await this.#listeners?.close(left() / 2);
    const steps: (() => Promise<unknown> | undefined)[] = [
      () => this.#api?.close(),
      () => this.#destinations.shutdown(left()),
      () => this.#maintenance?.shutdown(),
      () => this.#parts.prices.close(),
      () => this.#reserve.close(),
      () => journal.close(),
      () => catalog.close(),
      () => lock.release(),
    ];
    this.#eventLoop.stop();
    for (const step of steps) {
      // Each is tried whatever became of the one before: above all, the lock is given back.
      await step()?.catch((error: unknown) =>
        log.error({ error: errorMessage(error) }, "A part did not stop cleanly"),
      );
    }
    this.#state = "stopped";
    log.info("Counterfoil has stopped");
  }

  #apiHost(): ApiHost {
    const { journal, catalog, config, onSealed, options, log } = this.#parts;
    return {
      dataDir: options.dataDir,
      bodyBytesMax: config.http?.bodyBytesMax ?? BODY_BYTES_MAX,
      append: (entry) => this.#ingest.append(entry),
      sealed: async (seq, deadlineMs) => {
        if (catalog.snapshot().sealedSeq < seq)
          await this.#destinations.flush(deadlineMs, MIRROR_DESTINATION);
      },
      durableSeq: () => journal.tail().seq,
      destinations: () => destinationTotals(options.dataDir, config.destinations),
      mirror: {
        sealedSeq: () => catalog.snapshot().sealedSeq,
        tables: () => new Set(catalog.snapshot().files.map(({ table }) => table)),
        newestSpans: (rows) => startOfNewest(catalog.snapshot().files, rows),
        onSealed: (listener) =>
          onSealed(({ files, lastSeq: seq }) => listener({ seq, tables: files.map(({ table }) => table) })),
      },
      onError: (error) => log.error({ error: errorMessage(error) }, "An API request failed"),
    };
  }

  #addressOf(name: string): string | undefined {
    const found = this.#parts.config.destinations.find((each) => each.name === name);
    return found === undefined ? undefined : addressOfExporter(found.exporter);
  }

  #notReady(): string | undefined {
    if (this.#state !== "running") return `The collector is ${this.#state}.`;
    const failure = this.#receivers.journalFailure();
    return failure === undefined ? undefined : `The journal does not take writes (${failure}).`;
  }

  #createDestination(config: DestinationConfig): Destination {
    const { log, options } = this.#parts;
    return createDestination({
      ...config,
      dataDir: options.dataDir,
      onLog: ({ level, message }) => log[level]({ destination: config.name }, message),
    });
  }
}
