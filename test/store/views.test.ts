import { join } from "node:path";
import { expect, test } from "vitest";
import { TABLE_COLUMNS, TELEMETRY_TABLES } from "../../schema/index.js";
import { readCatalog, type FileEntry } from "../../store/index.js";
import { readFiles } from "../../store/views/files-relation.js";
import { snapshotSources, viewStatements } from "../../store/views/open-sql.js";
import { duck, temporaryFolder, writeRows, type Row } from "./mirror-files.js";
import type { CatalogSnapshot } from "../../store/index.js";

const T1 = "a".repeat(32);
const T2 = "b".repeat(32);

function span(row: Row): Row {
  return {
    trace_id: T1,
    name: "span",
    kind: "INTERNAL",
    start_time: "2026-11-23 10:00:00.000000001",
    end_time: "2026-11-23 10:00:01.000000002",
    received_at: "2026-11-23 10:00:02",
    source: "otlp",
    seq: 1,
    seq_index: 0,
    attributes: "{}",
    ...row,
  };
}

function snapshotOf(files: readonly FileEntry[]): CatalogSnapshot {
  return {
    version: 1,
    files,
    sealedSeq: 1,
    sealedCounts: { traces: 1, logs: 0, metrics: 0, records: 0 },
    quarantined: [],
  };
}

async function query(mirrorDir: string, files: readonly FileEntry[], sql: string): Promise<unknown[]> {
  const connection = await duck();
  const snapshot = snapshotOf(files.map((file) => ({ ...file, path: join(mirrorDir, file.path) })));
  for (const statement of viewStatements(snapshotSources(snapshot))) await connection.run(statement);
  return (await connection.runAndReadAll(sql)).getRowObjectsJson();
}

test("every view exists and is typed while the mirror is empty", async () => {
  const folder = temporaryFolder();
  for (const table of TELEMETRY_TABLES) {
    const described = await query(folder, [], `SELECT column_name, column_type FROM (DESCRIBE ${table})`);
    expect(described).toEqual(
      TABLE_COLUMNS[table].map(({ name, type }) => ({ column_name: name, column_type: type })),
    );
  }
  for (const view of ["traces", "threads", "llm_calls", "tool_calls", "messages", "costs"]) {
    expect(await query(folder, [], `SELECT * FROM ${view}`)).toEqual([]);
  }
});

test("a superseded row is hidden, by the newest entry when a span came three times", async () => {
  const folder = temporaryFolder();
  const rows = (seq: number, name: string): Row[] => [
    span({ span_id: "1".repeat(16), seq, name }),
    span({ span_id: `${seq}`.repeat(16), seq, seq_index: 1, name: `other ${seq}` }),
  ];
  const files = [
    await writeRows(folder, "spans/date=2026-11-23/0-5-5.parquet", rows(5, "first")),
    await writeRows(folder, "spans/date=2026-11-23/0-6-6.parquet", rows(6, "second")),
    await writeRows(folder, "spans/date=2026-11-23/0-7-7.parquet", rows(7, "third")),
    await writeRows(folder, "superseded/date=2026-11-23/0-6-6.parquet", [
      { trace_id: T1, span_id: "1".repeat(16), seq: 6, seq_index: 0 },
    ]),
    await writeRows(folder, "superseded/date=2026-11-23/0-7-7.parquet", [
      { trace_id: T1, span_id: "1".repeat(16), seq: 7, seq_index: 0 },
    ]),
  ];
  expect(await query(folder, files, "SELECT name FROM spans ORDER BY name")).toEqual(
    ["other 5", "other 6", "other 7", "third"].map((name) => ({ name })),
  );
});

