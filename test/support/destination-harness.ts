import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect } from "vitest";
import { sumTotals } from "../../exporters/core/counts.js";
import { addCounts } from "../../journal/index.js";
import { createDestination } from "../../exporters/destination.js";
import type {
  DestinationOptions,
  ExportDestination,
  ExporterConfig,
} from "../../exporters/destination-types.js";
import type { DestinationStats } from "../../exporters/types.js";
import { openJournal, type Journal } from "../../journal/index.js";
import { encodeOtlp } from "../../schema/index.js";
import { dataDirPaths } from "../../store/data-dir.js";
import { LangSmithStandIn } from "./langsmith-stand-in.js";
import { spanNamed, tracesOf } from "./memory-journal.js";

/** A data directory with a real journal, a LangSmith stand-in, and destinations in real workers between them. */
export class DestinationHarness {
  readonly dataDir: string;
  readonly journal: Journal;
  readonly key = "lsv2_secret_0123456789";
  readonly logs: string[] = [];
  /** Every worker thread that was started. */
  readonly workers: Worker[] = [];
  standIn: LangSmithStandIn;
  readonly #open: ExportDestination[] = [];

  private constructor(parts: { dataDir: string; journal: Journal; standIn: LangSmithStandIn }) {
    this.dataDir = parts.dataDir;
    this.journal = parts.journal;
    this.standIn = parts.standIn;
  }

  static async open(): Promise<DestinationHarness> {
    const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-destination-"));
    const journal = await openJournal({ dir: dataDirPaths(dataDir).journal });
    const standIn = new LangSmithStandIn();
    await standIn.start();
    return new DestinationHarness({ dataDir, journal, standIn });
  }

  async close(): Promise<void> {
    for (const destination of this.#open.splice(0)) await destination.shutdown(0);
    await this.journal.close();
    await this.standIn.stop();
    rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 20 });
  }

  /** A destination that hears of the journal's growth; start it with {@link started} or by itself. */
  create(exporter: ExporterConfig, over: Partial<DestinationOptions> = {}): ExportDestination {
    const destination = createDestination(
      {
        name: "ls",
        dataDir: this.dataDir,
        exporter,
        signals: ["traces", "logs", "metrics"],
        delivery: { retry: { initialMs: 20, maxMs: 100 }, batch: { flushIntervalMs: 10 } },
        onLog: ({ level, message }) => this.logs.push(`${level} ${message}`),
        ...over,
      },
      (url, options) => {
        const worker = new Worker(url, options);
        this.workers.push(worker);
        return worker;
      },
    );
    this.#open.push(destination);
    this.journal.onDurable((tail) => destination.notify(tail));
    return destination;
  }

  async started(
    exporter: ExporterConfig,
    over: Partial<DestinationOptions> = {},
  ): Promise<ExportDestination> {
    const destination = this.create(exporter, over);
    await destination.start(this.journal.tail());
    return destination;
  }

  langsmith(over: Partial<ExporterConfig & { type: "langsmith" }> = {}): ExporterConfig {
    return { type: "langsmith", endpoint: this.standIn.url, apiKey: this.key, timeoutMs: 300, ...over };
  }

  /** One record of spans with these names. */
  async append(...names: string[]): Promise<void> {
    const payload = encodeOtlp("traces", tracesOf(names.map((name) => spanNamed(name))));
    const itemCount = names.length;
    await this.journal.append({
      signal: "traces",
      encoding: "identity",
      payload,
      itemCount,
      receivedUnixNano: 1n,
    });
  }

  runNames(): string[] {
    return [...this.standIn.runs.values()].map((run) => run.name);
  }
}

/** I2: accepted = delivered + filtered + waiting + dead letters, for each signal. */
export function expectIdentity(stats: DestinationStats): void {
  const { delivered, filtered, deadLetter } = stats;
  const settled = sumTotals({
    delivered: { ...delivered },
    filtered: { ...filtered },
    deadLetter: { ...deadLetter },
  });
  expect(stats.accepted).toEqual(addCounts(settled, stats.waiting));
}
