import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, describe, expect, it } from "vitest";
import { erase, ERASE_STEPS, type EraseRequest } from "../../cli/erase/erase.js";
import { stillNamed } from "../../cli/erase/still-named.js";
import { encodeOtlp, type LogRecord, RECORD_TYPES, type Span } from "../../schema/index.js";
import { IMPERSONAL_TABLES } from "../../store/erase/index.js";
import { dataDirPaths, queryRows, type SqlParameter } from "../../store/index.js";
import { compactAll } from "../support/estate.js";
import { MirrorHarness, request, span, spanId, traceId } from "../support/mirror-harness.js";
import { appendChanges, put } from "../support/records.js";
import { LONG_TESTS } from "../support/long-tests.js";

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
});

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const USER = "u-erase-me-4711";
/** In everything that belongs to the user, and in nothing else. */
const SECRET = "zyx-secret-words";
const OTHERS = "kept-words-of-others";
const MINE = traceId(0xaaaa_0001);
const THEIRS = traceId(0xbbbb_0001);

function call(trace: string, n: number, given: { user?: string; words: string; end?: bigint }): Span {
  const attributes = [
    text("gen_ai.operation.name", "chat"),
    text("gen_ai.prompt", JSON.stringify([{ role: "user", content: given.words }])),
    ...(given.user === undefined ? [] : [text("user.id", given.user)]),
  ];
  const end = given.end === undefined ? {} : { endTimeUnixNano: given.end };
  return span({ traceId: trace, spanId: spanId(n), attributes, ...end });
}

function log(trace: string, words: string): Uint8Array {
  const record: LogRecord = {
    timeUnixNano: 1_795_413_600_000_000_000n,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: "",
    body: { stringValue: words },
    attributes: [text("event.name", "gen_ai.user.message")],
    droppedAttributesCount: 0,
    flags: 0,
    traceId: trace,
    spanId: spanId(1),
    eventName: "gen_ai.user.message",
  };
  return encodeOtlp("logs", {
    resourceLogs: [{ scopeLogs: [{ logRecords: [record], schemaUrl: "" }], schemaUrl: "" }],
  });
}

/** A data directory of one user's data and that of others, in every place where it can be. */
async function dataDir({ compacted = false } = {}): Promise<string> {
  const harness = await MirrorHarness.open();
  dirs.push(harness.dir);
  const ours = request(call(MINE, 1, { user: USER, words: SECRET }), call(MINE, 2, { words: SECRET }));
  await harness.appendData("traces", ours, 2);
  await harness.append({
    payload: gzipSync(encodeOtlp("traces", request(call(THEIRS, 1, { user: "u-other", words: OTHERS })))),
    encoding: "gzip",
  });
  await harness.append({ signal: "logs", payload: log(MINE, SECRET) });
  await harness.append({ signal: "logs", payload: log(THEIRS, OTHERS) });
  await harness.mirror.flush(60_000);
  // Again, with its end: the row before it stays in a file of its own.
  await harness.appendData("traces", request(call(MINE, 1, { user: USER, words: SECRET })), 1);
  const source_run_id = `${MINE.slice(0, 8)}-${MINE.slice(8, 12)}-${MINE.slice(12, 16)}-${MINE.slice(16, 20)}-${MINE.slice(20)}`;
  await appendChanges(harness, [
    put("1", { key: "tone", score: 0, comment: SECRET, trace_id: MINE }),
    put("2", { key: "tone", score: 1, comment: OTHERS, trace_id: THEIRS }),
    put("3", {
      key: "tone",
      score: 1,
      comment: SECRET,
      feedback_source: { type: "human", metadata: { user_id: USER } },
    }),
    put("e", { dataset_id: source_run_id, inputs: { q: SECRET }, source_run_id }, { type: "example" }),
    put("1", { key: "tone", score: 1, comment: `${SECRET} again` }),
  ]);
  if (!compacted) await appendEveryKind(harness, source_run_id);
  await harness.mirror.flush(60_000);
  if (compacted) await compactAll(harness);
  await harness.close({ keep: true });
  const { deadLetters, quarantine } = dataDirPaths(harness.dir);
  const payload_base64 = gzipSync(Buffer.from(`garbage ${USER} ${SECRET}`)).toString("base64");
  const line = { seq: 1, time: "", signal: "traces", items: 1, reason: "x", message: "", processed: true };
  mkdirSync(join(deadLetters, "langsmith"), { recursive: true });
  writeFileSync(
    join(deadLetters, "langsmith", "0000000000000001.jsonl"),
    [
      { ...line, otlp: { traceId: MINE, note: SECRET } },
      { ...line, otlp: { traceId: THEIRS, note: OTHERS } },
      { ...line, encoding: "gzip", payload_base64 },
    ]
      .map((each) => `${JSON.stringify(each)}\n`)
      .join(""),
  );
  const project = { from: "2026-11-23T00:00:00Z", again: [source_run_id], pending: [] };
  const state = {
    version: 1,
    endpoint: "http://x",
    projects: { p1: project, p2: { pending: [] } },
    datasets: {},
  };
  mkdirSync(join(harness.dir, "import"));
  writeFileSync(join(harness.dir, "import", "langsmith-0123456789abcdef.json"), JSON.stringify(state));
  mkdirSync(quarantine, { recursive: true });
  writeFileSync(join(quarantine, "spans-damaged.parquet"), SECRET);
  return harness.dir;
}

