import { TABLE_COLUMNS, TELEMETRY_TABLES, type TelemetryTable } from "../../schema/columns.js";
import { COMPACTED_FORMAT_VERSION } from "../../schema/compacted-columns.js";
import { RUN_TAGS } from "../../schema/records/marks.js";
import type { CatalogSnapshot, StartWindow } from "../types.js";
import { DERIVED_VIEWS } from "./derived-views.js";
import { filesRelation, storedColumns, type ViewFile } from "./files-relation.js";
import { historyOf, RECORD_VIEWS, type RecordView } from "./record-views.js";
import { spanOverlays, spansSelect, withRunTags } from "./spans-view.js";
import { sqlIdentifier } from "./sql-text.js";
import { tracesView } from "./traces-view.js";

/** What goes into the views' SQL. */
export interface ViewSources {
  /** Each table's files, newest first where that is known. */
  readonly files: (table: string) => readonly ViewFile[];
}

/** What counts in some files of `spans`; what changes how they show may lie anywhere. */
function shownSpans(files: readonly ViewFile[], sources: ViewSources): string {
  return withRunTags(spansSelect(files, spanOverlays(sources.files)), sources.files(RUN_TAGS.table));
}

/**
 * The statement of a view `near_spans`: rows of `spans` from the files alone that may have one that began in the window,
 * by the bounds in the manifest.
 */
export function nearSpansView(sources: ViewSources, { fromNs, toNs }: StartWindow): string {
  const [from, to] = [BigInt(fromNs), BigInt(toNs)];
  const near = sources
    .files("spans")
    .filter(
      ({ minTimeUnixNano: min, maxTimeUnixNano: max }) =>
        min === null || max === null || (BigInt(min) <= to && BigInt(max) >= from),
    );
  return `CREATE OR REPLACE VIEW near_spans AS
${shownSpans(near, sources)};`;
}

function tableView(table: TelemetryTable, sources: ViewSources): string {
  const columns = TABLE_COLUMNS[table];
  const select =
    table === "spans"
      ? shownSpans(sources.files("spans"), sources)
      : `SELECT ${storedColumns(columns, sources.files(table))}
FROM ${filesRelation(columns, sources.files(table))}`;
  return `CREATE OR REPLACE VIEW ${sqlIdentifier(table)} AS
${select};`;
}

/**
 * The statements that make the views for which `wanted` holds, or every one, each without a trailing line. A view that
 * another one uses must be wanted as well.
 */
export function viewStatements(
  sources: ViewSources,
  wanted: (view: string) => boolean = () => true,
): string[] {
  const traces = wanted("traces");
  const feedback = sources.files("feedback").length > 0;
  const record = ({ name }: RecordView): boolean =>
    wanted(name) || (traces && feedback && (name === "feedback" || name === historyOf("feedback")));
  return [
    ...TELEMETRY_TABLES.filter(wanted).map((table) => tableView(table, sources)),
    ...RECORD_VIEWS.filter(record).map(({ sql }) => sql(sources.files)),
    ...(traces
      ? [tracesView({ spans: sources.files("spans"), overlays: spanOverlays(sources.files), feedback })]
      : []),
    ...DERIVED_VIEWS.filter(({ name }) => wanted(name)).map(({ sql }) => sql),
  ];
}

/** One of {@link viewStatements}, for the connection that runs it alone. */
export function temporaryView(statement: string): string {
  return statement.replace(/^CREATE OR REPLACE /m, "CREATE OR REPLACE TEMP ");
}

/** The later a file's last event, the earlier it is read: what `ORDER BY start_time DESC LIMIT` needs is found first. */
function newestFirst(a: { maxTimeUnixNano: string | null }, b: { maxTimeUnixNano: string | null }): number {
  const [left, right] = [BigInt(a.maxTimeUnixNano ?? 0), BigInt(b.maxTimeUnixNano ?? 0)];
  return left === right ? 0 : left < right ? 1 : -1;
}

/** Sources that read a snapshot's files by the paths in the manifest, relative to `mirror/`, or below `root`. */
export function snapshotSources(snapshot: Pick<CatalogSnapshot, "files">, root = ""): ViewSources {
  return {
    files: (table) =>
      snapshot.files
        .filter((file) => file.table === table)
        .sort(newestFirst)
        .map((file) => (root === "" ? file : { ...file, path: `${root}/${file.path}` })),
  };
}

/** Files never change, so what was read of their footers once stays true. The view `traces` reads each several times. */
export const KEEP_FOOTERS = "SET parquet_metadata_cache = true;";

/** The text of `mirror/open.sql`: run it with the mirror folder as working directory. */
export function openSqlText(snapshot: CatalogSnapshot): string {
  return `-- Counterfoil mirror, format ${COMPACTED_FORMAT_VERSION}, snapshot ${snapshot.version}. Written anew after each change; don't edit.
-- cd <data directory>/mirror && duckdb -init open.sql
-- The views read the files of this snapshot. Run the file again to see newer rows.

${KEEP_FOOTERS}

${viewStatements(snapshotSources(snapshot)).join("\n\n")}
`;
}
