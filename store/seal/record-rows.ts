import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  type Column,
  COLUMNS_VERSION,
  columnsOf,
  FORMAT_VERSION,
  type JsonObject,
  type JsonValue,
  RECORD_TABLES,
  type RecordColumn,
  recordTypeOf,
  type StoredChange,
  timeToUnixNano,
  UNKNOWN_RECORDS_TABLE,
  wellFormedJson,
} from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import { ColumnBatch, VECTOR_ROWS } from "./column-batch.js";
import type { Filler } from "./filler.js";
import type { RecordOrigin } from "./record-decoder.js";
import { TableWriter } from "./table-writer.js";
import { TimeRange } from "./time-range.js";

/** One change on its way into its table. */
interface Row {
  readonly change: StoredChange;
  readonly origin: RecordOrigin;
  readonly seqIndex: number;
}

/** Where the files of a piece go. */
export interface PiecePlace {
  readonly date: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Table that a change belongs in: its type's, when this version can read it. */
function tableOf({ type, op, data }: StoredChange): string {
  const known = recordTypeOf(type);
  const readable = (op === "put" && isObject(data)) || op === "delete";
  return known === undefined || !readable ? UNKNOWN_RECORDS_TABLE : known.table;
}

/**
 * Changes of one piece of the journal, by table, and the files made of them. Changes are few beside spans, so they are
 * objects; a table's memory is taken when its first change comes.
 */
export class RecordRows {
  readonly #connection: DuckDBConnection;
  readonly #filler: () => Filler;
  readonly #rows = new Map<string, Row[]>();
  readonly #writers = new Map<string, TableWriter>();

  constructor(connection: DuckDBConnection, filler: () => Filler) {
    this.#connection = connection;
    this.#filler = filler;
  }

  /** Adds the changes of one journal record; `firstIndex` is the place of the first one within it. */
  add(changes: readonly StoredChange[], origin: RecordOrigin, firstIndex = 0): void {
    for (const [index, change] of changes.entries()) {
      const table = tableOf(change);
      const rows = this.#rows.get(table) ?? [];
      this.#rows.set(table, rows);
      rows.push({ change, origin, seqIndex: firstIndex + index });
    }
  }

  /** Forgets what was added: the piece is tried again. */
  clear(): void {
    this.#rows.clear();
  }

  /** Writes one file for each table that has changes, and forgets them. */
  async write(outDir: string, place: PiecePlace): Promise<FileEntry[]> {
    const files: FileEntry[] = [];
    for (const table of RECORD_TABLES) {
      const rows = this.#rows.get(table);
      if (rows !== undefined) files.push(await this.#writeTable(outDir, table, rows, place));
    }
    this.clear();
    return files;
  }

  async #writeTable(
    outDir: string,
    table: string,
    rows: readonly Row[],
    { date, firstSeq, lastSeq }: PiecePlace,
  ): Promise<FileEntry> {
    const path = `${table}/date=${date}/0-${firstSeq}-${lastSeq}.parquet`;
    const times = new TimeRange("time");
    let at = 0;
    const written = await this.#writer(table).write(join(outDir, path), (batch) => {
      if (at >= rows.length) return false;
      for (const end = Math.min(rows.length, at + VECTOR_ROWS); at < end; at++)
        putRow(batch, rows[at] as Row);
      times.add(batch);
      return true;
    });
    if (written === null) throw new Error(`a file of ${table} without rows`);
    return {
      table,
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

  #writer(table: string): TableWriter {
    const known = this.#writers.get(table);
    if (known !== undefined) {
      known.filler = this.#filler();
      return known;
    }
    const batch = new ColumnBatch(columnsOf(table), VECTOR_ROWS);
    const writer = new TableWriter(this.#connection, table, batch, this.#filler());
    this.#writers.set(table, writer);
    return writer;
  }
}

function putRow(batch: ColumnBatch, row: Row): void {
  const at = batch.addRow();
  const { change } = row;
  const data = isObject(change.data) ? change.data : {};
  for (const vector of batch.vectors) {
    const value = columnValue(vector.column, row, data);
    if (value === undefined || value === null) continue;
    if (vector.kind === "text") {
      const { json } = vector.column;
      if (json === true) batch.putText(vector, at, wellFormedJson(JSON.stringify(value)));
      else if (typeof value === "string") batch.putText(vector, at, value);
    } else if (vector.kind === "fixed") putFixed(vector, at, value);
  }
}

function putFixed(
  vector: Extract<ColumnBatch["vectors"][number], { kind: "fixed" }>,
  at: number,
  value: JsonValue | bigint,
): void {
  switch (vector.column.type) {
    case "BOOLEAN":
      if (typeof value === "boolean") vector.setBoolean(at, value);
      break;
    case "DOUBLE":
      if (typeof value === "number") vector.setDouble(at, value);
      break;
    case "BIGINT":
      if (Number.isSafeInteger(value)) vector.setBigInt(at, BigInt(value as number));
      break;
    case "INTEGER":
      if (typeof value === "number") vector.setInt32(at, value);
      break;
    case "TIMESTAMP_NS": {
      const nanos = typeof value === "bigint" ? value : timeToUnixNano(value);
      if (nanos !== undefined) vector.setBigInt(at, nanos);
      break;
    }
    case "VARCHAR":
    case "BLOB":
    case "MAP(VARCHAR, VARCHAR)":
      throw new Error(`no vector of numbers for ${vector.column.type}`);
  }
}

/** A column's value: of the change itself, or out of its data. What does not fit its column is in `data` all the same. */
function columnValue(
  column: Column,
  { change, origin, seqIndex }: Row,
  data: JsonObject,
): JsonValue | bigint | undefined {
  switch (column.name) {
    case "id":
    case "op":
    case "type":
    case "time":
    case "source":
    case "data":
    case "more":
      return change[column.name];
    case "received_at":
      return origin.receivedUnixNano;
    case "seq":
      return origin.seq;
    case "seq_index":
      return seqIndex;
    default: {
      const { name, read } = column as RecordColumn;
      return read === undefined ? (Object.hasOwn(data, name) ? data[name] : undefined) : read(data);
    }
  }
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
