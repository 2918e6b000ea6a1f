import { rmSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  columnsOf,
  isTelemetryTable,
  LOG_CONTENT_TABLE,
  RECORD_TABLES,
  UNKNOWN_RECORDS_TABLE,
} from "../../schema/index.js";
import { CHANGE_TABLES } from "../bundle/tables.js";
import { rewriteFile } from "../rewrite/rewrite-file.js";
import { openEngine } from "../seal/table-writer.js";
import { SUPERSEDED_TABLE } from "../superseded.js";
import type { Catalog, FileEntry } from "../types.js";
import { everySpan, filesRelation, readFiles, storedColumns } from "../views/files-relation.js";
import { sqlString } from "../views/sql-text.js";
import { attributesName, idsIn, isOneOf, jsonNames, type Subject } from "./subject.js";

/** What of a mirror belongs to a subject. */
export interface Found {
  /** Ids of the traces, 32 lower-case hex digits. */
  readonly traceIds: readonly string[];
  /** Ids by which other things name them or a run of theirs, 32 lower-case hex digits each. */
  readonly ids: readonly string[];
  /** Rows in files by table, those that lost against others included. */
  readonly rows: Readonly<Record<string, number>>;
}

/** What {@link EraseMirror} works over. */
interface EraseMirrorOptions {
  readonly mirrorDir: string;
  readonly workDir: string;
  readonly catalog: Pick<Catalog, "snapshot" | "commit">;
}

/** Records of these tables are about no run and nobody. */
export const IMPERSONAL_TABLES: readonly string[] = ["prices", "feedback_configs", "erasures"];

/**
 * Finds a subject's rows in a mirror's files and writes those files anew without them. Traces go as a whole: the spans of
 * one hold what the same person said. The caller owns the data directory.
 */
export class EraseMirror {
  readonly #options: EraseMirrorOptions;
  readonly #connection: DuckDBConnection;
  readonly #close: () => void;
  readonly #subject: Subject;

  private constructor(
    options: EraseMirrorOptions,
    engine: { connection: DuckDBConnection; close: () => void },
    subject: Subject,
  ) {
    this.#options = options;
    this.#connection = engine.connection;
    this.#close = engine.close;
    this.#subject = subject;
  }

  static async open(options: EraseMirrorOptions, subject: Subject): Promise<EraseMirror> {
    const instance = await openEngine(options.workDir);
    const connection = await instance.connect();
    const close = (): void => {
      connection.closeSync();
      instance.closeSync();
      rmSync(options.workDir, { recursive: true, force: true });
    };
    const mirror = new EraseMirror(options, { connection, close }, subject);
    try {
      await mirror.#collectIds();
    } catch (error) {
      close();
      throw error;
    }
    return mirror;
  }

  close(): void {
    this.#close();
  }

  /** Counts; nothing is changed. */
  async find(): Promise<Found> {
    const rows: Record<string, number> = {};
    for (const { table, count } of await this.#affected()) rows[table] = (rows[table] ?? 0) + count;
    return {
      traceIds: await this.#ids("trace_id", "erased_traces"),
      ids: await this.#ids("id", "erased_ids"),
      rows,
    };
  }

  async #ids(column: string, table: string): Promise<string[]> {
    const rows = await this.#rows(`SELECT ${column} FROM ${table} ORDER BY 1`);
    return rows.map(([id]) => String(id));
  }

