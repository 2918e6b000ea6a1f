import { createHash } from "node:crypto";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  COLUMNS_VERSION,
  FORMAT_VERSION,
  LOG_COLUMN_NAMES,
  type LogContent,
  type LogRecord,
  priceOf,
  type PriceTable,
  LOG_CONTENT_COLUMNS,
  LOG_CONTENT_TABLE,
  UNIX_NANO_MAX,
} from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { ColumnBatch, VECTOR_ROWS } from "./column-batch.js";
import type { Filler } from "./filler.js";
import type { PiecePlace } from "./record-rows.js";
import { TableWriter } from "./table-writer.js";
import { TimeRange } from "./time-range.js";

/** Where a log record came from. */
export interface LogOrigin {
  readonly seq: number;
  readonly seqIndex: number;
  readonly receivedUnixNano: bigint;
}

interface Row extends LogOrigin {
  readonly traceId: string;
  readonly spanId: string;
  readonly time: bigint;
  readonly content: LogContent;
  readonly digest: string;
  readonly price: { readonly usd: number; readonly priceVersion: string } | undefined;
}

/** Rows of `log_content` of one piece of the journal, until they are written. They are few beside spans, so objects do. */
export class LogContentRows {
  readonly #rows: Row[] = [];
  /** Equal records of the request at hand. */
  readonly #equal = new Map<string, number>();
  #requestSeq = -1;
  #prices: PriceTable | undefined;

  /** Until then usage is priced by what ships with the product. */
  usePrices(table: PriceTable): void {
    this.#prices = table;
  }

  get length(): number {
    return this.#rows.length;
  }

  add(record: LogRecord, content: LogContent, origin: LogOrigin): void {
    if (origin.seq !== this.#requestSeq) this.#equal.clear();
    this.#requestSeq = origin.seq;
    const { traceId, spanId, timeUnixNano, observedTimeUnixNano } = record;
    const time = timeUnixNano === 0n ? observedTimeUnixNano : timeUnixNano;
    const said = JSON.stringify([traceId, spanId, String(time), content.eventName, content.columns]);
    const number = this.#equal.get(said) ?? 0;
    this.#equal.set(said, number + 1);
    const digest = createHash("sha256").update(`${number} ${said}`).digest("hex").slice(0, 16);
    const { call } = content;
    // A call began before its record was written: on the same day, as prices go.
    const price =
      call === undefined ? undefined : priceOf(call.usage, call.model, call.provider, time, this.#prices);
    this.#rows.push({ ...origin, traceId, spanId, time, content, digest, price: price ?? undefined });
  }

  /** Takes back what was added after there were `length` rows: their request was bad. */
  rollback(length: number): void {
    this.#rows.length = length;
    this.#requestSeq = -1;
  }

  /** The rows, which are forgotten. */
  take(): Row[] {
    return this.#rows.splice(0);
  }
}

/** Writes rows of `log_content` to files. Its memory is taken when the first ones come. */
export class LogContentWriter {
  readonly #connection: DuckDBConnection;
  readonly #filler: () => Filler;
  #writer: TableWriter | undefined;

  constructor(connection: DuckDBConnection, filler: () => Filler) {
    this.#connection = connection;
    this.#filler = filler;
  }

  /** Writes one file of the piece, as the mirror places it; undefined when there are no rows. */
  async write(outDir: string, rows: LogContentRows, place: PiecePlace): Promise<FileEntry | undefined> {
    const { date, firstSeq, lastSeq } = place;
    const path = `${LOG_CONTENT_TABLE}/date=${date}/0-${firstSeq}-${lastSeq}.parquet`;
    const times = new TimeRange("time");
    const taken = rows.take();
    if (taken.length === 0) return undefined;
    this.#writer ??= new TableWriter(
      this.#connection,
      LOG_CONTENT_TABLE,
      new ColumnBatch(LOG_CONTENT_COLUMNS, VECTOR_ROWS),
      this.#filler(),
    );
    this.#writer.filler = this.#filler();
    let at = 0;
    const written = await this.#writer.write(join(outDir, path), (batch) => {
      if (at >= taken.length) return false;
      for (const end = Math.min(taken.length, at + VECTOR_ROWS); at < end; at++)
        putRow(batch, taken[at] as Row);
      times.add(batch);
      return true;
    });
    if (written === null) throw new Error("a file of log_content without rows");
    return {
      table: LOG_CONTENT_TABLE,
      path,
      level: 0,
      ...written,
      minTimeUnixNano: times.min,
      maxTimeUnixNano: times.max,
      firstSeq,
      lastSeq,
      formatVersion: FORMAT_VERSION,
      columnsVersion: COLUMNS_VERSION,
    };
  }
}

function putRow(batch: ColumnBatch, row: Row): void {
  const at = batch.addRow();
  const { content } = row;
  batch.putText(batch.text("trace_id"), at, row.traceId);
  batch.putText(batch.text("span_id"), at, row.spanId);
  if (row.time > 0n && row.time < UNIX_NANO_MAX) batch.fixed("time").setBigInt(at, row.time);
  batch.putText(batch.text("event_name"), at, content.eventName);
  batch.fixed("whole").setBoolean(at, content.whole);
  batch.putText(batch.text("digest"), at, row.digest);
  for (const name of LOG_COLUMN_NAMES) {
    const value = content.columns[name];
    if (value === undefined) continue;
    const vector = batch.vectors.find(({ column }) => column.name === name);
    if (vector?.kind === "text") batch.putText(vector, at, String(value));
    else if (vector?.kind !== "fixed") continue;
    else if (typeof value === "boolean") vector.setBoolean(at, value);
    else if (vector.column.type === "DOUBLE") vector.setDouble(at, Number(value));
    else vector.setBigInt(at, BigInt(Math.trunc(Number(value))));
  }
  if (content.choice !== undefined) batch.fixed("choice").setInt32(at, content.choice);
  if (row.price !== undefined) {
    batch.fixed("price_usd").setDouble(at, row.price.usd);
    batch.putText(batch.text("price_version"), at, row.price.priceVersion);
  }
  batch.fixed("received_at").setBigInt(at, row.receivedUnixNano);
  batch.fixed("seq").setNumber(at, row.seq);
  batch.fixed("seq_index").setInt32(at, row.seqIndex);
}
