import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import {
  COLUMNS_VERSION,
  FORMAT_VERSION,
  RULE_SET_VERSION,
  SEAL_BATCH_BYTES,
  TABLE_COLUMNS,
} from "../../schema/index.js";
import { columnsIn, rowsOf } from "../compaction/parquet-output.js";
import { inputRows } from "../compaction/spans-layout.js";
import { columnNames, MirrorRow } from "../mirror-row.js";
import { ColumnBatch, VECTOR_ROWS } from "../seal/column-batch.js";
import { PointerFiller } from "../seal/pointer-filler.js";
import { SafeFiller } from "../seal/safe-filler.js";
import { pointerFillerWorks } from "../seal/self-check.js";
import { openEngine, TableWriter } from "../seal/table-writer.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";
import { sqlIdentifier } from "../views/sql-text.js";
import { type ColumnChanges, type CostChange, type SpanRewrite, sumOfCosts } from "./rewrite-types.js";
import { rowWriterOf } from "./row-writers.js";

/** Rows and characters of them that are in memory at once, as objects. */
const PART_ROWS = 20_480;
const PART_CHARS = 16 * 1024 * 1024;

/** Columns that a rewrite leaves alone, or changes in every row. */
const NOT_COMPARED = new Set(["seq", "seq_index", "rule_set_version"]);

/** Rewritten rows below the working folder, in the layout of a sealed file and the order of the input. */
export interface RewrittenFiles {
  readonly files: readonly FileEntry[];
  readonly changes: ColumnChanges;
  readonly cost: CostChange;
}

/** Texts of a row, roughly: what decides how many fit into memory. */
function charsOf(values: readonly unknown[]): number {
  let chars = 0;
  for (const value of values) if (typeof value === "string") chars += value.length;
  return chars;
}

/** Reads all rows of a file of `spans`, some at a time, in their order. */
async function* rowsOfFile(connection: DuckDBConnection, file: FileEntry): AsyncGenerator<MirrorRow[]> {
  const columns = columnNames(TABLE_COLUMNS.spans);
  const present = await columnsIn(connection, readFiles([file]));
  const result = await connection.stream(
    `SELECT ${columns.map(sqlIdentifier).join(", ")} FROM ${inputRows([file], present)}`,
  );
  let part: MirrorRow[] = [];
  let chars = 0;
  for await (const chunk of result.yieldRows()) {
    for (const values of chunk) {
      part.push(new MirrorRow(columns, values));
      chars += charsOf(values);
      if (part.length < PART_ROWS && chars < PART_CHARS) continue;
      yield part;
      part = [];
      chars = 0;
    }
  }
  if (part.length > 0) yield part;
}

/** Rows of each column in which the file and its rewritten parts differ, and what the calls in both cost. */
async function compare(
  connection: DuckDBConnection,
  file: FileEntry,
  parts: readonly FileEntry[],
  joined: (relation: string) => string,
): Promise<{ counts: Map<string, number>; cost: CostChange }> {
  const names = TABLE_COLUMNS.spans.map(({ name }) => name).filter((name) => !NOT_COMPARED.has(name));
  const rowsIn = async (files: readonly FileEntry[]): Promise<string> =>
    inputRows(files, await columnsIn(connection, readFiles(files)));
  const hashed = (relation: string): string =>
    `(SELECT seq, seq_index, ${names.map((name) => `hash(${sqlIdentifier(name)}) AS ${sqlIdentifier(name)}`).join(", ")},
      CASE WHEN coalesce(usage_scope, 'own') = 'own' THEN cost_usd END AS "usd of calls"
      FROM ${relation})`;
  const counts = names.map(
    (name) =>
      `CAST(count(*) FILTER (o.${sqlIdentifier(name)} <> n.${sqlIdentifier(name)}) AS INTEGER) AS ${sqlIdentifier(name)}`,
  );
  const [found] = await rowsOf(
    connection,
    `SELECT count(*) AS "rows in both", sum(o."usd of calls") AS before_usd, sum(n."usd of calls") AS after_usd, ${counts.join(", ")} FROM ${hashed(await rowsIn([file]))} AS o JOIN ${hashed(joined(await rowsIn(parts)))} AS n USING (seq, seq_index)`,
  );
  if (Number(found?.["rows in both"]) !== file.rows) {
    throw new Error(`${String(found?.["rows in both"])} of ${file.rows} rows of ${file.path} came back`);
  }
  return {
    counts: new Map(names.map((name) => [name, Number(found?.[name] ?? 0)])),
    cost: { beforeUsd: Number(found?.["before_usd"] ?? 0), afterUsd: Number(found?.["after_usd"] ?? 0) },
  };
}

/**
 * Writes every row of the inputs anew below `folder`, with the sealer's engine. Nothing of the mirror is touched: what
 * comes back takes the place of the inputs in the rest of the job. `reading` is the connection that they are read by.
 */
export async function rewriteRows(
  reading: DuckDBConnection,
  inputs: readonly FileEntry[],
  options: {
    readonly folder: string;
    readonly pricesDir: string;
    readonly rewrite: SpanRewrite;
    /** What the rest of the job does to a relation of rewritten rows, so that the changes are those of the whole job. */
    readonly joined: (relation: string) => string;
  },
): Promise<RewrittenFiles> {
  const { folder, joined, pricesDir, rewrite } = options;
  const instance = await openEngine(join(folder, "spill"));
  const writing = await instance.connect();
  const batch = new ColumnBatch(TABLE_COLUMNS.spans);
  const filler = (await pointerFillerWorks(writing)).works ? new PointerFiller() : new SafeFiller();
  const writer = new TableWriter(writing, "spans", batch, filler);
  const rowWriter = rowWriterOf(rewrite, { batch, pricesDir });
  const files: FileEntry[] = [];
  const changes = new Map<string, number>();
  let cost: CostChange = { beforeUsd: 0, afterUsd: 0 };
  for (const input of inputs) {
    const parts: FileEntry[] = [];
    for await (const rows of rowsOfFile(reading, input)) {
      const path = join(folder, `${files.length + parts.length}.parquet`);
      let at = 0;
      const written = await writer.write(path, () => {
        if (at >= rows.length) return false;
        do rowWriter.write(rows[at++] as MirrorRow);
        while (
          at < rows.length &&
          batch.sourceLength < SEAL_BATCH_BYTES &&
          batch.rows < VECTOR_ROWS &&
          rowWriter.fits(rows[at] as MirrorRow)
        );
        return true;
      });
      if (written === null) continue;
      const made = { formatVersion: FORMAT_VERSION, columnsVersion: COLUMNS_VERSION };
      parts.push({ ...input, path, ...written, ...made, ruleSetVersion: RULE_SET_VERSION });
    }
    const found = await compare(reading, input, parts, joined);
    cost = sumOfCosts(cost, found.cost);
    for (const [name, count] of found.counts) {
      if (count > 0) changes.set(name, (changes.get(name) ?? 0) + count);
    }
    files.push(...parts);
  }
  writing.closeSync();
  instance.closeSync();
  return { files, changes: Object.fromEntries(changes), cost };
}