/** Whatever kind of record there is: one that names a run goes, wherever it names it. */
async function appendEveryKind(harness: MirrorHarness, run: string): Promise<void> {
  const kinds = RECORD_TYPES.filter(({ table }) => !IMPERSONAL_TABLES.includes(table));
  const about = { about: [{ run }], words: SECRET };
  await appendChanges(
    harness,
    kinds.map(({ type }) => put(`any-${type}`, about, { type })),
  );
}

/** Every byte of every file, and what is in it once it is decompressed. */
async function everything(dir: string): Promise<string> {
  const parts: string[] = [];
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const bytes = readFileSync(path);
    parts.push(path, bytes.toString("latin1"));
    for (
      let at = bytes.indexOf("\x1f\x8b", 0, "latin1");
      at >= 0;
      at = bytes.indexOf("\x1f\x8b", at + 1, "latin1")
    ) {
      try {
        parts.push(gunzipSync(bytes.subarray(at)).toString("latin1"));
      } catch {
        // Those two bytes begin no gzip.
      }
    }
    if (!path.endsWith(".parquet") || path.includes("quarantine")) continue;
    const rows = await connection.runAndReadAll(
      `SELECT to_json(t) FROM read_parquet('${path}', hive_partitioning = false) AS t`,
    );
    for (const [row] of rows.getRows()) parts.push(String(row));
  }
  connection.closeSync();
  instance.closeSync();
  return parts.join("\n");
}

const never = new AbortController().signal;
const users = { userIds: [USER], traceIds: [], threadIds: [] };
const order = (dir: string, given: Partial<EraseRequest> = {}): EraseRequest => ({
  dataDir: dir,
  subject: users,
  dryRun: false,
  signal: never,
  ...given,
});

async function expectOnlyOthers(dir: string): Promise<void> {
  const all = await everything(dir);
  for (const gone of [USER, SECRET, MINE, MINE.slice(20)]) expect(all.includes(gone), gone).toBe(false);
  for (const kept of [OTHERS, THEIRS, "u-other"]) expect(all.includes(kept), kept).toBe(true);
  const rows = await queryRows({
    dataDir: dir,
    sql: `SELECT (SELECT count(*) FROM spans) AS spans, (SELECT count(*) FROM span_logs) AS logs,
      (SELECT count(*) FROM feedback_history) AS feedback, (SELECT count(*) FROM examples) AS examples,
      (SELECT string_agg(user_id) FROM spans) AS users, (SELECT count(*) FROM traces) AS traces`,
  });
  expect(rows).toMatchObject([{ spans: 1, logs: 1, feedback: 1, examples: 0, users: "u-other", traces: 1 }]);
}

