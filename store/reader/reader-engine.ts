import { mkdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import { CounterfoilError, errorMessage } from "../../schema/errors.js";
import { duckdb } from "../duckdb.js";
import { QUERY_INLINE_BYTES_MAX } from "../../schema/limits.js";
import { MANIFEST_FILE } from "../catalog/manifest-log.js";
import { readCatalog } from "../catalog/read-catalog.js";
import {
  maySpeakOfDamage,
  readableFiles,
  type ReadableSnapshot,
  withoutDamagedFiles,
} from "../query/mirror-damage.js";
import { wantedViews } from "../query/wanted-views.js";
import {
  KEEP_FOOTERS,
  nearSpansView,
  snapshotSources,
  temporaryView,
  viewStatements,
} from "../views/open-sql.js";
import { sqlString } from "../views/sql-text.js";
import type { ReaderQuery, ReaderRow, ReaderSetup } from "./reader-types.js";
import { rowObjects, sizeOf } from "./row-values.js";

/** One connection, and the views that it has of one snapshot. Views are its own, so that others can go on with theirs. */
interface Session {
  readonly connection: DuckDBConnection;
  snapshot: ReadableSnapshot | undefined;
  readonly views: Set<string>;
  /** What made its view `near_spans`: each query has its own window, but most of them the same newest files. */
  near: string;
}

/** Rows, and what was left out. */
export interface ReaderResult {
  readonly rows: ReaderRow[];
  readonly warnings: readonly string[];
}

/** Housekeeping deletes work folders that nobody touched for long. */
const TOUCH_INTERVAL_MS = 10 * 60_000;

/** The DuckDB of a reader: can read the mirror and spill into its own folder, and nothing else. */
export class ReaderEngine {
  readonly #setup: ReaderSetup;
  readonly #idle: Session[];
  readonly #running = new Map<number, DuckDBConnection>();
  #manifest = "";
  #readable: ReadableSnapshot | undefined;
  #touched = performance.now();

  private constructor(setup: ReaderSetup, sessions: Session[]) {
    this.#setup = setup;
    this.#idle = sessions;
  }

  /** The process's working folder becomes the mirror. Throws CF_NOT_FOUND when there is none. */
  static async open(setup: ReaderSetup): Promise<ReaderEngine> {
    readCatalog(setup.mirrorDir);
    const spill = join(setup.workDir, "spill");
    mkdirSync(spill, { recursive: true, mode: 0o700 });
    process.chdir(setup.mirrorDir);
    const instance = await duckdb().DuckDBInstance.create(":memory:", {
      memory_limit: `${setup.memoryMb}MiB`,
      threads: String(setup.threads),
      temp_directory: spill,
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
      allow_community_extensions: "false",
    });
    const sessions: Session[] = [];
    for (let at = 0; at < setup.connections; at += 1) {
      const connection = await instance.connect();
      await connection.run("SET TimeZone = 'UTC'");
      await connection.run(KEEP_FOOTERS);
      sessions.push({ connection, snapshot: undefined, views: new Set(), near: "" });
    }
    const first = sessions[0]?.connection;
    await first?.run(`SET allowed_directories = [${sqlString(`${setup.mirrorDir}/`)}]`);
    await first?.run("SET enable_external_access = false");
    await first?.run("SET lock_configuration = true");
    return new ReaderEngine(setup, sessions);
  }

  /** Runs one query. At most as many at once as there are connections. */
  async run(query: ReaderQuery): Promise<ReaderResult> {
    this.#touch();
    const readable = this.#newest();
    const session = this.#idle.pop();
    if (session === undefined) throw new Error("more queries at once than connections");
    this.#running.set(query.id, session.connection);
    try {
      return await this.#runOver(session, query, readable);
    } catch (error) {
      if (error instanceof CounterfoilError || !maySpeakOfDamage(error)) throw error;
      const rest = withoutDamagedFiles(readable);
      if (rest === undefined) throw error;
      if (this.#readable === readable) this.#readable = rest;
      return await this.#runOver(session, query, rest);
    } finally {
      this.#running.delete(query.id);
      this.#idle.push(session);
    }
  }

  /** Stops a query: it fails with DuckDB's word for that. */
  cancel(id: number): void {
    this.#running.get(id)?.interrupt();
  }

  /** The mirror as it is now; the same object until its manifest changes. */
  #newest(): ReadableSnapshot {
    const { ino, size, mtimeMs } = statSync(MANIFEST_FILE, { throwIfNoEntry: false }) ?? {};
    const manifest = `${ino} ${size} ${mtimeMs}`;
    if (this.#readable === undefined || manifest !== this.#manifest) {
      this.#readable = readableFiles(readCatalog(this.#setup.mirrorDir));
      this.#manifest = manifest;
    }
    return this.#readable;
  }

  async #runOver(session: Session, query: ReaderQuery, readable: ReadableSnapshot): Promise<ReaderResult> {
    const wanted = wantedViews(query.sql);
    try {
      await this.#makeViews(session, readable, wanted);
      await this.#makeNear(session, readable, query);
      return { rows: await rowsOf(session.connection, query), warnings: readable.warnings };
    } catch (error) {
      if (wanted === undefined || !errorMessage(error).includes("Catalog Error")) throw error;
      await this.#makeViews(session, readable, undefined);
      return { rows: await rowsOf(session.connection, query), warnings: readable.warnings };
    }
  }

  async #makeViews(
    session: Session,
    readable: ReadableSnapshot,
    wanted: ((view: string) => boolean) | undefined,
  ): Promise<void> {
    if (session.snapshot !== readable) session.views.clear();
    session.snapshot = readable;
    const made: string[] = [];
    const missing = (view: string): boolean => {
      if (session.views.has(view) || wanted?.(view) === false) return false;
      made.push(view);
      return true;
    };
    const sources = snapshotSources(readable.snapshot, this.#setup.mirrorDir);
    for (const statement of viewStatements(sources, missing))
      await session.connection.run(temporaryView(statement));
    for (const view of made) session.views.add(view);
  }

  async #makeNear(session: Session, { snapshot }: ReadableSnapshot, { near }: ReaderQuery): Promise<void> {
    if (near === undefined) return;
    const statement = nearSpansView(snapshotSources(snapshot, this.#setup.mirrorDir), near);
    if (session.near === statement) return;
    session.near = "";
    await session.connection.run(temporaryView(statement));
    session.near = statement;
  }

  #touch(): void {
    const now = performance.now();
    if (now - this.#touched < TOUCH_INTERVAL_MS) return;
    this.#touched = now;
    utimesSync(this.#setup.workDir, new Date(), new Date());
  }
}

async function rowsOf(connection: DuckDBConnection, query: ReaderQuery): Promise<ReaderRow[]> {
  const sql = `SELECT * FROM (\n${query.sql}\n) LIMIT ${query.rowsMax + 1}`;
  const rows = rowObjects(await connection.runAndReadAll(sql, [...query.params]));
  if (rows.length > query.rowsMax) {
    throw new CounterfoilError("CF_QUERY_LIMIT", `The query gives more than ${query.rowsMax} rows.`);
  }
  const size = rows.reduce((sum, row) => sum + sizeOf(row), 0);
  if (size > QUERY_INLINE_BYTES_MAX) {
    throw new CounterfoilError(
      "CF_QUERY_LIMIT",
      `The result has ${size} characters; at most ${QUERY_INLINE_BYTES_MAX} fit in memory. Ask for fewer rows or columns.`,
    );
  }
  return rows;
}