test("I6: run_id is computed from the ids where no row carries one", async () => {
  const folder = temporaryFolder();
  const files = [
    await writeRows(folder, "spans/date=2026-11-23/0-1-1.parquet", [
      span({ trace_id: "0123456789abcdef0123456789abcdef", span_id: "1111111111111111" }),
      span({ span_id: "fedcba9876543210", parent_span_id: "1111111111111111" }),
      span({ span_id: "2222222222222222", run_id: "given" }),
    ]),
  ];
  expect(await query(folder, files, "SELECT run_id FROM spans ORDER BY span_id")).toEqual([
    { run_id: "01234567-89ab-cdef-0123-456789abcdef" },
    { run_id: "given" },
    { run_id: "00000000-0000-0000-fedc-ba9876543210" },
  ]);
});

test("traces: root values, counts, and tokens without a parent's roll-up", async () => {
  const folder = temporaryFolder();
  const root = span({
    span_id: "1".repeat(16),
    name: "agent",
    project: "p",
    service_name: "svc",
    operation: "invoke_agent",
    input_tokens: 30,
    output_tokens: 12,
    usage_scope: "rollup",
    cost_usd: 0.5,
    conversation_id: "c1",
    user_id: "u1",
    input_messages: '"question"',
    output_messages: '"answer"',
    status_code: "OK",
    end_time: "2026-11-23 10:00:05",
  });
  const llm = (id: string, row: Row): Row =>
    span({
      span_id: id.repeat(16),
      parent_span_id: "1".repeat(16),
      run_type: "llm",
      usage_scope: "own",
      ...row,
    });
  const files = [
    await writeRows(folder, "spans/date=2026-11-23/0-1-1.parquet", [
      llm("2", {
        input_tokens: 10,
        output_tokens: 5,
        request_model: "m1",
        response_model: "m1-b",
        cost_usd: 0.25,
      }),
      llm("3", {
        input_tokens: 20,
        output_tokens: 7,
        request_model: "m0",
        cost_usd: 0.25,
        cache_read_tokens: 100,
        input_includes_cache: false,
        status_code: "ERROR",
      }),
      span({
        span_id: "4".repeat(16),
        parent_span_id: "1".repeat(16),
        run_type: "tool",
        tool_name: "search",
      }),
      root,
      span({ trace_id: T2, span_id: "5".repeat(16), parent_span_id: "9".repeat(16), status_code: "ERROR" }),
    ]),
  ];
  const sql = `SELECT trace_id, name, project, service_name, status_code, has_root, span_count, error_count, llm_calls,
    tool_calls, input_tokens, output_tokens, total_tokens, cost_usd, models, conversation_id, user_id, input, output,
    duration_ns FROM traces ORDER BY trace_id`;
  expect(await query(folder, files, sql)).toEqual([
    {
      trace_id: T1,
      name: "agent",
      project: "p",
      service_name: "svc",
      status_code: "OK",
      has_root: true,
      span_count: "4",
      error_count: "1",
      llm_calls: "2",
      tool_calls: "1",
      input_tokens: "30",
      output_tokens: "12",
      total_tokens: "142",
      cost_usd: 0.5,
      models: ["m0", "m1-b"],
      conversation_id: "c1",
      user_id: "u1",
      input: '"question"',
      output: '"answer"',
      duration_ns: "4999999999",
    },
    expect.objectContaining({
      trace_id: T2,
      name: null,
      has_root: false,
      status_code: "ERROR",
      total_tokens: null,
    }),
  ]);
  expect(
    await query(folder, files, "SELECT conversation_id, trace_count, total_tokens, first_input FROM threads"),
  ).toEqual([{ conversation_id: "c1", trace_count: "1", total_tokens: "142", first_input: '"question"' }]);
  expect(
    await query(folder, files, "SELECT model, calls, input_tokens, cost_usd FROM costs ORDER BY model"),
  ).toEqual([
    { model: "m0", calls: "1", input_tokens: "20", cost_usd: 0.25 },
    { model: "m1-b", calls: "1", input_tokens: "10", cost_usd: 0.25 },
  ]);
  expect(await query(folder, files, "SELECT tool_name FROM tool_calls")).toEqual([{ tool_name: "search" }]);
});

