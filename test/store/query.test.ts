import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { beforeAll, describe, expect, test } from "vitest";
import {
  dataDirPaths,
  openCatalog,
  queryRows,
  readCatalog,
  runQuery,
  type QueryOptions,
} from "../../store/index.js";
import { openEngine } from "../../store/query/query-engine.js";
import { gateStatement } from "../../store/query/statement-gate.js";
import { duck, temporaryFolder, writeRows, type Row } from "./mirror-files.js";

const EXACT = 9007199254740993n;
let dataDir = "";
let mirror = "";
let sandbox: ReturnType<typeof openEngine>;

const rows: Row[] = [1, 2, 3].map((at) => ({
  trace_id: "a".repeat(32),
  span_id: `${at}`.repeat(16),
  name: `span ${at}`,
  start_time: "2026-11-23 10:00:00.123456789",
  input_tokens: EXACT + BigInt(at),
  cost_usd: 0.5,
  attributes: "{}",
  seq: 1,
  seq_index: at,
  raw: "\\x00\\xFF",
}));

beforeAll(async () => {
  dataDir = temporaryFolder();
  mirror = dataDirPaths(dataDir).mirror;
  mkdirSync(dataDirPaths(dataDir).temp);
  const catalog = await openCatalog({ mirrorDir: mirror });
  const entry = await writeRows(mirror, "spans/date=2026-11-23/0-1-1.parquet", rows);
  await catalog.commit({ add: [entry], remove: [], sealedSeq: 1 });
  await catalog.close();
  writeFileSync(join(mirror, "secret.txt"), "secret");
  symlinkSync("/etc/passwd", join(mirror, "link.parquet"));
  process.chdir(mirror);
  sandbox = openEngine({ workDir: temporaryFolder(), memoryMb: 256, threads: 1 }, readCatalog(mirror));
});

async function text(
  sql: string,
  format: QueryOptions["format"],
  more: Partial<QueryOptions> = {},
): Promise<string> {
  const { data } = await runQuery({ dataDir, sql, format, ...more });
  return (data ?? Buffer.alloc(0)).toString("utf8");
}

