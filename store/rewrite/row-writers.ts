import { LOG_COLUMN_NAMES, type PriceTable } from "../../schema/index.js";
import { LOG_SOURCE } from "../log-content/log-content-sql.js";
import type { MirrorRow } from "../mirror-row.js";
import { readEffectivePrices, readPricesOfVersion } from "../prices/effective-prices.js";
import { rowsToOtlpBytes } from "../rows-to-otlp.js";
import type { ColumnBatch } from "../seal/column-batch.js";
import { SpanDecoder } from "../seal/span-decoder.js";
import type { SpanRewrite } from "./rewrite-types.js";

/** Makes rows of `spans` from rows that are there. */
export interface RowWriter {
  /** Whether the row can go into one batch with those that are in it. */
  fits(row: MirrorRow): boolean;
  /** Adds the new row to the batch. It has the place (seq, seq_index) of the old one. */
  write(row: MirrorRow): void;
}

/** Columns that don't come from the OTLP record itself. */
const CARRIED_TEXTS = ["source", "run_id"] as const;

/** Price tables of a data directory by version, each read once. */
class Tables {
  readonly #again: boolean;
  readonly #known = new Map<string, PriceTable>();
  readonly effective: PriceTable;

  /** `again`: price everything by the table in effect. */
  constructor(
    readonly pricesDir: string,
    again: boolean,
  ) {
    this.#again = again;
    this.effective = readEffectivePrices(pricesDir);
  }

  of(version: string | null): PriceTable {
    if (this.#again || version === null || version === this.effective.version) return this.effective;
    const table = this.#known.get(version) ?? readPricesOfVersion(this.pricesDir, version) ?? this.effective;
    this.#known.set(version, table);
    return table;
  }
}

/**
 * Seals the row's span once more: the same code makes the columns as when it came in, only its rules may be newer. A call
 * that has a price is priced by the table that it was priced with, unless it is to be priced anew; others by the one in effect.
 */
class SealAgain implements RowWriter {
  readonly #decoder: SpanDecoder;
  readonly #seqIndex;
  readonly #carried;
  readonly #tables: Tables;
  #table: PriceTable | undefined;

  constructor(
    readonly batch: ColumnBatch,
    pricesDir: string,
    isReprice: boolean,
  ) {
    this.#decoder = new SpanDecoder(batch);
    this.#seqIndex = batch.fixed("seq_index");
    this.#carried = CARRIED_TEXTS.map((name) => ({ name, vector: batch.text(name) }));
    this.#tables = new Tables(pricesDir, isReprice);
  }

  fits(row: MirrorRow): boolean {
    return this.#tables.of(row.text("price_version")) === this.#table;
  }

  write(row: MirrorRow): void {
    const table = this.#tables.of(row.text("price_version"));
    if (table !== this.#table) this.#decoder.usePrices(table);
    this.#table = table;
    const { batch } = this;
    const bytes = rowsToOtlpBytes("traces", [row]);
    const start = batch.addSource(bytes);
    const at = batch.rows;
    const origin = { seq: row.number("seq"), receivedUnixNano: row.time("received_at") };
    this.#decoder.decode(start, start + bytes.length, origin);
    this.#seqIndex.setInt32(at, row.number("seq_index"));
    for (const { name, vector } of this.#carried) {
      const value = row.text(name);
      if (value !== null) batch.putText(vector, at, value);
    }
    if (row.text("provenance")?.includes(`":"${LOG_SOURCE}`) === true) this.#carryLogs(row, at);
  }

  /** What log records filled is not in the span: it stays where the span's own attributes still leave it open. */
  #carryLogs(row: MirrorRow, at: number): void {
    const { batch } = this;
    const before = JSON.parse(row.text("provenance") ?? "{}") as Readonly<Record<string, string>>;
    const names = LOG_COLUMN_NAMES.filter((name) => before[name]?.startsWith(LOG_SOURCE) === true);
    const carried = names.filter((name) => carry(batch, name, row, at));
    if (carried.includes("cost_usd")) batch.putText(batch.text("cost_source"), at, "emitter");
    if (carried.some((name) => name.endsWith("_tokens") || name === "cost_usd")) {
      carry(batch, "usage_scope", row, at);
    }
    const provenance = batch.text("provenance");
    const own = batch.textBytes(provenance.offsets[at] as number, provenance.lengths[at] as number);
    const sources = own === null ? {} : (JSON.parse(Buffer.from(own).toString()) as Record<string, string>);
    for (const name of carried) sources[name] = before[name] ?? "";
    if (Object.keys(sources).length > 0) batch.putText(provenance, at, JSON.stringify(sources));
  }
}

/** Gives a column that is null the value of the old row; whether it did. */
function carry(batch: ColumnBatch, name: string, row: MirrorRow, at: number): boolean {
  const vector = batch.vectors.find(({ column }) => column.name === name);
  if (vector === undefined || vector.kind === "map") return false;
  if (vector.kind === "text") {
    const value = row.text(name);
    if (value === null || (vector.lengths[at] as number) >= 0) return false;
    batch.putText(vector, at, value);
    return true;
  }
  if (vector.valid[at] === 1) return false;
  const { type } = vector.column;
  if (type === "BOOLEAN") {
    const value = row.boolean(name);
    if (value !== null) vector.setBoolean(at, value);
  } else if (type === "DOUBLE") {
    const value = row.double(name);
    if (value !== null) vector.setDouble(at, value);
  } else {
    const value = row.integer(name);
    if (value !== null) vector.setBigInt(at, value);
  }
  return vector.valid[at] === 1;
}

/** What a writer works with. */
export interface RowWriterContext {
  readonly batch: ColumnBatch;
  /** Folder of the price tables. */
  readonly pricesDir: string;
}

const WRITERS: Readonly<Record<SpanRewrite["kind"], (context: RowWriterContext) => RowWriter>> = {
  renormalise: ({ batch, pricesDir }) => new SealAgain(batch, pricesDir, false),
  reprice: ({ batch, pricesDir }) => new SealAgain(batch, pricesDir, true),
};

/** The writer that does a rewrite's work on each row. */
export function rowWriterOf({ kind }: SpanRewrite, context: RowWriterContext): RowWriter {
  return WRITERS[kind](context);
}
