import { join } from "node:path";
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { CounterfoilError, errorMessage } from "../../schema/errors.js";
import { readCatalog } from "../catalog/read-catalog.js";
import { answerOneRequest } from "../child-main.js";
import type { CatalogSnapshot } from "../types.js";
import { sqlString } from "../views/sql-text.js";
import { maySpeakOfDamage, readableFiles, withoutDamagedFiles } from "./mirror-damage.js";
import { openEngine } from "./query-engine.js";
import { queryFailure } from "./query-failure.js";
import type { ChildAnswer, ChildRequest, QueryColumn } from "./query-types.js";
import { copyOptions, projectionSql } from "./result-projection.js";
import { gateStatement } from "./statement-gate.js";
import { wantedViews } from "./wanted-views.js";

/**
 * The process that runs one query (invariant I8): its own in-memory DuckDB over the files that the manifest lists.
 * The parent limits its memory and CPU time by the operating system and kills it at the deadline.
 */

/** Name of the temporary view or table that holds the user's query. */
const RESULT = "__counterfoil_result";

type Answered = Extract<ChildAnswer, { ok: true }>;

async function columnsOf(connection: DuckDBConnection, sql: string): Promise<QueryColumn[]> {
  const prepared = await connection.prepare(sql);
  try {
    return Array.from({ length: prepared.columnCount }, (_, at) => ({
      name: prepared.columnName(at),
      type: prepared.columnType(at).toString(),
    }));
  } finally {
    prepared.destroySync();
  }
}

/** DESCRIBE and its kin can't be a view. Their few rows are read here and handed back as a table. */
async function storeDescription(connection: DuckDBConnection, sql: string): Promise<void> {
  const reader = await connection.runAndReadAll(sql);
  const names = reader.deduplicatedColumnNames();
  const types = reader.columnTypes();
  const fields = names.map((name, at) => `${JSON.stringify(name)}: ${JSON.stringify(String(types[at]))}`);
  const rows = JSON.stringify(reader.getRowObjectsJson());
  await connection.run(
    `CREATE TEMP TABLE ${RESULT} AS SELECT unnest(from_json($1, ${sqlString(`[{${fields.join(", ")}}]`)}), max_depth := 2)`,
    [rows],
  );
}

/** The relation to read from, in SQL. A user's text only ever follows `CREATE TEMP VIEW ... AS` and a newline. */
async function resultRelation(connection: DuckDBConnection, request: ChildRequest): Promise<string> {
  if (request.trusted) return `(\n${request.sql}\n) AS ${RESULT}`;
  if ((await gateStatement(connection, request.sql)) === "describe") {
    await storeDescription(connection, request.sql);
  } else {
    const create = `CREATE TEMP VIEW ${RESULT} AS\n${request.sql}`;
    if ((await connection.extractStatements(create)).count !== 1) {
      throw new CounterfoilError(
        "CF_QUERY_REFUSED",
        "The query was refused: it does not read as one SELECT.",
      );
    }
    await connection.run(create);
  }
  return RESULT;
}

/** Writes the rows to `<workDir>/result`; resolves with their number. */
async function writeResult(
  connection: DuckDBConnection,
  { format, workDir }: ChildRequest,
  { params, sql }: { readonly sql: string; readonly params: DuckDBValue[] },
): Promise<number> {
  const path = join(workDir, "result");
  if (format === "arrow") {
    const { writeArrowFile } = await import("./arrow-stream.js");
    return await writeArrowFile(connection, { sql, params, path });
  }
  const copied = await connection.runAndReadAll(
    `COPY (${sql}) TO ${sqlString(path)} (${copyOptions(format)}, USE_TMP_FILE false)`,
    params,
  );
  return Number(copied.getRows()[0]?.[0] ?? 0);
}

async function runWith(
  request: ChildRequest,
  snapshot: CatalogSnapshot,
  wanted?: (view: string) => boolean,
): Promise<Omit<Answered, "warnings">> {
  const connection = await openEngine(request, snapshot, wanted);
  const relation = await resultRelation(connection, request);
  const columns = await columnsOf(connection, `SELECT * FROM ${relation}`);
  const params = request.params.map((value) =>
    typeof value === "object" && value !== null ? BigInt(value.bigint) : value,
  );
  const rows = `SELECT ${projectionSql(columns, request.format)} FROM ${relation} LIMIT ${request.rowsMax}`;
  const rowCount = await writeResult(connection, request, { sql: rows, params });
  let truncated = false;
  if (rowCount === request.rowsMax) {
    const more = `SELECT count(*) FROM (SELECT 1 FROM ${relation} LIMIT ${rowCount + 1})`;
    truncated = Number((await connection.runAndReadAll(more, params)).getRows()[0]?.[0]) > rowCount;
  }
  return { ok: true, columns, rowCount, truncated };
}

/** Runs the query with the views that it names; when something is not there, once more with all of them. */
async function runOver(
  request: ChildRequest,
  snapshot: CatalogSnapshot,
): Promise<Omit<Answered, "warnings">> {
  const wanted = wantedViews(request.sql);
  try {
    return await runWith(request, snapshot, wanted);
  } catch (error) {
    if (wanted === undefined || !errorMessage(error).includes("Catalog Error")) throw error;
    return await runWith(request, snapshot);
  }
}

/** Runs the query; when it fails as it would over a damaged file, once more without the files that are damaged. */
async function answer(request: ChildRequest): Promise<ChildAnswer> {
  const listed = readCatalog(request.mirrorDir);
  process.chdir(request.mirrorDir);
  const readable = readableFiles(listed);
  try {
    return { ...(await runOver(request, readable.snapshot)), warnings: readable.warnings };
  } catch (error) {
    if (error instanceof CounterfoilError || !maySpeakOfDamage(error)) throw error;
    const rest = withoutDamagedFiles(readable);
    if (rest === undefined) throw error;
    return { ...(await runOver(request, rest.snapshot)), warnings: rest.warnings };
  }
}

// Below the server's own priority: reading must not slow accepting.
answerOneRequest<ChildRequest, ChildAnswer>(5, (request) => answer(request).catch(queryFailure));