describe("results", () => {
  test("a view is found when the text of the query does not have its name", async () => {
    expect(await text("SELECT count(*) AS n FROM query('FROM spa' || 'ns')", "jsonl")).toBe('{"n":3}\n');
  });

  test("table: every value as text, with column names and types", async () => {
    const result = await runQuery({
      dataDir,
      format: "table",
      sql: "SELECT span_id, input_tokens, start_time, parent_span_id FROM spans ORDER BY span_id LIMIT 1; -- comment",
    });
    expect(result).toEqual({
      columns: [
        { name: "span_id", type: "VARCHAR" },
        { name: "input_tokens", type: "BIGINT" },
        { name: "start_time", type: "TIMESTAMP_NS" },
        { name: "parent_span_id", type: "VARCHAR" },
      ],
      rowCount: 1,
      truncated: false,
      warnings: [],
      rows: [["1".repeat(16), "9007199254740994", "2026-11-23 10:00:00.123456789", null]],
    });
  });

  test("json and jsonl: exact integers, ISO times with nanoseconds, base64 blobs, valid JSON for NaN", async () => {
    const sql =
      "SELECT input_tokens AS i, start_time AS t, raw, 'nan'::DOUBLE AS n, 0.1::DOUBLE AS d, MAP {'a': 1} AS m, now() AS z FROM spans ORDER BY span_id LIMIT 2";
    const lines = (await text(sql, "jsonl")).trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^\{"i":9007199254740994,"t":"2026-11-23T10:00:00.123456789Z","raw":"AP8=","n":"nan","d":0.1,"m":\{"a":1\},"z":"\d{4}-\d\d-\d\dT[\d:.]+Z"\}$/,
    );
    const parsed = JSON.parse(await text(sql, "json")) as unknown[];
    expect(parsed).toHaveLength(2);
    expect(await text("SELECT 1 AS a WHERE false", "json")).toMatch(/^\s*\[\s*\]\s*$/);
  });

  test("csv has a header and ISO times", async () => {
    expect(await text("SELECT span_id, start_time AS t FROM spans ORDER BY 1 LIMIT 1", "csv")).toBe(
      `span_id,t\n${"1".repeat(16)},2026-11-23T10:00:00.123456789Z\n`,
    );
  });

  test("parquet goes to a file, readable by its owner only; the working folder goes away", async () => {
    const output = join(temporaryFolder(), "it's.parquet");
    const result = await runQuery({ dataDir, format: "parquet", sql: "FROM spans -- comment", output });
    expect(result.rowCount).toBe(3);
    expect(statSync(output).mode & 0o777).toBe(0o600);
    const path = output.replaceAll("'", "''");
    const read = await (await duck()).runAndReadAll(`SELECT sum(input_tokens)::VARCHAR AS s FROM '${path}'`);
    expect(read.getRows()).toEqual([[String(EXACT * 3n + 6n)]]);
    expect(readdirSync(dataDirPaths(dataDir).temp)).toEqual([]);
  });

  test("a stream gets the result and stays open", async () => {
    const chunks: Buffer[] = [];
    const output = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
    await runQuery({ dataDir, format: "csv", sql: "SELECT 1 AS a", output });
    expect(Buffer.concat(chunks).toString()).toBe("a\n1\n");
    expect(output.writableEnded).toBe(false);
  });

  test("I9: rows beyond rowsMax are cut off and reported", async () => {
    const result = await runQuery({ dataDir, format: "table", sql: "FROM range(10)", rowsMax: 4 });
    expect(result).toMatchObject({ rowCount: 4, truncated: true });
    expect(result.rows).toHaveLength(4);
    expect(await runQuery({ dataDir, format: "table", sql: "FROM range(4)", rowsMax: 4 })).toMatchObject({
      truncated: false,
    });
  });

  test.each([
    ["DESCRIBE spans", "column_name"],
    ["SUMMARIZE spans", "column_name"],
    ["SHOW TABLES;", "name"],
    ["EXPLAIN SELECT * FROM spans", "explain_key"],
    ["EXPLAIN ANALYZE SELECT 1", "explain_key"],
    ["EXPLAIN (FORMAT json) SELECT 1", "explain_key"],
  ])("%s works", async (sql, column) => {
    const result = await runQuery({ dataDir, format: "table", sql });
    expect(result.rowCount).toBeGreaterThan(0);
    expect(result.columns[0]?.name).toBe(column);
  });

  test("a file that is missing or cut is left out with a warning, the others answer", async () => {
    const other = temporaryFolder();
    const folder = dataDirPaths(other).mirror;
    const catalog = await openCatalog({ mirrorDir: folder });
    const good = await writeRows(folder, "spans/date=2026-11-23/0-1-1.parquet", rows);
    const cut = await writeRows(folder, "spans/date=2026-11-23/0-2-2.parquet", rows);
    writeFileSync(join(folder, cut.path), "PAR1");
    await catalog.commit({ add: [good, cut], remove: [] });
    await catalog.close();
    const result = await runQuery({ dataDir: other, format: "table", sql: "SELECT count(*) FROM spans" });
    expect(result.rows).toEqual([["3"]]);
    expect(result.warnings).toEqual([expect.stringContaining("0-2-2.parquet is damaged (4 bytes")]);
  });

  test("queryRows binds parameters and keeps big integers exact", async () => {
    const found = await queryRows({
      dataDir,
      sql: "SELECT name, input_tokens, seq, start_time FROM spans WHERE span_id = $1 AND input_tokens = $2",
      params: ["2".repeat(16), EXACT + 2n],
    });
    expect(found).toEqual([
      { name: "span 2", input_tokens: EXACT + 2n, seq: 1, start_time: "2026-11-23T10:00:00.123456789Z" },
    ]);
    expect(
      await queryRows({ dataDir, sql: "SELECT 1 AS a WHERE $1 = 'x'", params: ["'; DROP VIEW spans; --"] }),
    ).toEqual([]);
  });
});