test("messages: a row for each part, whatever shape the messages have", async () => {
  const folder = temporaryFolder();
  const convention = JSON.stringify([
    { role: "user", parts: [{ type: "text", content: "hi" }] },
    {
      role: "assistant",
      finish_reason: "tool_call",
      parts: [
        { type: "text", content: "looking" },
        { type: "tool_call", id: "call_1", name: "search", arguments: { q: 9007199254740993n.toString() } },
      ],
    },
  ]);
  const documents = {
    "1": convention,
    "2": JSON.stringify([{ role: "system", content: "be kind" }]),
    "3": JSON.stringify([{ role: "user", content: [{ type: "text", text: "look" }, { type: "image_url" }] }]),
    "4": JSON.stringify({ messages: [{ role: "user", content: "in an object" }] }),
    "5": "no JSON at all",
    "6": '"a JSON string"',
    "7": "[]",
  };
  const files = [
    await writeRows(
      folder,
      "spans/date=2026-11-23/0-1-1.parquet",
      Object.entries(documents).map(([id, input_messages]) =>
        span({ span_id: id.repeat(16), input_messages }),
      ),
    ),
  ];
  const sql =
    "SELECT span_id[1:1] AS id, message_index AS m, part_index AS p, role, part_type, content, tool_name FROM messages ORDER BY ALL";
  const row = (id: string, m: number, p: number, rest: object): object => ({
    id,
    m,
    p,
    role: null,
    content: null,
    tool_name: null,
    ...rest,
  });
  expect(await query(folder, files, sql)).toEqual([
    row("1", 0, 0, { role: "user", part_type: "text", content: "hi" }),
    row("1", 1, 0, { role: "assistant", part_type: "text", content: "looking" }),
    row("1", 1, 1, { role: "assistant", part_type: "tool_call", tool_name: "search" }),
    row("2", 0, 0, { role: "system", part_type: "text", content: "be kind" }),
    row("3", 0, 0, { role: "user", part_type: "text", content: "look" }),
    row("3", 0, 1, { role: "user", part_type: "image_url" }),
    row("4", 0, 0, { role: "user", part_type: "text", content: "in an object" }),
    row("5", 0, 0, { part_type: "text", content: "no JSON at all" }),
    row("6", 0, 0, { part_type: "text", content: "a JSON string" }),
  ]);
});

test("ago() compares with the nanosecond time columns", async () => {
  const folder = temporaryFolder();
  const now = new Date().toISOString().replace("T", " ").replace("Z", "");
  const files = [
    await writeRows(folder, "spans/date=2026-11-23/0-1-1.parquet", [
      span({ span_id: "1".repeat(16), start_time: now }),
      span({ span_id: "2".repeat(16), start_time: "2020-01-01 00:00:00" }),
    ]),
  ];
  expect(
    await query(folder, files, "SELECT span_id FROM spans WHERE start_time > ago(INTERVAL 1 HOUR)"),
  ).toEqual([{ span_id: "1".repeat(16) }]);
});

test("readCatalog names the folder when there is no mirror", () => {
  const folder = temporaryFolder();
  expect(() => readCatalog(folder)).toThrow(expect.objectContaining({ code: "CF_NOT_FOUND" }));
});

test("compacted files are compared column by column unless their writers had the same columns", () => {
  const times = { minTimeUnixNano: null, maxTimeUnixNano: null };
  const file = { path: "a.parquet", formatVersion: 2, columnsVersion: 2, ...times };
  expect(readFiles([file, file])).not.toContain("union_by_name");
  expect(readFiles([file, { ...file, columnsVersion: 3 }])).toContain("union_by_name = true");
  expect(readFiles([{ path: "b.parquet", formatVersion: 2, ...times }, file])).toContain(
    "union_by_name = true",
  );
});
