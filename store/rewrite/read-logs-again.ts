import type { DuckDBConnection } from "@duckdb/node-api";
import { normaliseLogRecord, TABLE_COLUMNS } from "../../schema/index.js";
import { columnNames, MirrorRow } from "../mirror-row.js";
import { PriceWatch } from "../prices/effective-prices.js";
import { rowsToOtlp } from "../rows-to-otlp.js";
import { LogContentRows, LogContentWriter } from "../seal/log-content-rows.js";
import { PointerFiller } from "../seal/pointer-filler.js";
import { SafeFiller } from "../seal/safe-filler.js";
import { pointerFillerWorks } from "../seal/self-check.js";
import { openEngine } from "../seal/table-writer.js";
import type { FileEntry } from "../types.js";
import { filesRelation } from "../views/files-relation.js";
import { sqlIdentifier } from "../views/sql-text.js";

/** Rows of `log_content` in one file: they are objects until it is written. */
const PART_ROWS = 2_000;

/**
 * Reads what the log records of `job_spans` (a table of that connection) say, by the rules of this build, into files of
 * `log_content` below `folder`. Their paths are whole ones.
 */
export async function readLogsAgain(
  reading: DuckDBConnection,
  logs: readonly FileEntry[],
  { folder, pricesDir }: { readonly folder: string; readonly pricesDir: string },
): Promise<FileEntry[]> {
  if (logs.length === 0) return [];
  const instance = await openEngine(`${folder}/spill`);
  const writing = await instance.connect();
  const works = (await pointerFillerWorks(writing)).works;
  const writer = new LogContentWriter(writing, () => (works ? new PointerFiller() : new SafeFiller()));
  const rows = new LogContentRows();
  const prices = new PriceWatch(pricesDir).changed();
  if (prices !== undefined) rows.usePrices(prices);
  const files: FileEntry[] = [];
  const flush = async (): Promise<void> => {
    const number = files.length + 1;
    const place = { date: "1970-01-01", firstSeq: number, lastSeq: number };
    const file = await writer.write(folder, rows, place);
    if (file !== undefined) files.push({ ...file, path: `${folder}/${file.path}` });
  };
  const columns = columnNames(TABLE_COLUMNS.span_logs);
  const relation = filesRelation(TABLE_COLUMNS.span_logs, logs);
  const result = await reading.stream(
    `SELECT ${columns.map((name) => `l.${sqlIdentifier(name)}`).join(", ")} FROM ${relation} AS l
     SEMI JOIN job_spans AS j ON j.trace_id = l.trace_id AND j.span_id = l.span_id ORDER BY l.seq, l.seq_index`,
  );
  for await (const chunk of result.yieldRows()) {
    for (const values of chunk) addRow(rows, new MirrorRow(columns, values));
    if (rows.length >= PART_ROWS) await flush();
  }
  await flush();
  writing.closeSync();
  instance.closeSync();
  return files;
}

function addRow(rows: LogContentRows, row: MirrorRow): void {
  const origin = {
    seq: row.number("seq"),
    seqIndex: row.number("seq_index"),
    receivedUnixNano: row.time("received_at"),
  };
  for (const { resource, scopeLogs } of rowsToOtlp("logs", [row]).resourceLogs) {
    for (const { scope, logRecords } of scopeLogs) {
      for (const record of logRecords) {
        const content = normaliseLogRecord(record, scope, resource);
        if (content !== undefined) rows.add(record, content, origin);
      }
    }
  }
}