  /**
   * Writes the files that hold such rows anew and commits them all at once: whenever it dies, every file is as it was or
   * without them. The old files are off the list, and still on disk.
   */
  async erase(): Promise<void> {
    const affected = await this.#affected();
    if (affected.length === 0) return;
    const add: FileEntry[] = [];
    for (const { file, count } of affected) {
      if (count === file.rows) continue;
      const keep = `NOT coalesce(${this.#goes(file.table)}, false)`;
      const { mirrorDir } = this.#options;
      add.push(await rewriteFile(this.#connection, { mirrorDir, file }, { keep, purpose: "erase" }));
    }
    await this.#options.catalog.commit({ add, remove: affected.map(({ file }) => file.path) });
  }

  #files(table: string): FileEntry[] {
    const { catalog, mirrorDir } = this.#options;
    return catalog
      .snapshot()
      .files.filter((file) => file.table === table)
      .map((file) => ({ ...file, path: join(mirrorDir, file.path) }));
  }

  async #rows(sql: string): Promise<readonly (readonly unknown[])[]> {
    return (await this.#connection.runAndReadAll(sql)).getRows();
  }

  async #collectIds(): Promise<void> {
    const { threadIds, traceIds, userIds } = this.#subject;
    const logs = this.#files("span_logs");
    await this.#rows(`CREATE TEMP TABLE all_spans AS SELECT trace_id, span_id, run_id, conversation_id,
      ${isOneOf("user_id", userIds)} OR ${isOneOf("conversation_id", threadIds)} OR ${isOneOf("trace_id", traceIds)}
        OR ${attributesName("attributes", userIds)} AS hit
      FROM ${everySpan(this.#files("spans"))}`);
    await this.#rows(`CREATE TEMP TABLE erased_traces AS
      SELECT DISTINCT trace_id FROM all_spans WHERE hit AND trace_id IS NOT NULL
      UNION SELECT DISTINCT trace_id FROM ${filesRelation(columnsOf("span_logs"), logs)}
        WHERE trace_id IS NOT NULL AND (${attributesName("attributes", userIds)} OR ${isOneOf("trace_id", traceIds)})
      UNION SELECT unnest(${traceIds.length === 0 ? "[]::VARCHAR[]" : `[${traceIds.map(sqlString).join(", ")}]`})`);
    await this.#rows(`CREATE TEMP TABLE erased_spans AS SELECT DISTINCT trace_id, span_id, run_id FROM all_spans
      SEMI JOIN erased_traces USING (trace_id)`);
    // A thread that is nobody else's goes, too.
    await this.#rows(`CREATE TEMP TABLE erased_threads AS
      SELECT conversation_id AS thread_id FROM all_spans WHERE conversation_id IS NOT NULL GROUP BY conversation_id
        HAVING bool_and(trace_id IN (SELECT trace_id FROM erased_traces))`);
    await this.#rows(`CREATE TEMP TABLE erased_ids AS
      SELECT trace_id AS id FROM erased_traces
      UNION SELECT '0000000000000000' || span_id FROM erased_spans WHERE span_id IS NOT NULL
      UNION SELECT replace(lower(run_id), '-', '') FROM erased_spans WHERE run_id IS NOT NULL`);
    await this.#rows("DROP TABLE all_spans");
    await this.#collectRecords();
  }

  /** A record goes with all its history when one of its changes is about the subject. */
  async #collectRecords(): Promise<void> {
    await this.#rows('CREATE TEMP TABLE erased_records ("table" VARCHAR, id VARCHAR)');
    for (const table of CHANGE_TABLES) {
      const files = this.#files(table);
      if (files.length === 0 || IMPERSONAL_TABLES.includes(table)) continue;
      const columns = new Set(columnsOf(table).map(({ name }) => name));
      const own = [
        ...(columns.has("span_id")
          ? ["(trace_id IS NULL AND span_id IN (SELECT span_id FROM erased_spans))"]
          : []),
        ...(columns.has("thread_id") ? ["thread_id IN (SELECT thread_id FROM erased_threads)"] : []),
        ...(columns.has("user_id") ? [isOneOf("user_id", this.#subject.userIds)] : []),
        jsonNames("data", this.#subject),
        jsonNames("more", this.#subject),
      ];
      const select = `SELECT ${storedColumns(columnsOf(table), files)} FROM ${filesRelation(columnsOf(table), files)}`;
      await this.#rows(`INSERT INTO erased_records SELECT DISTINCT ${sqlString(table)}, id FROM (${select})
        WHERE coalesce(${own.join(" OR ")}, false)`);
      await this.#rows(`INSERT INTO erased_records SELECT DISTINCT ${sqlString(table)}, r.id FROM
        (SELECT id, unnest(${idsIn("concat_ws(' ', id, data, more)")}) AS hex FROM (${select})) AS r
        JOIN erased_ids AS e ON e.id = r.hex`);
    }
  }

  /** SQL condition of the rows of a table that go. */
  #goes(table: string): string {
    const { userIds } = this.#subject;
    const inTrace = "trace_id IN (SELECT trace_id FROM erased_traces)";
    if (table === "spans" || table === SUPERSEDED_TABLE || table === LOG_CONTENT_TABLE) return inTrace;
    if (table === "span_logs") return `(${inTrace} OR ${attributesName("attributes", userIds)})`;
    if (table === "metric_points") return attributesName("attributes", userIds);
    return `id IN (SELECT id FROM erased_records WHERE "table" = ${sqlString(table)})`;
  }

  async #affected(): Promise<{ table: string; file: FileEntry; count: number }[]> {
    const tables = new Set(this.#options.catalog.snapshot().files.map(({ table }) => table));
    const found: { table: string; file: FileEntry; count: number }[] = [];
    for (const table of tables) {
      if (!isTelemetryTable(table) && !RECORD_TABLES.includes(table) && !isHelper(table)) continue;
      const byPath = new Map(
        this.#options.catalog
          .snapshot()
          .files.map((file) => [join(this.#options.mirrorDir, file.path), file]),
      );
      const rows = await this.#rows(
        `SELECT filename, count(*) FROM ${readFiles(this.#files(table), ", filename = true")}
         WHERE coalesce(${this.#goes(table)}, false) GROUP BY filename ORDER BY filename`,
      );
      for (const [path, count] of rows) {
        const file = byPath.get(String(path));
        if (file !== undefined) found.push({ table, file, count: Number(count) });
      }
    }
    return found;
  }
}

function isHelper(table: string): boolean {
  return table === SUPERSEDED_TABLE || table === LOG_CONTENT_TABLE || table === UNKNOWN_RECORDS_TABLE;
}
