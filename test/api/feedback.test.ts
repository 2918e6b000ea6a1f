import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApi } from "../../api/index.js";
import { createLogger, defaultConfig, startCollector, type Collector } from "../../collector/index.js";
import { createRecordWriter, queryRows } from "../../store/index.js";
import { makeSpan, makeTraces, post } from "../collector/harness.js";
import { encodeOtlp } from "../../schema/index.js";

const root = mkdtempSync(join(tmpdir(), "counterfoil-feedback-"));
const dataDir = join(root, "data");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const TRACE_UUID = "0af76519-16cd-43dd-8448-eb211c80319c";
let collector: Collector;
let url: string;

beforeAll(async () => {
  collector = await startCollector(defaultConfig({}), {
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    logger: createLogger("silent"),
    createApi,
  });
  url = `http://127.0.0.1:${collector.ports.http}`;
});
afterAll(async () => {
  await collector.shutdown(5_000);
  rmSync(root, { recursive: true, force: true, maxRetries: 20 });
});

interface Answer {
  readonly status: number;
  // Tests look into whatever came.
  readonly body: never;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${url}/api/v1/feedback${path}`, {
    method,
    ...(body === undefined
      ? {}
      : {
          headers: { "content-type": "application/json" },
          body: typeof body === "string" ? body : JSON.stringify(body),
        }),
  });
  return { status: answer.status, body: (await answer.json()) as never };
}

async function sendSpans(...spans: Parameters<typeof makeSpan>[]): Promise<void> {
  const body = encodeOtlp("traces", makeTraces(spans.map((args) => makeSpan(...args))));
  expect((await post({ url }, body)).status).toBe(200);
}

test("feedback is read as soon as it is acknowledged, changed, and deleted, and all of it stays in the history", async () => {
  const given = {
    id: "life",
    feedbackConfig: { type: "continuous", min: 0, max: 1 },
    key: "k",
    score: false,
    run_id: TRACE_UUID.toUpperCase(),
    extra: { odd: [1, null] },
  };
  const created = await call("POST", "", given);
  expect(created).toMatchObject({
    status: 200,
    body: {
      id: "life",
      feedback_config: { type: "continuous" },
      score: false,
      run_id: TRACE_UUID,
      comment: null,
      feedback_source: { type: "api" },
    },
  });
  expect(await call("GET", "/life")).toEqual(created);
  const changed = await call("PATCH", "/life", { score: 0.25, comment: "no" });
  expect(changed.body).toMatchObject({ score: 0.25, comment: "no", extra: { odd: [1, null] } });
  expect(await call("GET", "/life")).toEqual(changed);
  expect((await call("DELETE", "/life")).status).toBe(200);
  for (const method of ["GET", "DELETE"]) {
    const { status, body } = await call(method, "/life");
    // LangSmith's clients look for these words.
    expect([status, body]).toMatchObject([404, { detail: expect.stringContaining("not found") }]);
  }
  expect(await call("PATCH", "/life", { score: 1 })).toMatchObject({ status: 404 });
  const sql =
    "SELECT op, score, score_boolean FROM feedback_history WHERE id = 'life' ORDER BY seq, seq_index";
  expect(await queryRows({ dataDir, sql })).toEqual([
    { op: "put", score: 0, score_boolean: false },
    { op: "put", score: 0.25, score_boolean: null },
    { op: "delete", score: null, score_boolean: null },
  ]);
});

test("changes of one feedback at the same time are all kept", async () => {
  await call("POST", "", { id: "both", key: "k", trace_id: TRACE });
  await Promise.all([call("PATCH", "/both", { comment: "a" }), call("PATCH", "/both", { score: 1 })]);
  expect((await call("GET", "/both")).body).toMatchObject({ comment: "a", score: 1 });
});

test("feedback may come before its run, and is found by run id, span and SQL whichever of them it named", async () => {
  const trace = "aa".repeat(16);
  const root = "00000000000000a1";
  const child = "00000000000000a2";
  const childRun = "00000000-0000-0000-0000-0000000000a2";
  const rootRun = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa";
  const sdkRun = "01890a5d-ac96-774b-bcce-b302099a8057";
  await call("POST", "", [
    { id: "by-run", key: "late", run_id: childRun },
    { id: "by-root-run", key: "late", run_id: rootRun },
    { id: "by-span", key: "late", trace_id: trace, span_id: child },
    { id: "by-span-alone", key: "late", span_id: child },
    { id: "by-trace", key: "late", trace_id: trace },
    { id: "never", key: "late", run_id: sdkRun },
  ]);
  const ids = async (query: string): Promise<unknown> =>
    ((await call("GET", `?key=late&${query}`)).body as { id: string }[]).map(({ id }) => id).sort();
  expect(await ids(`run=${childRun}`)).toEqual(["by-run"]);
  await sendSpans(
    [0xa1, { traceId: trace, spanId: root }],
    [0xa2, { traceId: trace, spanId: child, parentSpanId: root }],
  );
  expect(await ids(`run=${childRun}`)).toEqual(["by-run", "by-span", "by-span-alone"]);
  expect(await ids(`run=${rootRun}`)).toEqual(["by-root-run"]);
  expect(await ids(`trace=${trace}`)).toEqual([
    "by-root-run",
    "by-run",
    "by-span",
    "by-span-alone",
    "by-trace",
  ]);
  const sql =
    "SELECT id, name FROM feedback JOIN spans USING (trace_id, span_id) WHERE key = 'late' ORDER BY id";
  expect(await queryRows({ dataDir, sql })).toEqual([
    { id: "by-root-run", name: "span 161" },
    { id: "by-run", name: "span 162" },
    { id: "by-span", name: "span 162" },
    { id: "by-span-alone", name: "span 162" },
  ]);
  expect((await call("GET", "/by-span")).body).toMatchObject({ run_id: childRun });
});

test.each([
  [
    "",
    { key: "k", score: "high", trace_id: TRACE },
    422,
    'score must be a number, true or false, got "high"',
  ],
  ["", { score: 1, trace_id: TRACE }, 422, "key is missing"],
  ["", { key: "k", trace_id: "zz" }, 422, "trace_id must be a trace id"],
  ["", { key: "k" }, 422, "names nothing that it is about"],
  ["", { key: "k", trace_id: TRACE, id: 7 }, 422, "id must be a text"],
  ["", [{ key: "k", trace_id: TRACE, comment: "not stored either" }, { key: "" }], 422, "Change 2 of 2"],
  ["", [], 400, "Got 0 changes"],
  ["", [1], 400, "must be a JSON object"],
  ["", "{", 400, "must be JSON"],
  ["/%E0%A4", {}, 400, "not percent-encoded"],
  ["/both", { key: null }, 422, "key is missing"],
])(
  "POST or PATCH of what is wrong is refused with the field and what it must be: %s %j",
  async (path, body, status, text) => {
    const answer = await call(path === "" ? "POST" : "PATCH", path, body);
    expect(answer.status).toBe(status);
    expect((answer.body as { detail: string }).detail).toContain(text);
    expect((await call("GET", "?has_comment=true")).body).not.toContainEqual(
      expect.objectContaining({ comment: "not stored either" }),
    );
  },
);

test("data that is nested too deep is refused, and says how deep it may be", async () => {
  const value = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
  const answer = await call("POST", "", `{"key":"k","trace_id":"${TRACE}","value":${value}}`);
  expect(answer.status).toBe(422);
  expect((answer.body as { detail: string }).detail).toContain("nested more than 100 deep");
});

test.each(["limit=0", "limit=1001", "limit=x", "offset=-1", "run=x", "has_score=1", "min_created_at=soon"])(
  "GET with %s is refused and names the parameter",
  async (query) => {
    const { status, body } = await call("GET", `?${query}`);
    expect(status).toBe(400);
    expect((body as { detail: string }).detail).toContain(query.split("=")[0]);
  },
);

test("lists are filtered by key, source, example, score and time, newest first, in pages", async () => {
  const at = (minute: number): string => `2026-01-01T00:0${minute}:00Z`;
  await call("POST", "", [
    {
      id: "p1",
      key: "page",
      score: 1,
      thread_id: "t",
      created_at: at(1),
      feedback_source: { type: "human" },
    },
    { id: "p2", key: "page", thread_id: "t", created_at: at(2), feedback_source: { type: "model" } },
    { id: "p3", key: "page", score: 0, example_id: "e", created_at: at(3) },
  ]);
  const ids = async (query: string): Promise<unknown> =>
    ((await call("GET", `?key=page&${query}`)).body as { id: string }[]).map(({ id }) => id);
  expect(await ids("")).toEqual(["p3", "p2", "p1"]);
  expect(await ids("limit=1&offset=1")).toEqual(["p2"]);
  expect(await ids("source=human&source=model")).toEqual(["p2", "p1"]);
  expect(await ids("has_score=true")).toEqual(["p3", "p1"]);
  expect(await ids("thread=t")).toEqual(["p2", "p1"]);
  expect(await ids("example=e")).toEqual(["p3"]);
  expect(await ids(`min_created_at=${at(2)}&max_created_at=${at(2)}`)).toEqual(["p2"]);
});

test("a writer refuses a type that nobody knows and a put without data", async () => {
  const writer = createRecordWriter(
    { append: async () => expect.fail("nothing is written"), sealed: async () => undefined },
    { source: "api" },
  );
  await expect(writer.append([{ type: "feedbak", op: "put", data: {} }])).rejects.toThrow(
    'no type of record "feedbak"',
  );
  await expect(writer.append([{ type: "feedback", op: "put", data: null }])).rejects.toThrow(
    "a put has data",
  );
  await expect(writer.append([{ type: "feedback", op: "delete", data: null, id: "" }])).rejects.toThrow(
    "id is empty",
  );
});
