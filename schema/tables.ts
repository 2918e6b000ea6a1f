import { type Column, TABLE_COLUMNS, TELEMETRY_TABLES, type TelemetryTable } from "./columns.js";
import { LOG_CONTENT_COLUMNS, LOG_CONTENT_TABLE } from "./log-content-columns.js";
import { RECORD_TABLE_COLUMNS, RECORD_TABLES } from "./records/record-tables.js";

/** Tables of the mirror that hold what came in, one row each: of telemetry and of records. */
export const MIRROR_TABLES: readonly string[] = [...TELEMETRY_TABLES, ...RECORD_TABLES];

/** Whether a table is one of telemetry's. */
export function isTelemetryTable(table: string): table is TelemetryTable {
  return TELEMETRY_TABLES.some((known) => known === table);
}

/** Columns of one of {@link MIRROR_TABLES}, or of `log_content`. Throws a plain Error for any other. */
export function columnsOf(table: string): readonly Column[] {
  if (table === LOG_CONTENT_TABLE) return LOG_CONTENT_COLUMNS;
  const columns = isTelemetryTable(table) ? TABLE_COLUMNS[table] : RECORD_TABLE_COLUMNS[table];
  if (columns === undefined) throw new Error(`no table ${table}`);
  return columns;
}
