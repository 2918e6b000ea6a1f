import type { DuckDBConnection } from "@duckdb/node-api";
import {
  CounterfoilError,
  decodeRecords,
  isDeeper,
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
  for await (const rows of groupsOf(connection, columns, relation)) {
    const receivedUnixNano = receivedOf(rows);
    const signal = SIGNAL_OF[table];
    const payload = decoded(() => rowsToOtlpBytes(signal, rows), table);
    const scan = decoded(() => scanRequest(signal, payload), table);
    if (scan.rejected > 0 || scan.itemCount !== rows.length) {
      throw invalid(
        `${table} has rows that are no valid ${signal}${scan.reason === "" ? "" : `: ${scan.reason}`}`,
      );
    }
    const priceVersion = table === "spans" ? priceVersionOf(rows) : undefined;
    yield { signal, payload, itemCount: rows.length, receivedUnixNano, priceVersion };
  }
}

/** The sets of changes in a relation with CHANGE_COLUMNS, in their order. Throws CF_BUNDLE_INVALID. */
export async function* changeEntries(
  connection: DuckDBConnection,
  relation: string,
): AsyncGenerator<ImportEntry> {
  for await (const rows of groupsOf(connection, CHANGE_COLUMNS, relation)) {
    const payload = Buffer.from(rows.map((row) => `${changeLine(row)}\n`).join(""), "utf8");
    for (const { data, more } of decoded(() => decodeRecords(payload), "a table of records")) {
      if (!isDeeper(data, RECORD_JSON_DEPTH_MAX) && !isDeeper(more, RECORD_JSON_DEPTH_MAX)) continue;
      throw invalid(`a record is nested more than ${RECORD_JSON_DEPTH_MAX} deep`);
    }
    const received = rows[0]?.time("received_at") ?? 0n;
    yield {
      signal: "records",
      payload,
      itemCount: rows.length,
      receivedUnixNano: received === 0n ? undefined : received,
    };
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

/** Rows that belong to no set and go together all the same. */
const UNPLACED_ROWS = 1_000;

/** Rows with the same `seq`, one after the other. */
async function* groupsOf(
  connection: DuckDBConnection,
  columns: readonly string[],
  relation: string,
): AsyncGenerator<MirrorRow[]> {
  let group: MirrorRow[] = [];
  let groupSeq: bigint | null = null;
  const list = columns.map(sqlIdentifier).join(", ");
  const result = await connection.stream(`SELECT ${list} FROM ${relation} ORDER BY seq, seq_index`);
  for await (const chunk of result.yieldRows()) {
    for (const values of chunk) {
      const row = new MirrorRow(columns, values);
      const seq = row.integer("seq");
      if (group.length > 0 && (seq !== groupSeq || (seq === null && group.length >= UNPLACED_ROWS))) {
        yield group;
        group = [];
      }
      groupSeq = seq;
      group.push(row);
    }
  }
  if (group.length > 0) yield group;
}

function priceVersionOf(rows: readonly MirrorRow[]): string | undefined {
  for (const row of rows) {
    const version = row.text("price_version");
    if (version !== null) return version;
  }
  return undefined;
}

function receivedOf(rows: readonly MirrorRow[]): bigint {
  const received = rows[0]?.time("received_at") ?? 0n;
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
