import { LOG_COLUMN_NAMES, LOG_MESSAGE_COLUMNS } from "../../schema/genai/log-columns.js";
import type { FileEntry } from "../types.js";
import { isCompacted } from "../views/files-relation.js";
import { sqlString } from "../views/sql-text.js";
import { DETAILS_EVENT } from "../../schema/genai/shapes/events.js";
import { isFromLogs, LOG_SOURCE, USAGE_FROM_LOGS } from "./log-content-sql.js";

/*
 * A span that is sent again after compaction wrote what log records say into its first row: the new row counts, and what
 * records said is carried over to it. The records themselves are told no second time.
 */

/** {@link FileEntry.columnsVersion} from which an entry says whether rows of its file have content of log records. */
const SAYS_SINCE = 5;

/** Whether a file of `spans` may have rows with content of log records. */
export function mayHoldLogContent(
  file: Pick<FileEntry, "formatVersion" | "columnsVersion" | "logContent">,
): boolean {
  return isCompacted(file) && (file.logContent === true || (file.columnsVersion ?? 1) < SAYS_SINCE);
}

/** Condition that a row of `alias` has content of log records. */
export function hasLogContentSql(alias: string): string {
  return `coalesce(contains(${alias}.provenance, ${sqlString(`":"${LOG_SOURCE}`)}), false)`;
}

/**
 * What the rows of `rows` for which `isLoser` (over `s`) holds have of log records, as `contentBySpan` gives it; of
 * several rows of a span the last one's.
 */
export function carriedBySpan(rows: string, isLoser: string): string {
  const columns = LOG_COLUMN_NAMES.flatMap((name) => [
    `CASE WHEN ${isFromLogs(name)} THEN ${name} END AS log_${name}`,
    `regexp_extract(provenance, ${sqlString(`"${name}":"${LOG_SOURCE}([^"]*)"`)}, 1) AS events_${name}`,
    ...(LOG_MESSAGE_COLUMNS.has(name) ? [`${isFromLogs(name, DETAILS_EVENT)} AS whole_${name}`] : []),
  ]);
  const priced = `${USAGE_FROM_LOGS} AND cost_source = 'price'`;
  const price = ["cost_usd AS log_price_usd", "price_version AS log_price_version"].map((column) =>
    column.replace(/(.*) AS/, `CASE WHEN ${priced} THEN $1 END AS`),
  );
  return `(SELECT trace_id AS log_trace_id, span_id AS log_span_id, ${[...columns, ...price].join(", ")}
  FROM ${rows} AS s WHERE ${hasLogContentSql("s")} AND ${isLoser}
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY seq DESC, seq_index DESC) = 1)`;
}
