// Stands in for the DuckDB command line tool where it is not installed: the same engine, the few options that the pages
// use (`-init FILE`, `-c SQL`, `-json`, `-csv`, `FILE.duckdb`), nothing of Counterfoil.
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const args = process.argv.slice(2);
let database = ":memory:";
const statements = [];
for (let index = 0; index < args.length; index++) {
  const arg = args[index];
  if (arg === "-init") statements.push({ sql: readFileSync(args[++index], "utf8"), print: false });
  else if (arg === "-c" || arg === "-s") statements.push({ sql: args[++index], print: true });
  else if (!arg.startsWith("-")) database = arg;
}
if (statements.every(({ print }) => !print)) statements.push({ sql: readFileSync(0, "utf8"), print: true });
const connection = await (await DuckDBInstance.create(database)).connect();
for (const { sql, print } of statements) {
  const script = sql.replace(/^\.read\s+'?([^'\n;]+)'?;?\s*$/gm, (_all, path) =>
    readFileSync(path.trim(), "utf8"),
  );
  const reader = await connection.runAndReadAll(script);
  if (!print) continue;
  console.log(reader.columnNames().join("|"));
  for (const row of reader.getRowsJson()) {
    console.log(
      row
        .map((value) => (value === null ? "NULL" : typeof value === "object" ? JSON.stringify(value) : value))
        .join("|"),
    );
  }
}
