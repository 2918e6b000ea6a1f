import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addSpans, tempFolder } from "./data-dir.js";
import { runCli } from "./run-cli.js";

const folder = tempFolder();
const dataDir = join(folder, "data");
const EVIL = "\u001b[2Jevil\u009b31m";
const sql = (...args: string[]): ReturnType<typeof runCli> => runCli(["sql", "--data-dir", dataDir, ...args]);

beforeAll(async () => {
  await addSpans(dataDir, 1, [
    {
      trace_id: "a".repeat(32),
      span_id: "1".repeat(16),
      name: "chat",
      input_tokens: "9007199254740993",
      duration_ns: 5,
    },
    {
      trace_id: "b".repeat(32),
      span_id: "2".repeat(16),
      name: EVIL,
      start_time: "2026-11-23 10:00:00.123456789",
    },
    { trace_id: "c".repeat(32), span_id: "3".repeat(16), name: '=cmd("x")', service_name: 'a,"b"' },
  ]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("counterfoil sql", { timeout: 90_000 }, () => {
  it("prints a table by default, complete when it is no terminal, with escape sequences made inert", async () => {
    const { code, stdout, stderr } = await sql("SELECT name, input_tokens FROM spans ORDER BY trace_id");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n").map((line) => line.trimEnd())).toEqual([
      "name                     input_tokens",
      "───────────────────  ────────────────",
      "chat                 9007199254740993",
      "␛[2Jevil{U+009B}31m              NULL",
      '=cmd("x")                        NULL',
      "",
    ]);
  });

  it("prints json, jsonl and csv with exact 64-bit integers and nanoseconds", async () => {
    const query = "SELECT name, input_tokens, start_time FROM spans ORDER BY trace_id";
    const [json, jsonl, csv] = await Promise.all(
      ["json", "jsonl", "csv"].map((format) => sql("--format", format, query)),
    );
    expect(json?.stdout).toContain("9007199254740993");
    expect(JSON.parse(json?.stdout ?? "")).toHaveLength(3);
    const lines = (jsonl?.stdout ?? "")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { name: string; start_time: string | null });
    expect(lines.map(({ name }) => name)).toEqual(["chat", EVIL, '=cmd("x")']);
    expect(lines[1]?.start_time).toBe("2026-11-23T10:00:00.123456789Z");
    expect(csv?.stdout.split("\n")[0]).toBe("name,input_tokens,start_time");
    expect(csv?.stdout).toContain("chat,9007199254740993,");
  });

  it("writes Parquet to a file that can be read back, and to a pipe", async () => {
    const out = join(folder, "out.parquet");
    const { code, stdout, stderr } = await sql("--format", "parquet", "--out", out, "SELECT * FROM spans");
    expect([code, stdout, stderr]).toEqual([0, "", `Wrote 3 rows to ${out}.\n`]);
    expect(readFileSync(out).subarray(0, 4).toString()).toBe("PAR1");
    expect((await sql("--format", "parquet", "SELECT 1 AS one")).stdout.slice(0, 4)).toBe("PAR1");
  });

  it("makes cells formula-safe on request, and refuses the option elsewhere", async () => {
    const query = "SELECT name, service_name FROM spans WHERE trace_id LIKE 'c%'";
    expect((await sql("--format", "csv", "--csv-safe", query)).stdout).toBe(
      'name,service_name\r\n"\'=cmd(""x"")","a,""b"""\r\n',
    );
    expect((await sql("--csv-safe", query)).code).toBe(2);
  });

  it("reads the query from standard input when it is -", async () => {
    const run = (input: string): ReturnType<typeof runCli> =>
      runCli(["sql", "--data-dir", dataDir, "--format", "csv", "-"], { input });
    expect((await run("SELECT count(*) AS n FROM spans")).stdout).toBe("n\n3\n");
    expect((await run(" \n")).code).toBe(2);
  });

  it("points at the mistake in a wrong query, and exits with 7", async () => {
    const { code, stderr } = await sql("SELECT nam FROM spans");
    expect(code).toBe(7);
    const lines = stderr.split("\n");
    const at = lines.findIndex((line) => line.startsWith("LINE 1: SELECT nam"));
    expect(stderr).toContain('Candidate bindings: "name"');
    expect(lines[at + 1]?.indexOf("^")).toBe(lines[at]?.indexOf("nam"));
  });

  it.each([
    "DROP VIEW spans",
    "SELECT 1; SELECT 2",
    "SELECT * FROM read_csv('/etc/passwd')",
    "COPY spans TO '/tmp/x'",
  ])("refuses %s with 7 (I8)", async (query) => {
    const { code, stdout, stderr } = await sql(query);
    expect([code, stdout]).toEqual([7, ""]);
    expect(stderr).toMatch(/^error: /);
  });

  it("stops at its row and time limits and says so", async () => {
    const cut = await sql("--max-rows", "2", "SELECT name FROM spans");
    expect([cut.code, cut.stdout.trim().split("\n").length]).toEqual([0, 4]);
    expect(cut.stderr).toContain("Only the first 2 rows");
    const slow = await sql("--timeout", "300ms", "SELECT count(*) FROM range(1000000000000)");
    expect(slow.code).toBe(7);
    expect(slow.stderr).toMatch(/stopped after [\d.]+ ms/);
  });

  it("says what is wrong with options and folders before it does anything", async () => {
    const wrong = await Promise.all([
      sql(),
      sql("--format", "xml", "SELECT 1"),
      sql("--max-rows", "0", "SELECT 1"),
      sql("--timeout", "soon", "SELECT 1"),
      sql("--fromat", "csv", "SELECT 1"),
      runCli(["sql", "--data-dir", join(folder, "nowhere"), "SELECT 1"]),
    ]);
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 2, 2, 5]);
    expect(wrong[4]?.stderr).toContain("--format");
    expect(wrong[5]?.stderr).toContain("nowhere");
    mkdirSync(join(folder, "empty"));
    expect((await runCli(["sql", "--data-dir", join(folder, "empty"), "SELECT 1"])).code).toBe(5);
  });

  it("finds the data directory in COUNTERFOIL_DATA_DIR, and in ./counterfoil-data", async () => {
    const byEnv = await runCli(["sql", "--format", "csv", "SELECT count(*) AS n FROM spans"], {
      env: { COUNTERFOIL_DATA_DIR: dataDir },
    });
    expect(byEnv.stdout).toBe("n\n3\n");
    const byDefault = await runCli(["sql", "SELECT 1"], { cwd: folder });
    expect([byDefault.code, byDefault.stderr.includes("./counterfoil-data")]).toEqual([5, true]);
  });
});
