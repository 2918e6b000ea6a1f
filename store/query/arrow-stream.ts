import { closeSync, openSync, writeSync } from "node:fs";
import * as arrow from "apache-arrow";
import type { DuckDBConnection, DuckDBValue } from "@duckdb/node-api";
import { columnData } from "./arrow-columns.js";
import { arrowField } from "./arrow-types.js";

/**
 * The result of a query as an Arrow IPC stream, by apache-arrow: DuckDB's binding for Node has no Arrow output. Loaded only by
 * the process of a query that asks for it.
 */

/** Where a writer's bytes go, as they come: apache-arrow's own queue would keep the whole result in memory. */
class FileSink extends arrow.AsyncByteQueue {
  readonly #file: number;

  constructor(file: number) {
    super();
    this.#file = file;
  }

  override write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#file, bytes, at);
  }
}

/** Writes all rows to a new file, a batch for each of DuckDB's chunks; resolves with their number. */
export async function writeArrowFile(
  connection: DuckDBConnection,
  query: { readonly sql: string; readonly params: DuckDBValue[]; readonly path: string },
): Promise<number> {
  const result = await connection.stream(query.sql, query.params);
  const names = result.columnNames();
  const fields = result.columnTypes().map((type, at) => arrowField(names[at] ?? "", type));
  const schema = new arrow.Schema(fields);
  const rowType = new arrow.Struct(fields);
  const file = openSync(query.path, "w", 0o600);
  let rowCount = 0;
  try {
    const writer = new arrow.RecordBatchStreamWriter();
    // A result without rows has a schema, too.
    writer.reset(new FileSink(file), schema);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) break;
      const length = chunk.rowCount;
      const columns = fields.map(({ type }, at) => {
        const vector = chunk.getColumnVector(at);
        return columnData(type, { length, at: (row) => vector.getItem(row) });
      });
      writer.write(new arrow.RecordBatch(schema, new arrow.Data(rowType, 0, length, 0, {}, columns)));
      rowCount += length;
    }
    writer.close();
  } finally {
    closeSync(file);
  }
  return rowCount;
}
