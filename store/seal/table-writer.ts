import { createHash } from "node:crypto";
import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { DuckDBConnection, DuckDBInstance, DuckDBType } from "@duckdb/node-api";
import { type Column, type ColumnType, FORMAT_VERSION, SEAL_MEMORY_MB } from "../../schema/index.js";
import { duckdb } from "../duckdb.js";
import { type ColumnBatch, VECTOR_ROWS } from "./column-batch.js";
import type { Filler } from "./filler.js";

/**
 * Row groups of level-0 files end at this many rows or bytes: content wants small groups, and lean rows large ones. DuckDB
 * holds a group until it is whole, so this is also what a sealer needs beside the piece it reads.
 */
const ROW_GROUP_ROWS = 122_880;
const ROW_GROUP_BYTES = 8_000_000;
/** The fastest of zstd's usual levels: compaction writes these rows again, and better, within the hour. */
const COMPRESSION_LEVEL = 1;
/** Texts with more distinct values than this are not dictionary-coded: 6 to 10 % less CPU at the same size. */
const DICTIONARY_VALUES_MAX = 2_000;
const HASH_CHUNK_BYTES = 1 << 20;

function duckTypes(): Readonly<Record<ColumnType, DuckDBType>> {
  const { VARCHAR, BIGINT, INTEGER, DOUBLE, BOOLEAN, TIMESTAMP_NS, BLOB, MAP } = duckdb();
  return {
    VARCHAR,
    BIGINT,
    INTEGER,
    DOUBLE,
    BOOLEAN,
    TIMESTAMP_NS,
    BLOB,
    "MAP(VARCHAR, VARCHAR)": MAP(VARCHAR, VARCHAR),
  };
}

/** Fills the batch with the next rows; false when there are no more. Called while DuckDB writes. */
export type NextBatch = (batch: ColumnBatch) => boolean;

/** What one file came to. */
export interface WrittenFile {
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: string;
}

/** Opens a DuckDB instance with every default that matters set: threads, memory, temp folder, no extensions. */
export async function openEngine(tempDir: string): Promise<DuckDBInstance> {
  mkdirSync(tempDir, { recursive: true, mode: 0o700 });
  return duckdb().DuckDBInstance.create(":memory:", {
    threads: "1",
    memory_limit: `${SEAL_MEMORY_MB}MB`,
    temp_directory: tempDir,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    // One thread keeps the order all the same, and without the promise COPY needn't buffer whole batches to restore it.
    preserve_insertion_order: "false",
  });
}

/**
 * Writes one table's batches to Parquet files. A JavaScript table function hands DuckDB the rows, and COPY streams
 * them out: no table in between.
 */
export class TableWriter {
  #next: NextBatch | undefined;
  #emitted = 0;
  #position = 0;
  #end = 0;
  #slice = VECTOR_ROWS;

  constructor(
    readonly connection: DuckDBConnection,
    readonly table: string,
    readonly batch: ColumnBatch,
    public filler: Filler,
  ) {
    const columns: readonly Column[] = batch.columns;
    const types = duckTypes();
    const rows = duckdb().DuckDBTableFunction.create({
      name: this.#functionName,
      bindFunction: (bind) => {
        for (const column of columns) bind.addResultColumn(column.name, types[column.type]);
      },
      // One thread: the batch is shared state, and order must be kept.
      initFunction: (init) => init.setMaxThreads(1),
      mainFunction: (_info, chunk) => this.#emit(chunk),
    });
    connection.registerTableFunction(rows);
  }

  get #functionName(): string {
    return `counterfoil_rows_${this.table}`;
  }

  #emit(chunk: Parameters<Filler["fill"]>[0]): void {
    if (this.#position >= this.#end && !this.#load()) {
      chunk.rowCount = 0;
      return;
    }
    const to = Math.min(this.#end, this.#position + this.#slice);
    this.filler.fill(chunk, this.#position, to);
    this.#emitted += to - this.#position;
    this.#position = to;
  }

  #load(): boolean {
    const { batch } = this;
    do {
      batch.reset();
      if (this.#next?.(batch) !== true) return false;
    } while (batch.rows === 0);
    this.filler.load(batch);
    this.#position = 0;
    this.#end = batch.rows;
    // Even slices: 2,300 rows go as 2 x 1,150, not as 2,048 and a stub.
    this.#slice = Math.ceil(batch.rows / Math.ceil(batch.rows / VECTOR_ROWS));
    return true;
  }

  /** The SQL that yields the rows of `next`; for COPY here and for comparisons in tests. */
  source(next: NextBatch): string {
    this.#next = next;
    this.#position = 0;
    this.#end = 0;
    this.#emitted = 0;
    return `${this.#functionName}()`;
  }

  /**
   * Writes all rows that `next` yields to `path`, overwriting what was there, and syncs what it wrote; the name is
   * for the caller to make durable, and to give to readers. Returns null, and leaves no file, when there were no rows.
   */
  async write(path: string, next: NextBatch): Promise<WrittenFile | null> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const source = this.source(next);
    if (!this.#load()) return null;
    const options = [
      "FORMAT parquet",
      "COMPRESSION zstd",
      `COMPRESSION_LEVEL ${COMPRESSION_LEVEL}`,
      `ROW_GROUP_SIZE ${ROW_GROUP_ROWS}`,
      `ROW_GROUP_SIZE_BYTES ${ROW_GROUP_BYTES}`,
      `DICTIONARY_SIZE_LIMIT ${DICTIONARY_VALUES_MAX}`,
      `KV_METADATA {counterfoil_format_version: '${FORMAT_VERSION}', counterfoil_table: '${this.table}'}`,
    ];
    const target = path.replaceAll("'", "''");
    const result = await this.connection.runAndReadAll(
      `COPY (SELECT * FROM ${source}) TO '${target}' (${options.join(", ")})`,
    );
    const copied = Number(result.getRows()[0]?.[0] ?? -1);
    if (copied !== this.#emitted) {
      throw new Error(`DuckDB wrote ${copied} of ${this.#emitted} rows to ${path}`);
    }
    const sha256 = syncAndHash(path);
    return { rows: copied, bytes: statSync(path).size, sha256 };
  }
}

function syncAndHash(path: string): string {
  const file = openSync(path, "r+");
  try {
    // DuckDB makes files by the umask; they hold what people said.
    fchmodSync(file, 0o600);
    fsyncSync(file);
    const hash = createHash("sha256");
    const chunk = Buffer.allocUnsafe(HASH_CHUNK_BYTES);
    for (;;) {
      const read = readSync(file, chunk, 0, chunk.length, null);
      if (read === 0) return hash.digest("hex");
      hash.update(chunk.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}
