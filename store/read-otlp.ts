import { join } from "node:path";
import {
  CounterfoilError,
  errorMessage,
  READ_MEMORY_MB,
  type Signal,
  TABLE_COLUMNS,
  LOG_CONTENT_TABLE,
} from "../schema/index.js";
import { duckdb } from "./duckdb.js";
import { readCatalog } from "./catalog/read-catalog.js";
import { dataDirPaths } from "./data-dir.js";
import { columnNames, MirrorRow } from "./mirror-row.js";
import { everySpan, filesRelation, type ViewFile } from "./views/files-relation.js";
import { viewStatements } from "./views/open-sql.js";

/** Rows handed out at once. */
const ROWS_PER_PART = 2_048;

const TABLES = { traces: "spans", logs: "span_logs", metrics: "metric_points" } as const;

/** Which rows {@link readOtlpRows} reads. */
export interface OtlpSelection {
  /** Only this trace (not for metrics), 32 hex digits. */
  readonly traceId?: string;
  /** Only this part of the journal, inclusive. */
  readonly fromSeq?: number;
  readonly toSeq?: number;
  /** Also the rows of spans that a later arrival replaced. Default false: what the `spans` view shows. */
  readonly everyArrival?: boolean;
}

/**
 * Rows of the mirror in the order received, some at a time, for {@link rowsToOtlp}. Reads the catalog from disk, so it
 * works with and without a running server. Throws CF_NOT_FOUND (no mirror), a CF_CATALOG_ error, CF_USAGE (no trace id)
 * or CF_QUERY_FAILED (DuckDB's message): a damaged file is an error here, because nothing may be left out.
 */
export async function* readOtlpRows(
  dataDir: string,
  signal: Signal,
  selection: OtlpSelection = {},
): AsyncGenerator<MirrorRow[]> {
  const { traceId, fromSeq, toSeq } = selection;
  if (traceId !== undefined && !/^[0-9a-f]{32}$/i.test(traceId)) {
    throw new CounterfoilError("CF_USAGE", `"${traceId}" is not a trace id: give 32 hex digits`);
  }
  const paths = dataDirPaths(dataDir);
  const table = TABLES[signal];
  const snapshot = readCatalog(paths.mirror);
  const files = (name: string): ViewFile[] =>
    snapshot.files
      // What was joined from log records is no part of the OTLP.
      .filter((file) => file.table === name && name !== LOG_CONTENT_TABLE)
      // Which row of a span counts may be said by a file of any part of the journal.
      .filter(
        (file) => name !== table || (file.lastSeq >= (fromSeq ?? 0) && file.firstSeq <= (toSeq ?? Infinity)),
      )
      .map((file) => ({ ...file, path: join(paths.mirror, file.path) }));
  const instance = await duckdb().DuckDBInstance.create(":memory:", {
    threads: "1",
    memory_limit: `${READ_MEMORY_MB}MB`,
    temp_directory: join(paths.temp, "read"),
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const connection = await instance.connect();
  try {
    let relation: string = table;
    if (selection.everyArrival === true) {
      relation =
        table === "spans" ? everySpan(files(table)) : filesRelation(TABLE_COLUMNS[table], files(table));
    } else for (const sql of viewStatements({ files })) await connection.run(sql);
    const where = [
      ...(traceId === undefined || signal === "metrics" ? [] : [`trace_id = '${traceId.toLowerCase()}'`]),
      ...(fromSeq === undefined ? [] : [`seq >= ${fromSeq}`]),
      ...(toSeq === undefined ? [] : [`seq <= ${toSeq}`]),
    ];
    const columns = columnNames(TABLE_COLUMNS[table]);
    const result = await connection.stream(
      `SELECT ${columns.map((name) => `"${name}"`).join(", ")} FROM ${relation}
       ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`} ORDER BY seq, seq_index`,
    );
    let part: MirrorRow[] = [];
    for await (const chunk of result.yieldRows()) {
      for (const values of chunk) part.push(new MirrorRow(columns, values));
      if (part.length < ROWS_PER_PART) continue;
      yield part;
      part = [];
    }
    if (part.length > 0) yield part;
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    const advice = "If a file is damaged, `counterfoil scrub` repairs what can be.";
    throw new CounterfoilError(
      "CF_QUERY_FAILED",
      `Can't read ${table} in ${paths.mirror}: ${errorMessage(error)}. ${advice}`,
      { cause: error },
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
