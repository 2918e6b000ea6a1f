import { linkSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { CounterfoilError, errorMessage, type TelemetryTable } from "../../schema/index.js";
import { readCatalog } from "../catalog/read-catalog.js";
import { dataDirPaths } from "../data-dir.js";
import { openEngine } from "../seal/table-writer.js";
import type { CatalogSnapshot } from "../types.js";
import { snapshotSources, temporaryView, viewStatements } from "../views/open-sql.js";
import { sqlIdentifier } from "../views/sql-text.js";
import { changesOf } from "./change-rows.js";
import { CHANGE_TABLES, EVENT_TIME, placedColumns, viewOf } from "./tables.js";

/** A day of a telemetry table, or its rows without a time. */
export interface Part {
  /** `2026-11-23`, or `undated`. */
  readonly name: string;
  /** SQL condition on the table's columns. */
  readonly where: string;
}

/** Prefix of the folders below `temp/` that exports work in; the id of the process follows. */
export const ESTATE_FOLDER_PREFIX = "estate-";

const UNDATED = "undated";
/** Days that get a file of their own. */
const DAYS_MAX = 1_000;

/** A change that was read out of telemetry rather than decided. */
const FROM_TELEMETRY = "coalesce(source, '') = 'otlp'";

/**
 * One consistent state of a data directory's mirror, in the order and form of a bundle, which don't depend on how the
 * mirror's files are laid out. Its files get second names below `folder`, so that nobody takes them away meanwhile.
 */
export class EstateReader {
  readonly snapshot: CatalogSnapshot;
  readonly connection: DuckDBConnection;
  readonly #instance: DuckDBInstance;
  readonly #folder: string;

  private constructor(
    snapshot: CatalogSnapshot,
    engine: { instance: DuckDBInstance; connection: DuckDBConnection; folder: string },
  ) {
    this.snapshot = snapshot;
    this.#instance = engine.instance;
    this.connection = engine.connection;
    this.#folder = engine.folder;
  }

  /** With `everyView` also those that no bundle needs. Throws CF_NOT_FOUND when there is no mirror, and what reading its manifest throws. */
  static async open(dataDir: string, { everyView = false } = {}): Promise<EstateReader> {
    const { mirror, temp } = dataDirPaths(dataDir);
    const folder = join(temp, `${ESTATE_FOLDER_PREFIX}${process.pid}-${Date.now().toString(36)}`);
    const snapshot = readCatalog(mirror);
    let instance: DuckDBInstance | undefined;
    try {
      const root = linkAll(snapshot, mirror, folder) ? folder : mirror;
      instance = await openEngine(join(folder, "spill"));
      const connection = await instance.connect();
      const reader = new EstateReader(snapshot, { instance, connection, folder });
      await reader.#createViews(root, everyView);
      return reader;
    } catch (error) {
      instance?.closeSync();
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async #createViews(root: string, everyView: boolean): Promise<void> {
    const wanted = new Set(["spans", "span_logs", "metric_points", ...CHANGE_TABLES.map(viewOf)]);
    for (const sql of viewStatements(
      snapshotSources(this.snapshot, root),
      (name) => everyView || wanted.has(name),
    ))
      await this.run(temporaryView(sql));
    // A span that came again long after is there twice until compaction meets both rows. The rule is the mirror's.
    await this.run(`CREATE TEMP TABLE repeated_spans AS SELECT seq, seq_index FROM (
      SELECT seq, seq_index, row_number() OVER (
        PARTITION BY trace_id, span_id ORDER BY end_time IS NOT NULL DESC, seq DESC, seq_index DESC) AS n
      FROM spans SEMI JOIN (
        SELECT trace_id, span_id FROM spans WHERE trace_id IS NOT NULL AND span_id IS NOT NULL
        GROUP BY ALL HAVING count(*) > 1) USING (trace_id, span_id)) WHERE n > 1`);
  }

  /** Runs a statement. Throws CF_QUERY_FAILED: a damaged file is an error here, because nothing may be left out. */
  async run(sql: string): Promise<readonly (readonly unknown[])[]> {
    try {
      return (await this.connection.runAndReadAll(sql)).getRows();
    } catch (error) {
      throw new CounterfoilError(
        "CF_QUERY_FAILED",
        `Can't read the mirror: ${errorMessage(error).slice(0, 2_000)}. If a file is damaged, \`counterfoil scrub\` repairs what can be.`,
        { cause: error },
      );
    }
  }

  /**
   * The same for a statement that writes below the path `target`. When it can't, a full disk say, nothing is wrong with the
   * mirror: DuckDB's own error is thrown then.
   */
  async write(sql: string, target: string): Promise<readonly (readonly unknown[])[]> {
    try {
      return await this.run(sql);
    } catch (error) {
      const cause = error instanceof CounterfoilError ? error.cause : undefined;
      throw cause !== undefined && errorMessage(cause).includes(target) ? cause : error;
    }
  }

  /**
   * The days of a telemetry table that have rows, with an event at or after `since`; the years when there are more than
   * {@link DAYS_MAX}, since then most of these times are wrong.
   */
  async parts(table: TelemetryTable, sinceUnixNano?: bigint): Promise<Part[]> {
    const time = EVENT_TIME[table];
    const since = sinceUnixNano === undefined ? "" : `${time} >= make_timestamp_ns(${sinceUnixNano})`;
    const days = await this.#days(table, since);
    const isByYear = days.length > DAYS_MAX;
    const names = isByYear ? [...new Set(days.map((day) => day?.slice(0, 4) ?? null))] : days;
    return names.map((name) => {
      if (name === null) return { name: UNDATED, where: `${time} IS NULL` };
      const within = isByYear ? `year(${time}) = ${name}` : withinDay(time, name);
      return { name, where: since === "" ? within : `${within} AND ${since}` };
    });
  }

  async #days(table: TelemetryTable, since: string): Promise<(string | null)[]> {
    const rows = await this.run(
      `SELECT DISTINCT CAST(CAST(${EVENT_TIME[table]} AS DATE) AS VARCHAR) AS day FROM ${table}
       ${since === "" ? "" : `WHERE ${since}`} ORDER BY day NULLS FIRST`,
    );
    return rows.map(([day]) => (typeof day === "string" ? day : null));
  }

  /** The rows of a part, in order. The next call ends what this relation may be used for. */
  async telemetryRows(table: TelemetryTable, { where }: Part): Promise<string> {
    const repeated = table === "spans" ? "ANTI JOIN repeated_spans USING (seq, seq_index)" : "";
    await this.run(`CREATE OR REPLACE TEMP TABLE part_places AS
      SELECT seq, seq_index, dense_rank() OVER (ORDER BY seq) AS place,
        CAST(row_number() OVER (PARTITION BY seq ORDER BY seq_index) - 1 AS INTEGER) AS place_index
      FROM ${table} ${repeated} WHERE ${where}`);
    return `(SELECT ${placedColumns(table)} FROM ${table} AS s
      JOIN part_places AS p ON p.seq = s.seq AND p.seq_index = s.seq_index WHERE ${where}
      ORDER BY p.place, p.place_index)`;
  }

  /** Counts the places of changes over these tables; to be called once, before {@link changeRows}. */
  async placeChanges(tables: readonly string[]): Promise<void> {
    const changes = tables.map(
      (table) => `SELECT seq, seq_index FROM ${sqlIdentifier(viewOf(table))} WHERE NOT (${FROM_TELEMETRY})`,
    );
    const all =
      changes.length === 0 ? "SELECT 0 AS seq, 0 AS seq_index WHERE false" : changes.join(" UNION ALL ");
    await this.run(`CREATE OR REPLACE TEMP TABLE change_places AS
      SELECT seq, seq_index, dense_rank() OVER (ORDER BY seq) AS place,
        CAST(row_number() OVER (PARTITION BY seq ORDER BY seq_index) - 1 AS INTEGER) AS place_index FROM (${all})`);
  }

  /**
   * Every change of a record table, in order. Of what was read out of telemetry only the reading that counts is there, and
   * without a place: it is made again from the telemetry, whenever that arrives.
   */
  changeRows(table: string): string {
    const view = sqlIdentifier(viewOf(table));
    return `(SELECT ${placedColumns(table)} FROM ${view} AS s
      JOIN change_places AS p ON p.seq = s.seq AND p.seq_index = s.seq_index WHERE NOT (${FROM_TELEMETRY})
      UNION ALL
      SELECT * REPLACE (NULL AS received_at, NULL AS seq, NULL AS seq_index) FROM (
        SELECT * FROM ${view} WHERE ${FROM_TELEMETRY}
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY time DESC NULLS LAST, seq DESC, seq_index DESC) = 1)
      ORDER BY seq NULLS LAST, seq_index, id)`;
  }

  /** Every change of a record table as it is here, with the columns of CHANGE_COLUMNS behind the table's name. */
  changesHere(table: string): string {
    return `SELECT '${table}' AS "table", * FROM (${changesOf(table, sqlIdentifier(viewOf(table)))})`;
  }

  /** Versions of the price tables that spans were priced by. */
  async priceVersions(): Promise<string[]> {
    const rows = await this.run(
      "SELECT DISTINCT price_version FROM spans WHERE price_version IS NOT NULL ORDER BY 1",
    );
    return rows.map(([version]) => String(version));
  }

  /** Whether the mirror has rows of a table at all. */
  has(table: string): boolean {
    return this.snapshot.files.some((file) => file.table === table);
  }

  close(): void {
    this.connection.closeSync();
    this.#instance.closeSync();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The type's last day has no next one to compare with. */
function withinDay(time: string, day: string): string {
  const from = `CAST(TIMESTAMP '${day}' AS TIMESTAMP_NS)`;
  return `${time} >= ${from} AND epoch_ns(${time}) - epoch_ns(${from}) < 86400000000000`;
}

/**
 * Second names for the files of a snapshot. Where the file system has none, or a file went away just now, the first names must
 * do: what is removed meanwhile stays for ten minutes, and is an error after that.
 */
function linkAll({ files }: CatalogSnapshot, mirrorDir: string, folder: string): boolean {
  try {
    for (const { path } of files) {
      const name = join(folder, path);
      mkdirSync(dirname(name), { recursive: true, mode: 0o700 });
      linkSync(join(mirrorDir, path), name);
    }
    return true;
  } catch {
    return false;
  }
}
