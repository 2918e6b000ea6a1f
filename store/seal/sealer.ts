import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import {
  type JournalGap,
  type JournalReader,
  type JournalRecord,
  openJournalReader,
  ReusedChunks,
} from "../../journal/index.js";
import {
  COLUMNS_VERSION,
  decodeRecords,
  errorMessage,
  FORMAT_VERSION,
  RULE_SET_VERSION,
  SEAL_BATCH_BYTES,
  type Signal,
  SIGNALS,
  TABLE_COLUMNS,
  TELEMETRY_TABLES,
  type TelemetryTable,
} from "../../schema/index.js";
import { PriceWatch } from "../prices/effective-prices.js";
import { SUPERSEDED_COLUMNS, SUPERSEDED_TABLE } from "../superseded.js";
import type { FileEntry } from "../types.js";
import { ColumnBatch, VECTOR_ROWS } from "./column-batch.js";
import { DeadLetterTally } from "./dead-letter-counts.js";
import { DeadLetterFolder } from "./dead-letter-folder.js";
import type { Filler } from "./filler.js";
import { LogContentWriter } from "./log-content-rows.js";
import { LogDecoder } from "./log-decoder.js";
import type { ReadRange, SealedRange, SealerPaths, SealOrder, SpanIds, WinnersOrder } from "./messages.js";
import { MetricDecoder } from "./metric-decoder.js";
import { RecordRows } from "./record-rows.js";
import { inflatedBytes, inflatePayload } from "./payload.js";
import { PointerFiller } from "./pointer-filler.js";
import type { RecordDecoder } from "./record-decoder.js";
import { SafeFiller } from "./safe-filler.js";
import { pointerFillerWorks } from "./self-check.js";
import { SpanDecoder } from "./span-decoder.js";
import { SpanIdCollector } from "./span-ids.js";
import { openEngine, TableWriter } from "./table-writer.js";
import { TimeRange } from "./time-range.js";

/** Payload bytes asked from the journal at once. */
const READ_BYTES = 8 * 1024 * 1024;
/** Memory kept for the next piece; what a large one needed beyond it is given back. */
const READ_KEEP_BYTES = 48 * 1024 * 1024;
/** Each read takes at most this part of what a piece may still hold, as compressed payloads grow. */
const READS_PER_PIECE = 4;

const TABLE_OF: Readonly<Record<Signal, TelemetryTable>> = {
  traces: "spans",
  logs: "span_logs",
  metrics: "metric_points",
};
const TIME_COLUMN: Readonly<Record<TelemetryTable, string>> = {
  spans: "start_time",
  span_logs: "time",
  metric_points: "time",
};

interface Table {
  readonly name: TelemetryTable;
  readonly decoder: RecordDecoder;
  readonly writer: TableWriter;
}

/** What was read of the journal for one order. */
interface Piece {
  readonly firstSeq: number;
  readonly records: readonly JournalRecord[];
  readonly gaps: readonly JournalGap[];
  readonly range: ReadRange;
}

/** Day of a time, UTC, as folders name it. */
export function dayOf(unixNano: bigint): string {
  return new Date(Number(unixNano / 1_000_000n)).toISOString().slice(0, 10);
}

/**
 * Turns pieces of the journal into Parquet files: one piece at a time, one DuckDB instance, one thread. It touches
 * neither the mirror's folders nor the catalog: what it returns becomes visible when the coordinator has moved and
 * committed it, and sealing the same piece again makes the same file names.
 */
export class Sealer {
  readonly #paths: SealerPaths;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #tables: ReadonlyMap<TelemetryTable, Table>;
  readonly #superseded: TableWriter;
  readonly #changes: RecordRows;
  readonly #logs: LogDecoder;
  readonly #logContent: LogContentWriter;
  readonly #deadLetters: DeadLetterFolder;
  readonly #ids = new SpanIdCollector();
  readonly #chunks = new ReusedChunks();
  readonly #prices: PriceWatch;
  #reader: { readonly reader: JournalReader; lastSeq: number } | undefined;

