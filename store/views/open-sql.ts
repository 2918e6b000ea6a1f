import { FORMAT_VERSION, TABLE_COLUMNS, TELEMETRY_TABLES, type Column } from "../../schema/index.js";
import { SUPERSEDED_COLUMNS, SUPERSEDED_TABLE } from "../superseded.js";
import type { CatalogSnapshot } from "../types.js";
import { DERIVED_VIEWS } from "./derived-views.js";
import { sqlIdentifier, sqlString } from "./sql-text.js";

/** LangSmith run id: the root's is its trace id as a UUID, any other run's its span id, zero-padded (invariant I6). */
const RUN_ID = `coalesce(run_id, CASE WHEN parent_span_id IS NULL
    THEN substr(trace_id, 1, 8) || '-' || substr(trace_id, 9, 4) || '-' || substr(trace_id, 13, 4) || '-' || substr(trace_id, 17, 4) || '-' || substr(trace_id, 21, 12)
    ELSE '00000000-0000-0000-' || substr(span_id, 1, 4) || '-' || substr(span_id, 5, 12) END) AS run_id`;

/** `SELECT` of a table's columns, all null and no row: gives the types where no file does. */
function emptySelect(columns: readonly Column[]): string {
  return `SELECT ${columns.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${sqlIdentifier(name)}`).join(", ")} WHERE false`;
}

/**
 * A relation over exactly the listed files. Without files it is typed and empty. There is deliberately no
 * `UNION ALL` with an empty part for columns that no file has yet: it makes `ORDER BY start_time LIMIT 20` over all
 * columns eight times slower, because DuckDB then reads every column of every row first.
 */
export function filesRelation(columns: readonly Column[], paths: readonly string[]): string {
  if (paths.length === 0) return `(${emptySelect(columns)})`;
  const list = paths.map((path) => `\n  ${sqlString(path)}`).join(",");
  return `read_parquet([${list}\n], union_by_name = true, hive_partitioning = false)`;
}

/** What goes into the views' SQL. */
export interface ViewSources {
  /** Paths of each table's files, as DuckDB opens them. */
  readonly paths: (table: string) => readonly string[];
}

function tableView(table: string, columns: readonly Column[], paths: readonly string[]): string {
  const names = columns.map(({ name }) => sqlIdentifier(name)).join(", ");
  return `CREATE OR REPLACE VIEW ${sqlIdentifier(table)} AS
SELECT ${names}
FROM ${filesRelation(columns, paths)};`;
}

/** The rows that count, one for each span that came more than once. */
export function winnersRelation(paths: readonly string[]): string {
  return `(SELECT trace_id, span_id, max({'seq': seq, 'seq_index': seq_index}) AS winner
  FROM ${filesRelation(SUPERSEDED_COLUMNS, paths)}
  GROUP BY trace_id, span_id)`;
}

function spansView(sources: ViewSources): string {
  const names = TABLE_COLUMNS.spans.map(({ name }) => (name === "run_id" ? RUN_ID : sqlIdentifier(name)));
  const files = filesRelation(TABLE_COLUMNS.spans, sources.paths("spans"));
  const superseded = sources.paths(SUPERSEDED_TABLE);
  const hidden =
    superseded.length === 0
      ? ""
      : `
WHERE NOT EXISTS (
  FROM ${winnersRelation(superseded)} AS w
  WHERE w.trace_id = s.trace_id AND w.span_id = s.span_id
    AND (w.winner.seq <> s.seq OR w.winner.seq_index <> s.seq_index))`;
  return `CREATE OR REPLACE VIEW spans AS
SELECT ${names.join(", ")}
FROM ${files} AS s${hidden};`;
}

/** The statements that make every view, each without a trailing line. */
export function viewStatements(sources: ViewSources): string[] {
  const tables = TELEMETRY_TABLES.map((table) =>
    table === "spans" ? spansView(sources) : tableView(table, TABLE_COLUMNS[table], sources.paths(table)),
  );
  return [...tables, ...DERIVED_VIEWS.map(({ sql }) => sql)];
}

/** Sources that read a snapshot's files by the paths in the manifest, relative to `mirror/`. */
export function snapshotSources(snapshot: CatalogSnapshot): ViewSources {
  return {
    paths: (table) => snapshot.files.filter((file) => file.table === table).map(({ path }) => path),
  };
}

/** The text of `mirror/open.sql`: run it with the mirror folder as working directory. */
export function openSqlText(snapshot: CatalogSnapshot): string {
  return `-- Counterfoil mirror, format ${FORMAT_VERSION}, snapshot ${snapshot.version}. Written anew after each change; don't edit.
-- cd <data directory>/mirror && duckdb -init open.sql
-- The views read the files of this snapshot. Run the file again to see newer rows.

${viewStatements(snapshotSources(snapshot)).join("\n\n")}
`;
}
