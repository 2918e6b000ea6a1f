import { columnsOf, isTelemetryTable, type TelemetryTable } from "../../schema/index.js";
import { isCompacted, readFiles, winnersRelation } from "../views/files-relation.js";
import { sqlIdentifier } from "../views/sql-text.js";
import type { FileEntry } from "../types.js";

const DAY_NS = "86400000000000";

/** The time of a row that files are placed by; in a table of records it is `time`. */
const EVENT_TIME: Readonly<Record<TelemetryTable, string>> = {
  spans: "start_time",
  span_logs: "coalesce(time, observed_time)",
  metric_points: "time",
};

/** The event time of a row of the table, as SQL. */
export function eventTimeSql(table: string): string {
  return isTelemetryTable(table) ? EVENT_TIME[table] : "time";
}

/**
 * Day (since 1970-01-01) that a row is filed under: the event's, or the day received when the event's time is missing,
 * before 1971 or more than a day after it was received (a wrong clock must not make folders for ever).
 */
export function daySql(table: string): string {
  const time = `epoch_ns(${eventTimeSql(table)})`;
  const received = "epoch_ns(received_at)";
  return `(CASE WHEN ${time} IS NULL OR ${time} < 365 * ${DAY_NS} OR ${time} > ${received} + ${DAY_NS} THEN coalesce(${received}, 0) ELSE ${time} END // ${DAY_NS})`;
}

/** Condition that a row of `alias` is not the one that counts of its span; needs the table `winners`. */
export function loserSql(alias: string): string {
  return `EXISTS (FROM winners AS w WHERE w.trace_id = ${alias}.trace_id AND w.span_id = ${alias}.span_id
    AND (w.winner.seq <> ${alias}.seq OR w.winner.seq_index <> ${alias}.seq_index))`;
}

/** Makes the table `winners` from the files of `superseded`. */
export function winnersTableSql(superseded: readonly FileEntry[]): string {
  return `CREATE TEMP TABLE winners AS FROM ${winnersRelation(superseded)}`;
}

/**
 * Adds to `winners` the spans that are twice among the inputs although nothing says so: the sealer remembers only so
 * many ids. The rule is the sealer's: a row with an end time first, then the latest.
 */
export function unmarkedWinnersSql(inputs: readonly FileEntry[]): string {
  return `INSERT INTO winners
    SELECT trace_id, span_id,
      arg_max({'seq': seq, 'seq_index': seq_index}, {'ended': end_time IS NOT NULL, 'seq': seq, 'seq_index': seq_index})
    FROM ${readFiles(inputs)} AS s
    WHERE NOT EXISTS (FROM winners AS w WHERE w.trace_id = s.trace_id AND w.span_id = s.span_id)
    GROUP BY trace_id, span_id HAVING count(*) > 1`;
}

/** The table's columns, those that no input has as nulls. */
export function columnListSql(table: string, present: ReadonlySet<string>): string {
  return columnsOf(table)
    .map(({ name, type }) =>
      present.has(name) ? sqlIdentifier(name) : `CAST(NULL AS ${type}) AS ${sqlIdentifier(name)}`,
    )
    .join(", ");
}

/** Files with parts of traces that this job does not rewrite. */
export function otherCompacted(settled: readonly FileEntry[], inputs: readonly FileEntry[]): FileEntry[] {
  const mine = new Set(inputs.map(({ path }) => path));
  return settled.filter((file) => isCompacted(file) && !mine.has(file.path));
}