describe("I8: a query can't change, leave or stop anything (catalogue item 82)", () => {
  test.each([
    ["COPY spans TO '/tmp/counterfoil-out.csv'"],
    ["copy (select 1) to '/tmp/counterfoil-out.csv'"],
    ["ATTACH '/tmp/x.db'"],
    ["INSTALL httpfs"],
    ["LOAD httpfs"],
    ["SET memory_limit = '10GB'"],
    ["RESET memory_limit"],
    ["PRAGMA version"],
    ["PRAGMA enable_profiling"],
    ["CALL pragma_version()"],
    ["CREATE TABLE t (a INT)"],
    ["CREATE VIEW v AS SELECT 1"],
    ["DROP VIEW spans"],
    ["INSERT INTO spans SELECT * FROM spans"],
    ["DELETE FROM spans"],
    ["UPDATE spans SET name = 'x'"],
    ["EXPORT DATABASE '/tmp/counterfoil-export'"],
    ["PREPARE p AS SELECT 1"],
    ["EXECUTE p"],
    ["CHECKPOINT"],
    ["USE memory"],
    ["BEGIN"],
    ["SELECT 1; SELECT 2"],
    ["SELECT 1; COPY (SELECT 1) TO '/tmp/counterfoil-out.csv'"],
    ["/* SELECT 1 */ -- SELECT 2\nDROP VIEW spans"],
    ["EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/counterfoil-out.csv'"],
    ["EXPLAIN (ANALYZE) COPY (SELECT 1) TO '/tmp/counterfoil-out.csv'"],
    ["explain/**/analyze/**/copy (SELECT 1) TO '/tmp/counterfoil-out.csv'"],
    [""],
    ["-- nothing"],
    ["SELECT $1"],
    ["(((COPY (SELECT 1) TO '/tmp/counterfoil-out.csv')))"],
    ["/* /* nested */ SELECT */ DROP VIEW spans"],
    ["EXPLAIN EXPLAIN ANALYZE COPY (SELECT 1) TO '/tmp/counterfoil-out.csv'"],
    ["EXPLAIN (ANALYZE, FORMAT json) COPY (SELECT 1) TO '/tmp/counterfoil-out.csv'"],
    ["PIVOT range(3) ON range"],
    ["SELECT 1\0"],
  ])("the gate refuses %j", async (sql) => {
    await expect(gateStatement(await duck(), sql)).rejects.toMatchObject({ code: "CF_QUERY_REFUSED" });
  });

  test("the gate lets reading statements pass", async () => {
    for (const sql of [
      "SELECT 1;",
      "/* a */ (SELECT 1)",
      "FROM range(3)",
      "VALUES (1)",
      "WITH a AS (SELECT 1) FROM a",
    ]) {
      expect(await gateStatement(await duck(), sql)).toBe("select");
    }
  });

  test.each([
    ["SELECT 1) TO '/tmp/counterfoil-out.csv' --"],
    ["SELECT * FROM read_text('/etc/passwd')"],
    ["SELECT * FROM read_csv('/etc/passwd')"],
    ["SELECT * FROM sniff_csv('/etc/passwd')"],
    ["FROM '/etc/passwd'"],
    ["SELECT * FROM glob('/etc/*')"],
    ["SELECT * FROM read_text('secret.txt')"],
    ["SELECT * FROM read_text('spans/../secret.txt')"],
    ["SELECT * FROM read_text('../../../../../../../etc/passwd')"],
    ["SELECT * FROM read_text('link.parquet')"],
    ["SELECT * FROM read_parquet('spans/*/*.parquet')"],
    ["SELECT * FROM 'http://127.0.0.1:9/x.parquet'"],
    ["SELECT * FROM read_json('s3://bucket/x.json')"],
    ["SELECT * FROM query('COPY (SELECT 1) TO ''/tmp/counterfoil-out.csv''')"],
    ["SELECT getenv('PATH')"],
    ["SET enable_external_access = true"],
    ["SET allowed_directories = ['/']"],
    ["RESET lock_configuration"],
    ["ATTACH 'other.db'"],
    ["COPY (SELECT 1) TO 'spans/date=2026-11-23/0-1-1.parquet'"],
    ["EXPORT DATABASE 'out'"],
  ])("the engine can't do %s", async (sql) => {
    await expect((await sandbox).run(sql)).rejects.toThrow(
      /disabled by configuration|does not exist|Expected a single SELECT|syntax error|No files found|Missing Extension|has been locked/i,
    );
    expect(existsSync("/tmp/counterfoil-out.csv")).toBe(false);
  });

  test("the same holds for what a user asks", async () => {
    const sql = "SELECT * FROM read_text('/etc/passwd')";
    await expect(runQuery({ dataDir, format: "table", sql })).rejects.toMatchObject({
      code: "CF_QUERY_REFUSED",
    });
  });

  test("nothing is asked of the network", async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.end("a\n1\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await expect(
      runQuery({ dataDir, format: "table", sql: `SELECT * FROM read_csv('http://127.0.0.1:${port}/x.csv')` }),
    ).rejects.toMatchObject({ name: "CounterfoilError" });
    server.close();
    expect(asked).toBe(0);
  });

  test("a value that does not fit into memory ends the child, not the server", async () => {
    const sql = "SELECT length(repeat('x', 2000000000) || repeat('y', 2000000000)) AS n";
    await expect(runQuery({ dataDir, format: "table", sql, memoryMb: 128 })).rejects.toMatchObject({
      code: "CF_QUERY_LIMIT",
    });
  });

  test.each([
    [
      "a cross join",
      "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c WHERE a.range * b.range = c.range + 0.5",
    ],
    [
      "an endless recursion",
      "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r",
    ],
  ])("%s is killed at the deadline", async (_title, sql) => {
    const started = performance.now();
    await expect(runQuery({ dataDir, format: "table", sql, timeoutMs: 700 })).rejects.toMatchObject({
      code: "CF_QUERY_LIMIT",
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    expect(readdirSync(dataDirPaths(dataDir).temp)).toEqual([]);
  });

  test("a wrong query gets DuckDB's message with the right line", async () => {
    await expect(
      runQuery({ dataDir, format: "table", sql: "SELECT nope\nFROM spans" }),
    ).rejects.toMatchObject({
      code: "CF_QUERY_FAILED",
      message: expect.stringMatching(/"nope"[^]*LINE 1: SELECT nope/) as string,
    });
  });

  test("no mirror is an error that says so", async () => {
    await expect(
      runQuery({ dataDir: temporaryFolder(), format: "table", sql: "SELECT 1" }),
    ).rejects.toMatchObject({
      code: "CF_NOT_FOUND",
    });
  });

  test("reading leaves the mirror as it was", () => {
    expect(readFileSync(join(mirror, "secret.txt"), "utf8")).toBe("secret");
    expect(readdirSync(mirror).sort()).toEqual([
      "link.parquet",
      "manifest.jsonl",
      "open.sql",
      "secret.txt",
      "spans",
    ]);
  });
});
