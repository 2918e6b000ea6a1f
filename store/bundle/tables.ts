import {
  type Column,
  columnsOf,
  CounterfoilError,
  isTelemetryTable,
  MIRROR_TABLES,
  type Signal,
  type TelemetryTable,
} from "../../schema/index.js";
import { historyOf } from "../views/record-views.js";
import { UNKNOWN_RECORDS_TABLE } from "../../schema/records/record-tables.js";
import { sqlIdentifier } from "../views/sql-text.js";

/** The time of a telemetry row's event: its files in a bundle are one for each of its days (UTC). */
export const EVENT_TIME: Readonly<Record<TelemetryTable, string>> = {
  spans: "start_time",
  span_logs: "time",
  metric_points: "time",
};

/** The journal's signal of each telemetry table. */
export const SIGNAL_OF: Readonly<Record<TelemetryTable, Signal>> = {
  spans: "traces",
  span_logs: "logs",
  metric_points: "metrics",
};

/** Tables that hold changes. */
export const CHANGE_TABLES: readonly string[] = MIRROR_TABLES.filter((table) => !isTelemetryTable(table));

/** Shorter words, and words for several tables, that `--what` takes beside the names of tables. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  logs: ["span_logs"],
  metrics: ["metric_points"],
  datasets: ["datasets", "examples", "dataset_tags"],
  records: CHANGE_TABLES,
};

/** Everything that {@link tablesOf} takes. */
export const TABLE_WORDS: readonly string[] = [...new Set([...MIRROR_TABLES, ...Object.keys(GROUPS)])].sort();

/** The tables that these words mean, in the order of the format. Throws CF_USAGE for a word that means none. */
export function tablesOf(words: readonly string[]): string[] {
  const wanted = new Set(words.flatMap((word) => GROUPS[word] ?? [word]));
  const unknown = [...wanted].find((name) => !MIRROR_TABLES.includes(name));
  if (unknown !== undefined) {
    const known = `There are ${TABLE_WORDS.join(", ")}.`;
    throw new CounterfoilError(
      "CF_USAGE",
      `There is no table ${JSON.stringify(unknown)} to export. ${known}`,
    );
  }
  return MIRROR_TABLES.filter((table) => wanted.has(table));
}

/** The view that has every row of a table that is exported. */
export function viewOf(table: string): string {
  return isTelemetryTable(table) || table === UNKNOWN_RECORDS_TABLE ? table : historyOf(table);
}

const PLACES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  telemetry: {
    seq: "Place of the request it came in among those of this file, in order of arrival, from 1.",
    seq_index: "Position within that request, from 0.",
  },
  records: {
    seq: "Place of the change set among all of the bundle, in order of arrival, from 1: changes of one set took effect together. Null for what was read out of telemetry.",
    seq_index: "Position within that set, from 0. Null for what was read out of telemetry.",
    received_at:
      "When it was received, UTC. Null for what was read out of telemetry, which has a time of its own.",
  },
};

/** Columns of a table in a bundle: those of the mirror, with `seq` and `seq_index` counted anew. */
export function bundleColumns(table: string): readonly Column[] {
  const places = PLACES[isTelemetryTable(table) ? "telemetry" : "records"] ?? {};
  return columnsOf(table).map((column) => ({ ...column, doc: places[column.name] ?? column.doc }));
}

/** The select list that counts `seq` and `seq_index` by a relation `p` of places, from a relation `s`. */
export function placedColumns(table: string): string {
  return columnsOf(table)
    .map(({ name, type }) => {
      if (name === "seq") return "p.place AS seq";
      if (name === "seq_index") return "p.place_index AS seq_index";
      const column = sqlIdentifier(name);
      // Dictionaries of Parquet files know no -0: whether it is one hangs on the other rows of a file.
      return type === "DOUBLE" ? `s.${column} + 0.0 AS ${column}` : `s.${column}`;
    })
    .join(", ");
}
