import type { DuckDBConnection } from "@duckdb/node-api";
import {
  CounterfoilError,
  decodeRecords,
  isDeeper,
  JOURNAL_PAYLOAD_BYTES_MAX,
  type JournalSignal,
  RECORD_JSON_DEPTH_MAX,
  scanRequest,
  TABLE_COLUMNS,
  type TelemetryTable,
  unixNanoToTime,
} from "../../schema/index.js";
import { columnNames, MirrorRow } from "../mirror-row.js";
import { rowsToOtlpBytes } from "../rows-to-otlp.js";
import { sqlIdentifier } from "../views/sql-text.js";
import { CHANGE_COLUMNS } from "./change-rows.js";
import { SIGNAL_OF } from "./tables.js";

/** One journal record that an import makes of rows: a request of telemetry, or a set of changes. */
export interface ImportEntry {
  readonly signal: JournalSignal;
  readonly payload: Uint8Array;
  readonly itemCount: number;
  /** When it was received first, ns since 1970; undefined for now. */
  readonly receivedUnixNano: bigint | undefined;
  /** Of spans: version of the price table that priced one of them. */
  readonly priceVersion?: string | undefined;
}

/** The requests of telemetry that the rows of a relation came in, in their order. Throws CF_BUNDLE_INVALID. */
export async function* telemetryEntries(
  connection: DuckDBConnection,
  table: TelemetryTable,
  relation: string,
): AsyncGenerator<ImportEntry> {
  const columns = columnNames(TABLE_COLUMNS[table]);
  const signal = SIGNAL_OF[table];
  let parts = new PayloadParts(table);
  let receivedUnixNano: bigint | undefined;
  let priceVersion: string | undefined;
  for await (const { rows, isLast } of piecesOf(connection, columns, relation)) {
    receivedUnixNano = receivedOf(rows, receivedUnixNano);
    priceVersion ??= table === "spans" ? priceVersionOf(rows) : undefined;
    const part = decoded(() => rowsToOtlpBytes(signal, rows), table);
    const scan = decoded(() => scanRequest(signal, part), table);
    if (scan.rejected > 0 || scan.itemCount !== rows.length) {
      throw invalid(
        `${table} has rows that are no valid ${signal}${scan.reason === "" ? "" : `: ${scan.reason}`}`,
      );
    }
    // Messages of protobuf one after the other are one message with the items of all.
    parts.add(part, rows.length);
    if (!isLast) continue;
    yield { signal, ...parts.end(), receivedUnixNano, priceVersion };
    [parts, receivedUnixNano, priceVersion] = [new PayloadParts(table), undefined, undefined];
  }
}

/** The sets of changes in a relation with CHANGE_COLUMNS, in their order. Throws CF_BUNDLE_INVALID. */
export async function* changeEntries(
  connection: DuckDBConnection,
  relation: string,
): AsyncGenerator<ImportEntry> {
  let parts = new PayloadParts("a table of records");
  let received = 0n;
  for await (const { rows, isLast } of piecesOf(connection, CHANGE_COLUMNS, relation)) {
    if (received === 0n) received = rows[0]?.time("received_at") ?? 0n;
    const part = Buffer.from(rows.map((row) => `${changeLine(row)}\n`).join(""), "utf8");
    for (const { data, more } of decoded(() => decodeRecords(part), "a table of records")) {
      if (!isDeeper(data, RECORD_JSON_DEPTH_MAX) && !isDeeper(more, RECORD_JSON_DEPTH_MAX)) continue;
      throw invalid(`a record is nested more than ${RECORD_JSON_DEPTH_MAX} deep`);
    }
    parts.add(part, rows.length);
    if (!isLast) continue;
    yield {
      signal: "records",
      ...parts.end(),
      receivedUnixNano: received === 0n ? undefined : received,
    };
    [parts, received] = [new PayloadParts("a table of records"), 0n];
  }
}

/** The payload of one journal record, put together piece by piece, never larger than the journal takes. */
class PayloadParts {
  readonly #where: string;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #itemCount = 0;

