import type { DuckDBValue } from "@duckdb/node-api";
import { type Column, CounterfoilError } from "../schema/index.js";
import { duckdb } from "./duckdb.js";

/** Places of columns, once for all rows that are read with the same list. */
const places = new WeakMap<readonly string[], ReadonlyMap<string, number>>();

function placesOf(columns: readonly string[]): ReadonlyMap<string, number> {
  let known = places.get(columns);
  if (known === undefined) {
    known = new Map(columns.map((name, index) => [name, index]));
    places.set(columns, known);
  }
  return known;
}

/**
 * One row of a mirror table as DuckDB read it, with typed access by column name. A column that is missing (a file of an
 * older writer) reads as null.
 */
export class MirrorRow {
  readonly #places: ReadonlyMap<string, number>;
  readonly #values: readonly DuckDBValue[];

  constructor(columns: readonly string[], values: readonly DuckDBValue[]) {
    this.#places = placesOf(columns);
    this.#values = values;
  }

  #value(name: string): DuckDBValue {
    return this.#values[this.#places.get(name) ?? -1] ?? null;
  }

  /** A VARCHAR. */
  text(name: string): string | null {
    const value = this.#value(name);
    if (value === null || typeof value === "string") return value;
    throw wrongType(name, "text");
  }

  /** A BIGINT or INTEGER. */
  integer(name: string): bigint | null {
    const value = this.#value(name);
    if (value === null || typeof value === "bigint") return value;
    if (typeof value === "number") return BigInt(value);
    throw wrongType(name, "an integer");
  }

  /** A count or another small integer, 0 when null. */
  number(name: string): number {
    return Number(this.integer(name) ?? 0n);
  }

  double(name: string): number | null {
    const value = this.#value(name);
    if (value === null || typeof value === "number") return value;
    throw wrongType(name, "a double");
  }

  boolean(name: string): boolean | null {
    const value = this.#value(name);
    if (value === null || typeof value === "boolean") return value;
    throw wrongType(name, "a boolean");
  }

  /** A TIMESTAMP_NS in nanoseconds, 0 when null: what OTLP means by an absent time. */
  time(name: string): bigint {
    const value = this.#value(name);
    if (value === null) return 0n;
    if (value instanceof duckdb().DuckDBTimestampNanosecondsValue) return value.nanos;
    throw wrongType(name, "a time");
  }

  blob(name: string): Uint8Array | null {
    const value = this.#value(name);
    if (value === null) return null;
    if (value instanceof duckdb().DuckDBBlobValue) return value.bytes;
    throw wrongType(name, "bytes");
  }

  /** A MAP(VARCHAR, VARCHAR), in order. */
  map(name: string): { readonly key: string; readonly value: string | null }[] {
    const value = this.#value(name);
    if (value === null) return [];
    if (!(value instanceof duckdb().DuckDBMapValue)) throw wrongType(name, "a map");
    return value.entries.map((entry) => ({
      key: String(entry.key),
      value: entry.value === null ? null : String(entry.value),
    }));
  }
}

/** Names of columns, in table order. */
export function columnNames(columns: readonly Column[]): string[] {
  return columns.map((column) => column.name);
}

function wrongType(name: string, expected: string): CounterfoilError {
  return new CounterfoilError(
    "CF_CATALOG_CORRUPT",
    `column ${name} of a mirror row is not ${expected}; read it with all columns as they are in the files`,
  );
}
