import type { DuckDBConnection } from "@duckdb/node-api";
import { LOG_COLUMN_NAMES, LOG_CONTENT_WAIT_HOURS, LOG_CONTENT_COLUMNS } from "../../schema/index.js";
import { rowsOf } from "../compaction/parquet-output.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import { sqlIdentifier } from "../views/sql-text.js";
import { carriedBySpan } from "./carried-content.js";
import { contentBySpan, contentRows, joinedColumns, type LogJoinMode, onSpan } from "./log-content-sql.js";

/** SQL and steps of the job that writes what log records say into the rows of `spans`. */

const IS_SAME = (a: string, b: string): string =>
  `${a}.trace_id = ${b}.trace_id AND ${a}.span_id = ${b}.span_id`;

/** Condition that a row of `alias` is of a span that one of these files of `log_content` tells of. */
export function hasContentSql(alias: string, content: readonly FileEntry[]): string {
  return `EXISTS (FROM ${contentRows(content)} AS c WHERE ${IS_SAME("c", alias)})`;
}

/** Makes the table `job_spans`: ids of the spans in these files. */
export async function makeJobSpans(
  connection: DuckDBConnection,
  inputs: readonly FileEntry[],
): Promise<void> {
  const ids =
    inputs.length === 0
      ? "SELECT '' AS trace_id, '' AS span_id WHERE false"
      : `SELECT DISTINCT trace_id, span_id FROM ${readFiles(inputs)}`;
  await connection.run(`CREATE TEMP TABLE job_spans AS ${ids}`);
}

/** What {@link makeLogJoined} found: spans, and characters of their texts. */
export interface LogJoined {
  readonly spans: number;
  readonly chars: number;
}

/** Makes the table `log_joined` of what the records in these files say of `job_spans`. */
export async function makeLogJoined(
  connection: DuckDBConnection,
  content: readonly FileEntry[],
): Promise<LogJoined> {
  if (content.length === 0) return { spans: 0, chars: 0 };
  const rows = `(SELECT c.* FROM ${contentRows(content)} AS c SEMI JOIN job_spans AS j ON ${IS_SAME("j", "c")})`;
  await connection.run(`CREATE TEMP TABLE log_joined AS FROM ${contentBySpan(rows)}`);
  const chars = LOG_COLUMN_NAMES.map((name) => `coalesce(length(CAST(log_${name} AS VARCHAR)), 0)`).join(
    " + ",
  );
  const [found] = await rowsOf(
    connection,
    `SELECT CAST(count(*) AS DOUBLE) AS spans, CAST(coalesce(sum(${chars}), 0) AS DOUBLE) AS chars FROM log_joined`,
  );
  return { spans: Number(found?.["spans"] ?? 0), chars: Number(found?.["chars"] ?? 0) };
}

/** Makes the table `log_carried` of what rows of the inputs that lost have of log records; gives their number. */
export async function makeLogCarried(
  connection: DuckDBConnection,
  rows: string,
  isLoser: string,
): Promise<number> {
  await connection.run(`CREATE TEMP TABLE log_carried AS FROM ${carriedBySpan(rows, isLoser)}`);
  const [found] = await rowsOf(connection, "SELECT CAST(count(*) AS DOUBLE) AS spans FROM log_carried");
  return Number(found?.["spans"] ?? 0);
}

/** Rows of `spans` with what `log_carried` has of them in their columns. */
export function withCarriedContent(relation: string): string {
  return withContentOf("log_carried", relation, "add");
}

/** Rows of `spans` with what `log_joined` has of them in their columns; other columns of the relation stay. */
export function withLogContent(relation: string, mode: LogJoinMode): string {
  return withContentOf("log_joined", relation, mode);
}

function withContentOf(table: string, relation: string, mode: LogJoinMode): string {
  const columns = [...joinedColumns(mode)].map(([name, value]) => `${value} AS ${sqlIdentifier(name)}`);
  return `(SELECT s.* REPLACE (${columns.join(", ")}) FROM ${relation} AS s LEFT JOIN ${table} AS l ON ${onSpan("l")})`;
}

/**
 * SELECT of the records that are still to be joined after the job: their span is in a file that the job left alone, or
 * has not come. Those are given up LOG_CONTENT_WAIT_HOURS after they were received, by the clock of the records.
 */
export function stillPendingSql(content: readonly FileEntry[], untouched: readonly FileEntry[]): string {
  const names = LOG_CONTENT_COLUMNS.map(({ name }) => `c.${sqlIdentifier(name)}`).join(", ");
  const waits = `c.received_at >= (SELECT max(received_at) FROM ${contentRows(content)}) - INTERVAL ${LOG_CONTENT_WAIT_HOURS} HOUR
    AND NOT EXISTS (FROM job_spans AS j WHERE ${IS_SAME("j", "c")})`;
  const elsewhere =
    untouched.length === 0 ? "" : ` OR EXISTS (FROM ${readFiles(untouched)} AS u WHERE ${IS_SAME("u", "c")})`;
  return `SELECT ${names} FROM ${contentRows(content)} AS c WHERE (${waits})${elsewhere}`;
}
