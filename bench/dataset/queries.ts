import { join } from "node:path";
import { readFileSync } from "node:fs";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { dataDirPaths, queryRows, readCatalog } from "../../store/index.js";

/** One query of an analyst, and its goal at 10 million spans on 2 threads, warm, milliseconds. */
interface Measured {
  readonly name: string;
  readonly sql: string;
  readonly goalMs?: number;
}

const text = (value: unknown): string => `'${String(value)}'`;

async function cell(connection: DuckDBConnection, sql: string): Promise<unknown> {
  return (await connection.runAndReadAll(sql)).getRows()[0]?.[0];
}

async function queriesOf(connection: DuckDBConnection): Promise<Measured[]> {
  const last = "(SELECT max(start_time) FROM traces)";
  const middle = `CAST(CAST(CAST(${last} AS DATE) - 15 AS TIMESTAMP) AS TIMESTAMP_NS)`;
  const lean = await cell(
    connection,
    `SELECT trace_id FROM traces WHERE input IS NULL AND start_time > ${middle} LIMIT 1`,
  );
  const full = await cell(
    connection,
    `SELECT trace_id FROM traces WHERE input IS NOT NULL AND start_time > ${middle} LIMIT 1`,
  );
  const day = text(await cell(connection, `SELECT CAST(${middle} AS VARCHAR)`));
  const oneDay = `start_time >= ${day} AND start_time < CAST(${day} AS TIMESTAMP_NS) + INTERVAL 1 DAY`;
  return [
    {
      name: "trace by id, lean, all columns",
      sql: `SELECT * FROM spans WHERE trace_id = ${text(lean)}`,
      goalMs: 30,
    },
    {
      name: "trace by id, content, all columns",
      sql: `SELECT * FROM spans WHERE trace_id = ${text(full)}`,
      goalMs: 30,
    },
    {
      name: "trace by id, 8 columns",
      sql: `SELECT span_id, parent_span_id, name, run_type, start_time, duration_ns, status_code, total FROM (SELECT *, input_tokens AS total FROM spans) WHERE trace_id = ${text(full)}`,
    },
    {
      name: "latest 50 roots of a project",
      sql: "SELECT trace_id, name, project, start_time, duration_ns, status_code, total_tokens, cost_usd FROM traces WHERE project = 'billing' ORDER BY start_time DESC LIMIT 50",
      goalMs: 15,
    },
    {
      name: "latest 50 roots with input and output",
      sql: "SELECT trace_id, name, start_time, input, output FROM traces WHERE project = 'billing' ORDER BY start_time DESC LIMIT 50",
    },
    {
      name: "p95 by model by hour, 1 day",
      sql: `SELECT request_model, date_trunc('hour', start_time) AS hour, quantile_cont(duration_ns, 0.95) AS p95 FROM spans WHERE run_type = 'llm' AND ${oneDay} GROUP BY ALL`,
      goalMs: 25,
    },
    {
      name: "cost by user by day, 30 days",
      sql: "SELECT user_id, CAST(start_time AS DATE) AS day, sum(cost_usd) AS cost FROM spans GROUP BY ALL",
      goalMs: 400,
    },
    {
      name: "traces by project by day, 30 days",
      sql: "SELECT project, CAST(start_time AS DATE) AS day, count(*), sum(cost_usd), sum(error_count) FROM traces GROUP BY ALL",
    },
    {
      name: "substring, output_messages",
      sql: "SELECT count(*) FROM spans WHERE output_messages LIKE '%zzqx%'",
      goalMs: 500,
    },
    {
      name: "substring, input_messages",
      sql: "SELECT count(*) FROM spans WHERE input_messages LIKE '%zzqx%'",
      goalMs: 500,
    },
    { name: "latest 20 spans, all columns", sql: "SELECT * FROM spans ORDER BY start_time DESC LIMIT 20" },
  ];
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Prints the median time of each query: in a DuckDB with `open.sql`, and as a whole through the product's child process. */
export async function measureQueries(
  dataDir: string,
  options: { readonly runs: number; readonly threads: number },
): Promise<void> {
  const { mirror } = dataDirPaths(dataDir);
  const { files } = readCatalog(mirror);
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  console.log(`${rows} spans in ${files.length} files, ${(bytes / rows).toFixed(1)} bytes a span`);
  const instance = await DuckDBInstance.create(":memory:", {
    threads: String(options.threads),
    memory_limit: "1GiB",
    temp_directory: join(dataDirPaths(dataDir).temp, "measure"),
  });
  const connection = await instance.connect();
  process.chdir(mirror);
  await connection.run(readFileSync("open.sql", "utf8"));
  for (const { name, sql, goalMs } of await queriesOf(connection)) {
    const plain: number[] = [];
    for (let run = 0; run < options.runs; run += 1) {
      const started = performance.now();
      await connection.runAndReadAll(sql);
      plain.push(performance.now() - started);
    }
    const child: number[] = [];
    for (let run = 0; run < 3; run += 1) {
      const started = performance.now();
      await queryRows({ dataDir, sql, threads: options.threads, rowsMax: 1_000_000 });
      child.push(performance.now() - started);
    }
    const goal = goalMs === undefined ? "" : `goal ${goalMs}`;
    console.log(
      `${name.padEnd(40)} ${median(plain).toFixed(1).padStart(8)} ms ${goal.padEnd(9)} one process a query: ${median(child).toFixed(0).padStart(6)} ms`,
    );
  }
  connection.closeSync();
  instance.closeSync();
}
