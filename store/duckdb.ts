import { createRequire } from "node:module";

/** All of `@duckdb/node-api`. */
type DuckDBApi = typeof import("@duckdb/node-api");
/** The calls of DuckDB's C interface. */
type DuckDBBindings = typeof import("@duckdb/node-bindings");

const require = createRequire(import.meta.url);
let loaded: DuckDBApi | undefined;

/**
 * DuckDB, loaded at its first use: most processes never open an engine, since queries, sealing and compaction run in
 * children. It is required, not imported: to import its 124 CommonJS files, Node first looks for their exports file by
 * file, which took longer than to run them (120 of 300 ms of CPU in every process; measured with Node 20.20).
 */
export function duckdb(): DuckDBApi {
  return (loaded ??= require("@duckdb/node-api") as DuckDBApi);
}

let bound: DuckDBBindings | undefined;

/** DuckDB's C interface, loaded at its first use like {@link duckdb}. */
export function bindings(): DuckDBBindings {
  return (bound ??= require("@duckdb/node-bindings") as DuckDBBindings);
}
