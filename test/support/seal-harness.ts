import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Signal, type SignalData, TABLE_COLUMNS, type TelemetryTable } from "../../schema/index.js";
import { columnNames, MirrorRow } from "../../store/mirror-row.js";
import { ColumnBatch } from "../../store/seal/column-batch.js";
import type { Filler } from "../../store/seal/filler.js";
import { LogDecoder } from "../../store/seal/log-decoder.js";
import { MetricDecoder } from "../../store/seal/metric-decoder.js";
import { PointerFiller } from "../../store/seal/pointer-filler.js";
import type { RecordDecoder } from "../../store/seal/record-decoder.js";
import { SpanDecoder } from "../../store/seal/span-decoder.js";
import { openEngine, TableWriter } from "../../store/seal/table-writer.js";

const TABLES: Record<Signal, TelemetryTable> = {
  traces: "spans",
  logs: "span_logs",
  metrics: "metric_points",
};

/** Seals requests to a Parquet file and reads it back, without threads: for tests of the decoder and the writer. */
export class SealHarness {
  readonly dir = mkdtempSync(join(tmpdir(), "counterfoil-seal-"));
  readonly #tables = new Map<Signal, { decoder: RecordDecoder; writer: TableWriter }>();

  private constructor(
    readonly instance: DuckDBInstance,
    readonly connection: DuckDBConnection,
    readonly filler: Filler,
  ) {}

  static async open(filler: Filler = new PointerFiller()): Promise<SealHarness> {
    const dir = mkdtempSync(join(tmpdir(), "counterfoil-duckdb-"));
    const instance = await openEngine(dir);
    return new SealHarness(instance, await instance.connect(), filler);
  }

  /** Writes the requests as records 1, 2, ... of the journal; returns the file's path, null without rows. */
  async seal(signal: Signal, requests: readonly Uint8Array[], name = "out"): Promise<string | null> {
    const { decoder, writer } = this.#table(signal);
    const path = join(this.dir, `${name}.parquet`);
    let next = 0;
    const written = await writer.write(path, (batch) => {
      if (next >= requests.length) return false;
      while (next < requests.length && batch.rows < 2048) {
        const bytes = requests[next++] ?? new Uint8Array();
        const start = batch.addSource(bytes);
        decoder.decode(start, start + bytes.length, {
          seq: next,
          receivedUnixNano: 1_795_413_600_000_000_001n,
        });
      }
      return true;
    });
    return written === null ? null : path;
  }

  /** All rows of a file in order. */
  async rows(signal: Signal, path: string): Promise<MirrorRow[]> {
    const columns = columnNames(TABLE_COLUMNS[TABLES[signal]]);
    const result = await this.connection.runAndReadAll(
      `SELECT ${columns.map((name) => `"${name}"`).join(", ")} FROM read_parquet('${path}') ORDER BY seq, seq_index`,
    );
    return result.getRows().map((values) => new MirrorRow(columns, values));
  }

  /** Seals and reads back. */
  async roundTrip(signal: Signal, requests: readonly Uint8Array[]): Promise<MirrorRow[]> {
    const path = await this.seal(signal, requests);
    return path === null ? [] : this.rows(signal, path);
  }

  #table(signal: Signal): { decoder: RecordDecoder; writer: TableWriter } {
    const known = this.#tables.get(signal);
    if (known !== undefined) return known;
    const batch = new ColumnBatch(TABLE_COLUMNS[TABLES[signal]]);
    const decoder = {
      traces: () => new SpanDecoder(batch),
      logs: () => new LogDecoder(batch),
      metrics: () => new MetricDecoder(batch),
    }[signal]();
    const table = { decoder, writer: new TableWriter(this.connection, TABLES[signal], batch, this.filler) };
    this.#tables.set(signal, table);
    return table;
  }

  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** One record with its surroundings: what losslessness is about, whatever the grouping. */
export interface FlatRecord {
  readonly resource: unknown;
  readonly resourceSchemaUrl: string;
  readonly scope: unknown;
  readonly scopeSchemaUrl: string;
  readonly record: unknown;
}

/** A request as the list of its records in order; a metric counts once per data point. */
export function flatten<S extends Signal>(signal: S, data: SignalData[S]): FlatRecord[] {
  if (signal === "traces") {
    return (data as SignalData["traces"]).resourceSpans.flatMap((group) =>
      group.scopeSpans.flatMap((scope) => scope.spans.map((record) => flat(group, scope, record))),
    );
  }
  if (signal === "logs") {
    return (data as SignalData["logs"]).resourceLogs.flatMap((group) =>
      group.scopeLogs.flatMap((scope) => scope.logRecords.map((record) => flat(group, scope, record))),
    );
  }
  return (data as SignalData["metrics"]).resourceMetrics.flatMap((group) =>
    group.scopeMetrics.flatMap((scope) =>
      scope.metrics.flatMap((metric) => pointsOf(metric).map((record) => flat(group, scope, record))),
    ),
  );
}

type Metric = SignalData["metrics"]["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number];

function pointsOf(metric: Metric): unknown[] {
  const { gauge, sum, histogram, exponentialHistogram, summary, ...head } = metric;
  const data = gauge ?? sum ?? histogram ?? exponentialHistogram ?? summary;
  const kind = Object.entries(metric).find(([, value]) => value === data)?.[0];
  return (data?.dataPoints ?? []).map((point) => ({ head, kind, data: { ...data, dataPoints: [] }, point }));
}

function flat(
  group: { resource?: unknown; schemaUrl: string },
  scope: { scope?: unknown; schemaUrl: string },
  record: unknown,
): FlatRecord {
  return {
    resource: group.resource,
    resourceSchemaUrl: group.schemaUrl,
    scope: scope.scope,
    scopeSchemaUrl: scope.schemaUrl,
    record,
  };
}
