import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBValue } from "@duckdb/node-api";
import { type Journal, type JournalEntry, openJournal } from "../../journal/index.js";
import { encodeOtlp, type Signal, type Span, type SignalData } from "../../schema/index.js";
import {
  dataDirPaths,
  type FileCatalog,
  type Mirror,
  type MirrorOptions,
  openCatalog,
  openMirror,
  readCatalog,
} from "../../store/index.js";
import { snapshotSources, viewStatements } from "../../store/views/open-sql.js";

/** 2026-11-23 06:00 UTC. */
export const RECEIVED = 1_795_413_600_000_000_000n;

/** A journal, a catalog and a mirror over one temporary data directory, as the server wires them. */
export class MirrorHarness {
  readonly dir: string;
  journal!: Journal;
  catalog!: FileCatalog;
  mirror!: Mirror;
  readonly logs: string[] = [];

  private constructor(dir: string) {
    this.dir = dir;
  }

  static async open(
    options: Partial<MirrorOptions> & { dir?: string; start?: boolean } = {},
  ): Promise<MirrorHarness> {
    const harness = new MirrorHarness(options.dir ?? mkdtempSync(join(tmpdir(), "counterfoil-mirror-")));
    const paths = dataDirPaths(harness.dir);
    harness.journal = await openJournal({ dir: paths.journal });
    harness.catalog = await openCatalog({ mirrorDir: paths.mirror });
    harness.mirror = await openMirror({
      dataDir: harness.dir,
      catalog: harness.catalog,
      onLog: ({ message }) => harness.logs.push(message),
      ...options,
    });
    harness.journal.onDurable((tail) => harness.mirror.notify(tail));
    if (options.start !== false) await harness.mirror.start(harness.journal.tail());
    return harness;
  }

  append(entry: Partial<JournalEntry> & { payload: Uint8Array }): Promise<number> {
    return this.journal.append({
      signal: "traces",
      encoding: "identity",
      itemCount: 1,
      receivedUnixNano: RECEIVED,
      ...entry,
    });
  }

  /** Appends a request of that many items. */
  appendData<S extends Signal>(signal: S, data: SignalData[S], itemCount: number): Promise<number> {
    return this.append({ signal, payload: encodeOtlp(signal, data), itemCount });
  }

  /** Rows of a query over the views of the committed catalog. */
  async query(sql: string): Promise<DuckDBValue[][]> {
    const { mirror } = dataDirPaths(this.dir);
    const sources = snapshotSources(readCatalog(mirror), mirror);
    const instance = await DuckDBInstance.create(":memory:");
    const connection = await instance.connect();
    try {
      for (const statement of viewStatements(sources)) await connection.run(statement);
      return (await connection.runAndReadAll(sql)).getRows();
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  async close(options: { keep?: boolean } = {}): Promise<void> {
    await this.mirror.shutdown(10_000);
    await this.catalog.close();
    await this.journal.close();
    if (options.keep !== true) rmSync(this.dir, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** A span with nothing but its ids and what is given. */
export function span(given: Partial<Span> & Pick<Span, "traceId" | "spanId">): Span {
  return {
    traceState: "",
    parentSpanId: "",
    flags: 0,
    name: "work",
    kind: 1,
    startTimeUnixNano: RECEIVED,
    endTimeUnixNano: RECEIVED + 1_000_000n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...given,
  };
}

/** A request of these spans. */
export function request(...spans: Span[]): SignalData["traces"] {
  return { resourceSpans: [{ scopeSpans: [{ spans, schemaUrl: "" }], schemaUrl: "" }] };
}

/** The n-th trace or span id. */
export const traceId = (n: number): string => n.toString(16).padStart(32, "0");
export const spanId = (n: number): string => n.toString(16).padStart(16, "0");
