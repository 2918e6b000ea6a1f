import type { DuckDBConnection } from "@duckdb/node-api";
import { type Column, type ColumnType, errorMessage } from "../../schema/index.js";
import { ColumnBatch, VECTOR_ROWS } from "./column-batch.js";
import type { Filler } from "./filler.js";
import { PointerFiller } from "./pointer-filler.js";
import { SafeFiller } from "./safe-filler.js";
import { TableWriter } from "./table-writer.js";

/** Lengths around every boundary of a string entry: empty, prefix, inline, pointer. */
const LENGTHS = [0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13, 16, 40, 300, 3_000];
const TYPES: readonly ColumnType[] = [
  "VARCHAR",
  "BLOB",
  "BIGINT",
  "INTEGER",
  "DOUBLE",
  "BOOLEAN",
  "TIMESTAMP_NS",
  "MAP(VARCHAR, VARCHAR)",
];
/** Each type twice: what one column writes must not show in the next. */
const COLUMNS: readonly Column[] = [...TYPES, ...TYPES].map((type, index) => ({
  name: `c${index}`,
  type,
  doc: "",
}));
const BATCHES = 3;
const ROWS = 97;

/** Fills every column of a batch with values that touch the boundaries; the same ones for the same number. */
function trickyBatch(batch: ColumnBatch, number: number): void {
  const source = new Uint8Array(5_000).map((_, i) => 97 + ((i * 7 + number) % 26));
  const base = batch.addSource(source);
  for (let i = 0; i < ROWS; i++) {
    const row = batch.addRow();
    for (const [index, vector] of batch.vectors.entries()) {
      const pick = i * 31 + index * 17 + number;
      if (vector.kind === "map") {
        vector.starts[row] = vector.entries;
        for (let entry = 0; entry < pick % 5; entry++) {
          const length = LENGTHS[(pick + entry) % 13] ?? 0;
          vector.add(base + entry * 10, 5 + entry, base + pick, entry === 2 ? -1 : length);
        }
        vector.starts[row + 1] = vector.entries;
      } else if (pick % 4 === 0) continue;
      else if (vector.kind === "text") {
        const length = LENGTHS[pick % LENGTHS.length] ?? 0;
        if (pick % 3 === 0) batch.putText(vector, row, "\u00e9\0".repeat(length % 50));
        else
          vector.set(row, base + source.length - length - (pick % 2 === 0 ? 0 : Math.min(pick, 20)), length);
      } else if (vector.column.type === "DOUBLE") vector.setDouble(row, pick / 3);
      else if (vector.column.type === "INTEGER") vector.setInt32(row, -pick);
      else if (vector.column.type === "BOOLEAN") vector.setBoolean(row, pick % 2 === 0);
      else vector.setBigInt(row, BigInt(pick) * 1_234_567_890_123n);
    }
  }
}

async function rowsThrough(connection: DuckDBConnection, filler: Filler, name: string): Promise<string> {
  const writer = new TableWriter(connection, name, new ColumnBatch(COLUMNS, VECTOR_ROWS), filler);
  let batches = 0;
  const source = writer.source((batch) => {
    if (batches === BATCHES) return false;
    trickyBatch(batch, batches++);
    return true;
  });
  const columns = COLUMNS.map((column) => `coalesce('=' || ${column.name}::VARCHAR, '-')`).join(", ");
  // A mark before each value keeps null and the empty text apart.
  const sql = `SELECT count(*), md5(string_agg(md5(concat_ws('|', ${columns})), ',')) FROM (FROM ${source})`;
  const result = await connection.runAndReadAll(sql);
  return JSON.stringify(result.getRows().map((row) => row.map(String)));
}

/**
 * Whether the pointer filler gives DuckDB the same rows as the safe one, here and now, with this DuckDB build.
 * `reason` is empty when it does.
 */
export async function pointerFillerWorks(
  connection: DuckDBConnection,
): Promise<{ works: boolean; reason: string }> {
  try {
    const safe = await rowsThrough(connection, new SafeFiller(), "check_safe");
    const fast = await rowsThrough(connection, new PointerFiller(), "check_pointer");
    if (safe === fast) return { works: true, reason: "" };
    return {
      works: false,
      reason: "the fast way of filling DuckDB's vectors gave other rows than the safe one",
    };
  } catch (error) {
    return {
      works: false,
      reason: `the fast way of filling DuckDB's vectors failed: ${errorMessage(error)}`,
    };
  }
}
