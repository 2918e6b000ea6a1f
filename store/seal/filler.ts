import type { DuckDBDataChunk } from "@duckdb/node-api";
import type { ColumnBatch } from "./column-batch.js";

/** Moves rows of a {@link ColumnBatch} into DuckDB's vectors. Two implementations: pointers (fast) and safe. */
export interface Filler {
  readonly name: "pointer" | "safe";
  /** Takes up a batch; call before the first {@link fill} of it, and not before DuckDB took all rows of the one before. */
  load(batch: ColumnBatch): void;
  /** Writes rows `from` up to `to` (at most VECTOR_ROWS) into the chunk and sets its size. */
  fill(chunk: DuckDBDataChunk, from: number, to: number): void;
}

/** Bits of a validity mask for `count` rows, one 32-bit word per 32 rows, least significant first. */
export class ValidityMask {
  readonly words: Uint32Array<ArrayBuffer>;

  constructor(rows: number) {
    this.words = new Uint32Array(Math.ceil(rows / 64) * 2);
  }

  /** All rows valid. */
  set(): void {
    this.words.fill(0xffff_ffff);
  }

  /** Marks a row null. */
  clear(row: number): void {
    const word = row >> 5;
    this.words[word] = (this.words[word] as number) & ~(1 << (row & 31));
  }
}