describe("erase", () => {
  it.each(LONG_TESTS ? [false, true] : [true])(
    "removes every byte of a user from every file and keeps everyone else's (compacted: %s); the audit record says how much",
    async (compacted) => {
      const dir = await dataDir({ compacted });
      expect(await everything(dir)).toContain(SECRET);
      const rows = compacted
        ? { spans: 2, span_logs: 1, feedback: 3, examples: 1 }
        : { spans: 3, span_logs: 1, log_content: 1, superseded: 1, feedback: 4, examples: 2 };
      const found = { traces: 1, rows, deadLetters: 2 };
      expect(await erase(order(dir, { dryRun: true }))).toMatchObject(found);
      expect(await everything(dir)).toContain(SECRET);
      expect(await erase(order(dir, { reference: "case 17" }))).toMatchObject(found);
      await expectOnlyOthers(dir);
      const [audit] = await queryRows({
        dataDir: dir,
        sql: 'SELECT "by", reference, traces, dead_letters FROM erasures',
      });
      expect(audit).toMatchObject({ by: "user_id", reference: "case 17", traces: 1, dead_letters: 2 });
      expect(await erase(order(dir))).toMatchObject({ traces: 0, rows: {}, deadLetters: 0 });
    },
  );

  it("interrupted before every one of its steps, one after the other, it is finished by the next one and audited once", async () => {
    const dir = await dataDir();
    for (const stop of ERASE_STEPS) {
      const onStep = (step: string): void => {
        if (step === stop) throw new Error(`the power went before ${stop}`);
      };
      // The first one is asked for; the others finish what it began.
      const given = stop === ERASE_STEPS[0] ? { onStep } : { onStep, subject: undefined };
      await expect(erase(order(dir, given))).rejects.toThrow(`the power went before ${stop}`);
    }
    expect(await erase(order(dir, { subject: undefined }))).toMatchObject({ resumed: 1 });
    await expectOnlyOthers(dir);
    expect(await queryRows({ dataDir: dir, sql: "SELECT traces FROM erasures" })).toMatchObject([
      { traces: 1 },
    ]);
  });

  it("refuses while an export of a living process runs, or a destination has not taken what the journal holds, and changes nothing", async () => {
    const dir = await dataDir();
    const { cursors, temp } = dataDirPaths(dir);
    const living = join(temp, `estate-${process.pid}-abc`);
    mkdirSync(living, { recursive: true });
    await expect(erase(order(dir))).rejects.toThrow(new RegExp(`Process ${process.pid} exports from`));
    rmSync(living, { recursive: true });
    writeFileSync(join(cursors, "langsmith.json"), JSON.stringify({ seq: 1, counts: {} }));
    await expect(erase(order(dir))).rejects.toThrow(/not been delivered to langsmith .*Nothing was erased/);
    expect(await everything(dir)).toContain(SECRET);
  });

  it("dead letters that name a run or a span of the traces go, also when the mirror had forgotten it; one that nobody can read stops it", async () => {
    const dir = await dataDir();
    const path = join(dataDirPaths(dir).deadLetters, "langsmith-records", "0000000000000002.jsonl");
    const line = (data: object): string =>
      `${JSON.stringify({ seq: 2, signal: "records", items: 1, records: [{ type: "feedback", data }] })}\n`;
    const letter = (span: number, comment: string): string =>
      line({ run_id: `00000000-0000-0000-0000-${spanId(span).slice(4)}`, comment });
    // Feedback may name a span alone; one of another trace may have the same id.
    const spanOnly = line({ span_id: spanId(2).toUpperCase(), comment: SECRET });
    const othersSpan = line({ span_id: spanId(2), trace_id: THEIRS, comment: OTHERS });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${letter(2, SECRET)}no dead letter\n${letter(7, OTHERS)}`);
    mkdirSync(join(dataDirPaths(dir).temp, "estate-2147483646-abc"), { recursive: true });
    writeFileSync(join(dataDirPaths(dir).temp, "estate-2147483646-abc", "of a dead export"), SECRET);
    await expect(erase(order(dir))).rejects.toMatchObject({
      code: "CF_DATA_DIR_IO",
      message: expect.stringContaining(path),
    });
    writeFileSync(path, `${letter(2, SECRET)}${spanOnly}${othersSpan}${letter(7, OTHERS)}`);
    const onStep = (step: string): void => {
      if (step === "dead letters") throw new Error("the power went");
    };
    await expect(erase(order(dir, { onStep }))).rejects.toThrow("the power went");
    await erase(order(dir, { subject: undefined }));
    expect(readFileSync(path, "utf8")).toBe(`${othersSpan}${letter(7, OTHERS)}`);
    await expectOnlyOthers(dir);
  });

  it("says which kinds of configuration name the user in the midst of a text, and takes no longer id for it", async () => {
    const harness = await MirrorHarness.open();
    dirs.push(harness.dir);
    await appendChanges(harness, [
      put("r", { name: "r", where: "user_id = 'u-1'", actions: [] }, { type: "rule" }),
      put("q", { name: "q", description: "of u-17" }, { type: "annotation_queue" }),
    ]);
    await harness.mirror.flush(60_000);
    await harness.close({ keep: true });
    const rows = async (sql: string, params: readonly SqlParameter[]) =>
      (await queryRows({ dataDir: harness.dir, sql, params })) as { kind: string }[];
    const named = (...userIds: string[]) => stillNamed(rows, { userIds, threadIds: [], traceIds: [] });
    expect(await named("u-1")).toEqual(["rules"]);
    expect(await named("u-17", "u-1")).toEqual(["annotation_queues", "rules"]);
    expect(await named("u.1", "u-")).toEqual([]);
    expect(await named()).toEqual([]);
  });

  it("by thread and by trace: what is asked for, and no other", async () => {
    const dir = await dataDir();
    const subject = { userIds: [], traceIds: [MINE], threadIds: ["no such thread"] };
    expect(await erase(order(dir, { subject }))).toMatchObject({ traces: 1 });
    const spans = await queryRows({ dataDir: dir, sql: "SELECT trace_id FROM spans" });
    expect(spans).toEqual([{ trace_id: THEIRS }]);
    // Feedback that only names the user is not the trace's.
    expect(await queryRows({ dataDir: dir, sql: "SELECT id FROM feedback ORDER BY id" })).toEqual([
      { id: "2" },
      { id: "3" },
    ]);
  });
});