  private constructor(
    paths: SealerPaths,
    engine: { instance: DuckDBInstance; connection: DuckDBConnection; filler: () => Filler },
  ) {
    this.#paths = paths;
    this.#instance = engine.instance;
    this.#connection = engine.connection;
    this.#deadLetters = new DeadLetterFolder(paths.deadLetterDir);
    this.#prices = new PriceWatch(paths.pricesDir);
    const filler = engine.filler();
    const logBatch = new ColumnBatch(TABLE_COLUMNS.span_logs);
    this.#logs = new LogDecoder(logBatch);
    this.#tables = new Map(
      TELEMETRY_TABLES.map((name) => {
        const batch = name === "span_logs" ? logBatch : new ColumnBatch(TABLE_COLUMNS[name]);
        const decoder =
          name === "spans"
            ? new SpanDecoder(batch)
            : name === "span_logs"
              ? this.#logs
              : new MetricDecoder(batch);
        return [name, { name, decoder, writer: new TableWriter(this.#connection, name, batch, filler) }];
      }),
    );
    this.#changes = new RecordRows(this.#connection, () => this.#superseded.filler);
    this.#logContent = new LogContentWriter(this.#connection, () => this.#superseded.filler);
    const winners = new ColumnBatch(SUPERSEDED_COLUMNS);
    this.#superseded = new TableWriter(this.#connection, SUPERSEDED_TABLE, winners, filler);
  }

  /** Opens the engine and chooses the filler by a self-check. `note` says why when the fast one was not taken. */
  static async open(paths: SealerPaths): Promise<{ sealer: Sealer; filler: string; note: string }> {
    mkdirSync(paths.outDir, { recursive: true, mode: 0o700 });
    const instance = await openEngine(paths.tempDir);
    const connection = await instance.connect();
    const check = await pointerFillerWorks(connection);
    const filler = (): Filler => (check.works ? new PointerFiller() : new SafeFiller());
    const sealer = new Sealer(paths, { instance, connection, filler });
    return { sealer, filler: check.works ? "pointer" : "safe", note: check.reason };
  }

  /** Seals one piece. `onRead` is told its end before the slow part begins. */
  async seal(order: SealOrder, onRead: (range: ReadRange) => void): Promise<SealedRange> {
    this.#chunks.release(READ_KEEP_BYTES);
    const prices = this.#prices.changed();
    if (prices !== undefined) for (const { decoder } of this.#tables.values()) decoder.usePrices?.(prices);
    const piece = this.#read(order);
    onRead(piece.range);
    const first = piece.records[0];
    const date = dayOf(first?.receivedUnixNano ?? BigInt(Date.now()) * 1_000_000n);
    const deadLetter = new DeadLetterTally();
    for (const gap of piece.gaps) deadLetter.addCounts(`journal_${gap.reason}`, gap.counts);
    const files: FileEntry[] = [];
    this.#ids.take();
    if (order.giveUp === true) this.#giveUp(piece, deadLetter);
    else files.push(...(await this.#writeTables(piece, { date, deadLetter })));
    return {
      ...piece.range,
      firstSeq: piece.firstSeq,
      files,
      ids: this.#ids.take(),
      deadLetter: deadLetter.counts,
    };
  }

  #giveUp(piece: Piece, deadLetter: DeadLetterTally): void {
    for (const record of piece.records) {
      this.#giveUpOne(record, "every attempt to seal this request failed", deadLetter);
    }
  }

  #read(order: SealOrder): Piece {
    const reader = this.#readerAt(order);
    // Nobody may go on with a reader that failed half-way: it stands where no piece ends.
    this.#reader = undefined;
    try {
      const piece = readPiece(reader, order);
      this.#reader = { reader, lastSeq: piece.range.lastSeq };
      return piece;
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  /** The open reader when it stands at the order's start, else a new one. */
  #readerAt(order: SealOrder): JournalReader {
    const open = this.#reader;
    if (open?.lastSeq === order.afterSeq) return open.reader;
    open?.reader.close();
    this.#reader = undefined;
    const { afterSeq, counts, place } = order;
    const chunks = this.#chunks;
    return openJournalReader({
      dir: this.#paths.journalDir,
      afterSeq,
      counts,
      chunks,
      ...(place === undefined ? {} : { place }),
    });
  }

  async #writeTables(
    piece: Piece,
    context: { readonly date: string; readonly deadLetter: DeadLetterTally },
  ): Promise<FileEntry[]> {
    const files: FileEntry[] = [];
    this.#changes.clear();
    this.#logs.content.take();
    for (const signal of SIGNALS) {
      const records = piece.records.filter((record) => record.signal === signal);
      if (records.length === 0) continue;
      const file = await this.#writeTable(piece, signal, records, context);
      if (file !== null) files.push(file);
    }
    for (const record of piece.records) {
      if (record.signal === "records") this.#addChanges(record, context.deadLetter);
    }
    const { firstSeq, range } = piece;
    const place = { date: context.date, firstSeq, lastSeq: range.lastSeq };
    const content = await this.#logContent.write(this.#paths.outDir, this.#logs.content, place);
    if (content !== undefined) files.push(content);
    return [...files, ...(await this.#changes.write(this.#paths.outDir, place))];
  }

  /** The changes of one journal record: all, or as one dead letter none. */
  #addChanges(record: JournalRecord, deadLetter: DeadLetterTally): void {
    try {
      this.#changes.add(decodeRecords(inflatePayload(record.encoding, record.payload)), record);
    } catch (error) {
      this.#giveUpOne(record, errorMessage(error), deadLetter);
    }
  }

  #giveUpOne(record: JournalRecord, message: string, deadLetter: DeadLetterTally): void {
    this.#deadLetters.save(record, message);
    deadLetter.add("undecodable", record.signal, record.itemCount);
  }

  async #writeTable(
    piece: Piece,
    signal: Signal,
    records: readonly JournalRecord[],
    context: { readonly date: string; readonly deadLetter: DeadLetterTally },
  ): Promise<FileEntry | null> {
    const table = this.#table(TABLE_OF[signal]);
    const { firstSeq, range } = piece;
    const path = `${table.name}/date=${context.date}/0-${firstSeq}-${range.lastSeq}.parquet`;
    const times = new TimeRange(TIME_COLUMN[table.name]);
    let at = 0;
    const written = await table.writer.write(join(this.#paths.outDir, path), (batch) => {
      if (at >= records.length) return false;
      do {
        this.#decode(table, records[at++] as JournalRecord, context.deadLetter);
      } while (at < records.length && batch.sourceLength < SEAL_BATCH_BYTES && batch.rows < VECTOR_ROWS);
      times.add(batch);
      if (table.name === "spans") this.#ids.add(batch);
      return true;
    });
    if (written === null) return null;
    return {
      table: table.name,
      path,
      level: 0,
      ...written,
      minTimeUnixNano: times.min,
      maxTimeUnixNano: times.max,
      firstSeq,
      lastSeq: range.lastSeq,
      formatVersion: FORMAT_VERSION,
      columnsVersion: COLUMNS_VERSION,
      ...(table.name === "spans" ? { ruleSetVersion: RULE_SET_VERSION } : {}),
    };
  }

  /** One request into the batch. A bad one is taken back whole and kept as a dead letter; the rest goes on. */
  #decode(table: Table, record: JournalRecord, deadLetter: DeadLetterTally): void {
    const { batch } = table.writer;
    const mark = batch.mark();
    try {
      const bytes = inflatePayload(record.encoding, record.payload);
      const start = batch.addSource(bytes);
      table.decoder.decode(start, start + bytes.length, record);
      const found = table.decoder.evaluations?.() ?? [];
      if (found.length > 0) this.#changes.add(found, record);
    } catch (error) {
      batch.rollback(mark);
      table.decoder.rollback?.();
      this.#giveUpOne(record, errorMessage(error), deadLetter);
    }
  }

  #table(name: TelemetryTable): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }

  /** Writes the `superseded` file of one piece. */
  async writeWinners(order: WinnersOrder): Promise<FileEntry> {
    const path = `${SUPERSEDED_TABLE}/date=${order.date}/0-${order.firstSeq}-${order.lastSeq}.parquet`;
    let done = false;
    const written = await this.#superseded.write(join(this.#paths.outDir, path), (batch) => {
      if (done) return false;
      done = true;
      for (const winner of order.winners) {
        const row = batch.addRow();
        batch.putText(batch.text("trace_id"), row, winner.traceId);
        batch.putText(batch.text("span_id"), row, winner.spanId);
        batch.fixed("seq").setNumber(row, winner.seq);
        batch.fixed("seq_index").setInt32(row, winner.seqIndex);
      }
      return true;
    });
    if (written === null) throw new Error("a superseded file without rows");
    const { firstSeq, lastSeq } = order;
    const times = { minTimeUnixNano: null, maxTimeUnixNano: null };
    return {
      table: SUPERSEDED_TABLE,
      path,
      level: 0,
      ...written,
      ...times,
      firstSeq,
      lastSeq,
      formatVersion: FORMAT_VERSION,
      columnsVersion: COLUMNS_VERSION,
    };
  }

  /** Ids of the newest `max` span rows of the given files (paths below the mirror), oldest first. */
  async recentIds(paths: readonly string[], max: number): Promise<SpanIds> {
    const collector = new SpanIdCollector();
    if (paths.length === 0) return collector.take();
    const list = paths.map((path) => `'${join(this.#paths.mirrorDir, path).replaceAll("'", "''")}'`);
    const result = await this.#connection.runAndReadAll(
      `SELECT trace_id, span_id, seq, seq_index, end_time IS NOT NULL FROM (
         SELECT * FROM read_parquet([${list.join(", ")}], union_by_name = true)
         WHERE trace_id IS NOT NULL AND span_id IS NOT NULL
         ORDER BY seq DESC, seq_index DESC LIMIT ${max}) ORDER BY seq, seq_index`,
    );
    for (const row of result.getRows()) {
      const [traceId, spanId, seq, seqIndex, hasEnd] = row;
      if (typeof traceId !== "string" || typeof spanId !== "string") continue;
      const place = { seq: Number(seq), seqIndex: Number(seqIndex), hasEnd: hasEnd === true };
      collector.addRow(traceId, spanId, place);
    }
    return collector.take();
  }

  /** Takes the safe filler from now on: a retry after an unexplained failure should not depend on the fast one. */
  useSafeFiller(): void {
    for (const { writer } of this.#tables.values()) writer.filler = new SafeFiller();
    this.#superseded.filler = new SafeFiller();
  }

  close(): void {
    this.#reader?.reader.close();
    this.#connection.closeSync();
    this.#instance.closeSync();
    rmSync(this.#paths.tempDir, { recursive: true, force: true });
  }
}

function readPiece(reader: JournalReader, order: SealOrder): Piece {
  const { afterSeq, upToSeq, rowsMax, bytesMax, recordsMax = Infinity } = order;
  const records: JournalRecord[] = [];
  const gaps: JournalGap[] = [];
  let items = 0;
  let bytes = 0;
  let lastSeq = afterSeq;
  let { counts } = order;
  while (items < rowsMax && bytes < bytesMax && records.length < recordsMax) {
    const share = Math.ceil((bytesMax - bytes) / READS_PER_PIECE);
    const maxBytes = recordsMax === Infinity ? Math.min(READ_BYTES, share) : 1;
    const batch = reader.read({ maxBytes, upToSeq });
    if (batch.lastSeq === lastSeq) break;
    ({ lastSeq, counts } = batch);
    gaps.push(...batch.gaps);
    for (const record of batch.records) {
      records.push(record);
      items += record.itemCount;
      bytes += inflatedBytes(record.encoding, record.payload);
    }
  }
  return {
    firstSeq: afterSeq + 1,
    records,
    gaps,
    range: { lastSeq, counts, bytes, items, place: reader.place() },
  };
}