  constructor(where: string) {
    this.#where = where;
  }

  add(part: Uint8Array, items: number): void {
    this.#parts.push(part);
    this.#bytes += part.length;
    this.#itemCount += items;
    if (this.#bytes <= JOURNAL_PAYLOAD_BYTES_MAX) return;
    throw invalid(
      `${this.#where} has rows of one request (seq) that are more than ${JOURNAL_PAYLOAD_BYTES_MAX} bytes together`,
    );
  }

  end(): { readonly payload: Uint8Array; readonly itemCount: number } {
    const [only] = this.#parts;
    const payload = only !== undefined && this.#parts.length === 1 ? only : Buffer.concat(this.#parts);
    return { payload, itemCount: this.#itemCount };
  }
}

/** The line of a change as the journal has it. The JSON texts go in as they are. */
function changeLine(row: MirrorRow): string {
  const time = row.time("time");
  const members: readonly (readonly [string, string | null])[] = [
    ["type", quoted(row.text("type"))],
    ["id", quoted(row.text("id"))],
    ["op", quoted(row.text("op"))],
    ["time", time === 0n ? null : quoted(unixNanoToTime(time))],
    ["source", quoted(row.text("source"))],
    ["data", oneLine(row.text("data"))],
  ];
  const known = members.flatMap(([name, value]) => (value === null ? [] : [`"${name}":${value}`]));
  const more = oneLine(row.text("more"))?.trim();
  return `{${[...known, ...(more === undefined ? [] : [more.replace(/^\{/, "").replace(/\}$/, "")])].join(",")}}`;
}

function quoted(text: string | null): string | null {
  return text === null ? null : JSON.stringify(text);
}

/** JSON text may hold line breaks only between its tokens. */
function oneLine(json: string | null): string | null {
  return json === null ? null : json.replace(/[\r\n]+/g, " ");
}

/** Rows that are held at once: of one request at most, and of those that belong to none, which go together all the same. */
const PIECE_ROWS = 1_000;

/** Rows of one request. */
interface Piece {
  readonly rows: MirrorRow[];
  /** No more rows of this request follow. */
  readonly isLast: boolean;
}

/** Rows with the same `seq`, one after the other. A request of very many rows comes in several pieces. */
async function* piecesOf(
  connection: DuckDBConnection,
  columns: readonly string[],
  relation: string,
): AsyncGenerator<Piece> {
  let rows: MirrorRow[] = [];
  let pieceSeq: bigint | null = null;
  const list = columns.map(sqlIdentifier).join(", ");
  const result = await connection.stream(`SELECT ${list} FROM ${relation} ORDER BY seq, seq_index`);
  for await (const chunk of result.yieldRows()) {
    for (const values of chunk) {
      const row = new MirrorRow(columns, values);
      const seq = row.integer("seq");
      if (rows.length > 0 && (seq !== pieceSeq || rows.length >= PIECE_ROWS)) {
        yield { rows, isLast: seq !== pieceSeq || seq === null };
        rows = [];
      }
      pieceSeq = seq;
      rows.push(row);
    }
  }
  if (rows.length > 0) yield { rows, isLast: true };
}

function priceVersionOf(rows: readonly MirrorRow[]): string | undefined {
  for (const row of rows) {
    const version = row.text("price_version");
    if (version !== null) return version;
  }
  return undefined;
}

/** The time of receipt of all rows of a request; `known` is that of pieces before. */
function receivedOf(rows: readonly MirrorRow[], known: bigint | undefined): bigint {
  const received = known ?? rows[0]?.time("received_at") ?? 0n;
  if (received === 0n || rows.some((row) => row.time("received_at") !== received)) {
    throw invalid("rows of one request (seq) must have one received_at");
  }
  return received;
}

function decoded<T>(work: () => T, where: string): T {
  try {
    return work();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw invalid(`${where} has a row that can't be read back: ${what}`, error);
  }
}

function invalid(what: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError("CF_BUNDLE_INVALID", `The bundle is not valid: ${what}.`, { cause });
}
