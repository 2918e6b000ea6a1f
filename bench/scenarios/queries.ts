import { openDataset } from "../dataset/dataset.js";
import { openNativeTable } from "../dataset/native-table.js";
import { runQueries, type BenchQuery, type QueryAnswer } from "../dataset/query-order.js";
import { PROJECTS } from "../load/workload.js";
import { median, percentilesOf } from "../measure/percentiles.js";
import { queryRows, runQuery, type SqlValue } from "../../store/index.js";
import type { BenchContext, Row, Scenario } from "../scenario.js";

const THREADS = 2;
const MEMORY_MB = 1_024;
const RUNS = 21;
const PRODUCT_RUNS = 5;

interface Question {
  readonly id: string;
  readonly what: string;
  readonly mostMs: number;
  /** One statement, or one for each of some trace ids. */
  readonly sql: (facts: DatasetFacts) => readonly string[];
  readonly dataset: "meta" | "content";
}

interface DatasetFacts {
  readonly traceIds: readonly string[];
  /** The last whole day, as SQL date text. */
  readonly day: string;
  /** A day before the newest span, as SQL timestamp text. */
  readonly yesterday: string;
}

const ROOTS =
  "SELECT trace_id, name, start_time, duration_ns, status_code FROM spans WHERE parent_span_id IS NULL";

const QUESTIONS: readonly Question[] = [
  {
    id: "trace",
    what: "trace by id, all columns",
    mostMs: 30,
    dataset: "meta",
    sql: ({ traceIds }) => traceIds.map((id) => `SELECT * FROM spans WHERE trace_id = '${id}'`),
  },
  {
    id: "roots",
    what: "latest 50 roots of a project",
    mostMs: 15,
    dataset: "meta",
    sql: () => PROJECTS.map((name) => `${ROOTS} AND project = '${name}' ORDER BY start_time DESC LIMIT 50`),
  },
  {
    id: "roots_day",
    what: "latest 50 roots of a project, last 24 hours",
    mostMs: 15,
    dataset: "meta",
    sql: ({ yesterday }) =>
      PROJECTS.map(
        (name) =>
          `${ROOTS} AND project = '${name}' AND start_time >= '${yesterday}' ORDER BY start_time DESC LIMIT 50`,
      ),
  },
  {
    id: "p95",
    what: "p95 by model by hour, 1 day",
    mostMs: 25,
    dataset: "meta",
    sql: ({ day }) => [
      `SELECT request_model, date_trunc('hour', start_time) AS hour, quantile_cont(duration_ns, 0.95) AS p95 FROM spans
       WHERE start_time >= '${day}' AND start_time < CAST('${day}' AS TIMESTAMP_NS) + INTERVAL 1 DAY AND operation = 'chat' GROUP BY ALL`,
    ],
  },
  {
    id: "cost",
    what: "cost by user by day, 30 days",
    mostMs: 400,
    dataset: "meta",
    sql: () => [
      "SELECT user_id, CAST(start_time AS DATE) AS day, sum(cost_usd) AS cost FROM spans GROUP BY ALL",
    ],
  },
  {
    id: "substring",
    what: "substring over the prompts of 1 million content spans",
    mostMs: 500,
    dataset: "content",
    sql: () => ["SELECT count(*) AS hits FROM spans WHERE input_messages LIKE '%refundable deposit%'"],
  },
  {
    id: "substring_output",
    what: "substring over the answers of 1 million content spans",
    mostMs: 500,
    dataset: "content",
    sql: () => ["SELECT count(*) AS hits FROM spans WHERE output_messages LIKE '%refundable deposit%'"],
  },
];

async function factsOf(dataDir: string): Promise<DatasetFacts> {
  const [times] = await queryRows({
    dataDir,
    sql: `SELECT CAST(CAST(max(start_time) AS DATE) - 1 AS VARCHAR) AS day,
          CAST(CAST(max(start_time) AS TIMESTAMP) - INTERVAL 1 DAY AS VARCHAR) AS yesterday FROM spans`,
  });
  const some = await queryRows({ dataDir, sql: "SELECT trace_id FROM spans USING SAMPLE 20 ROWS" });
  return {
    traceIds: some.map((row) => textOf(row["trace_id"])),
    day: textOf(times?.["day"]),
    yesterday: textOf(times?.["yesterday"]),
  };
}

function textOf(value: SqlValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** The same questions through the product's own entrance: a child process for each. */
async function throughProduct(
  dataDir: string,
  queries: readonly BenchQuery[],
  runs: number,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const { id, statements } of queries) {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      const started = performance.now();
      await runQuery({
        dataDir,
        sql: statements[run % statements.length] ?? "",
        format: "json",
        threads: THREADS,
      });
      times.push(performance.now() - started);
    }
    found.set(id, median(times));
  }
  return found;
}

async function measure(context: BenchContext, kind: "meta" | "content", spans: number): Promise<Row[]> {
  const dataDir = await openDataset({ kind, spans, days: 30 }, context.log);
  const facts = await factsOf(dataDir);
  const mine = QUESTIONS.filter(({ dataset }) => dataset === kind);
  const queries = mine.map(({ id, sql }) => ({ id, statements: sql(facts) }));
  const order = {
    dataDir,
    queries,
    threads: THREADS,
    memoryMb: MEMORY_MB,
    warmups: 2,
    runs: context.quick ? 3 : RUNS,
  };
  context.log(`queries: ${kind}`);
  const mirror = await runQueries(order);
  const native = await runQueries({ ...order, nativeFile: await openNativeTable(dataDir) });
  const product = await throughProduct(
    dataDir,
    [...queries, { id: "start", statements: ["SELECT 1 AS one"] }],
    context.quick ? 2 : PRODUCT_RUNS,
  );
  const rows = mine.map((question): Row => {
    const of = (answers: readonly QueryAnswer[]): QueryAnswer | undefined =>
      answers.find(({ id }) => id === question.id);
    const { p50, p99 } = percentilesOf(of(mirror)?.times ?? []);
    return {
      id: `queries.${question.id}`,
      measure: `${question.what}, warm p50`,
      value: p50,
      unit: "ms",
      target: { at: "most", value: question.mostMs },
      floors: [{ name: "the same rows in a native DuckDB table", value: median(of(native)?.times ?? []) }],
      note: `slowest of ${of(mirror)?.times.length ?? 0}: ${p99.toFixed(0)} ms; ${of(mirror)?.rows ?? 0} rows; as a whole query in a process of its own ${(product.get(question.id) ?? 0).toFixed(0)} ms`,
    };
  });
  if (kind === "meta") {
    rows.push({
      id: "queries.start",
      measure: "a query's process, from nothing to the answer of SELECT 1",
      value: product.get("start") ?? 0,
      unit: "ms",
      note: "what counterfoil sql adds to the figures above, which are those of an open engine",
    });
  }
  return rows;
}

/** Reading a large mirror. */
export const queries: Scenario = {
  name: "queries",
  about:
    "10 million spans of 30 days, and 1 million content spans, sealed and compacted by the product once and kept: warm p50 in the product's query engine with 2 threads.",
  async run(context) {
    const [meta, content] = context.quick ? [200_000, 20_000] : [10_000_000, 1_000_000];
    return {
      rows: [...(await measure(context, "meta", meta)), ...(await measure(context, "content", content))],
    };
  },
};
