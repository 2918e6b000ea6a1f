import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { type Table, tableFromIPC, type Vector } from "apache-arrow";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openDoor } from "../../cli/bundle/doors.js";
import { writeServerFile } from "../../cli/server-file.js";
import { importDataset } from "../../loop/index.js";
import { IMPORT_MEDIA_TYPE, IMPORT_PATH, IMPORT_UPLOAD_PATH, type JsonObject } from "../../schema/index.js";
import { createMirrorReader } from "../../store/index.js";
import { runApi, type RunningApi } from "./running-api.js";

let api: RunningApi;

const KEY = "key-of-this-test";
const CONFIG = `receivers:
  otlp:
    protocols:
      http: { endpoint: 127.0.0.1:0, max_request_body_size: 2MiB, auth: { api_keys: [${KEY}] } }
exporters:
  mirror:
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [mirror] }
`;

beforeAll(async () => {
  vi.stubEnv("COUNTERFOIL_API_KEY", KEY);
  api = await runApi(CONFIG);
  // What `start` leaves for other commands.
  writeServerFile(api.dataDir, { pid: process.pid, started_at: "", url: api.url, version: "" });
}, 60_000);

afterAll(() => api.stop());

/** A request with the key, made again as long as a busy machine's mirror is behind (503). */
async function ask(
  method: string,
  path: string,
  init: { body?: string; headers?: Readonly<Record<string, string>> } = {},
): Promise<Response> {
  for (;;) {
    const answer = await fetch(api.url + path, {
      method,
      ...init,
      headers: { "x-api-key": KEY, ...init.headers },
    });
    if (answer.status !== 503) return answer;
  }
}

function send(
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return ask(method, path, {
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

const post = (path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<Response> =>
  send("POST", path, body, headers);

/** Files of one of this name: each is in a folder of its own. */
function filesInTemp(name: string): string[] {
  return readdirSync(join(api.dataDir, "temp"), { recursive: true, encoding: "utf8" }).filter(
    (path) => basename(path) === name,
  );
}

const sql = (text: string, accept?: string): Promise<Response> =>
  post("/api/v1/sql", { sql: text }, accept === undefined ? {} : { accept });

async function arrowOf(text: string): Promise<Table> {
  const answer = await sql(text, "application/vnd.apache.arrow.stream");
  expect(answer.headers.get("content-type")).toBe("application/vnd.apache.arrow.stream");
  return tableFromIPC(new Uint8Array(await answer.arrayBuffer()));
}

/** Numbers that JSON does not know, as text. */
const asText = (_key: string, value: unknown): unknown => (typeof value === "bigint" ? String(value) : value);

test("SQL over HTTP sees what was acknowledged before, as an Arrow stream or what else Accept names", async () => {
  const span = {
    traceId: "ab".repeat(16),
    spanId: "cd".repeat(8),
    name: "hello",
    startTimeUnixNano: "1795413600000000001",
  };
  await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const table = await arrowOf("SELECT name, start_time FROM spans");
  expect(table.getChild("name")?.get(0)).toBe("hello");
  expect(table.getChild("start_time")?.data[0]?.values[0]).toBe(1795413600000000001n);

  const csv = await sql("SELECT name FROM spans", "image/png, text/csv;q=0.5, application/json;q=0.1");
  expect([csv.headers.get("content-type"), await csv.text()]).toEqual(["text/csv", "name\nhello\n"]);
  const json = await post("/api/v1/sql", { sql: "SELECT i FROM range(5) t(i)", max_rows: 2 });
  expect([json.headers.get("x-counterfoil-rows"), json.headers.get("x-counterfoil-truncated")]).toEqual([
    "2",
    "true",
  ]);
  expect(await json.json()).toEqual([{ i: 0 }, { i: 1 }]);
});

test("each type of SQL is Arrow's own in a stream, nulls and nesting included; what Arrow has no type for is text", async () => {
  const table =
    await arrowOf(`SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE i END AS hole, 9007199254740993::BIGINT + i AS big,
    -(2::HUGEINT ** 90)::HUGEINT AS huge, 18446744073709551615::UBIGINT AS ubig, (i * -1.25)::DECIMAL(10,2) AS dec,
    TIMESTAMP_NS '2026-11-23 10:00:00.123456789' AS ns, TIMESTAMPTZ '2026-11-23 10:00:00+02' AS tz,
    DATE '1960-01-02' AS day, TIME '10:11:12.5' AS time, i % 2 = 0 AS even, 'grüße ' || i AS text,
    '\\x00\\xFF'::BLOB AS bytes, [i, NULL, 3] AS list, CASE WHEN i > 0 THEN []::VARCHAR[] END AS empty,
    {'a': i, 'b': [{'c': 'x'}, NULL]} AS struct, MAP {'k1': [1], 'k2': NULL} AS map, [1.5, 2.5]::FLOAT[2] AS arr,
    INTERVAL '2 months 3 days 4 seconds' AS wait, 'nan'::DOUBLE AS nan, 'a'::ENUM('a','b') AS enum,
    union_value(num := 2) AS either, '101'::BIT AS bits FROM range(5000) t(i) ORDER BY i`);
  expect([table.numRows, table.batches.length]).toEqual([5_000, 3]);
  expect(table.schema.fields.map(({ name, type }) => `${name} ${String(type)}`).join(", ")).toBe(
    "i Int64, hole Int64, big Int64, huge Decimal[38e0], ubig Uint64, dec Decimal[10e+2], ns Timestamp<NANOSECOND>, " +
      "tz Timestamp<MICROSECOND, UTC>, day Date32<DAY>, time Time64<MICROSECOND>, even Bool, text Utf8, bytes Binary, " +
      "list List<Int64>, empty List<Utf8>, struct Struct<{a:Int64, b:List<Struct<{c:Utf8}>>}>, " +
      "map Map<{key:Utf8, value:List<Int32>}>, arr FixedSizeList[2]<Float32>, wait Interval<MONTH_DAY_NANO>, " +
      "nan Float64, enum Utf8, either Utf8, bits Utf8",
  );
  const column = (name: string): Vector => table.getChild(name) as Vector;
  // The numbers of the buffers: `get` would make floats of times.
  const raw = (name: string): ArrayLike<unknown> => column(name).data[0]?.values as ArrayLike<unknown>;
  const plain = (name: string, row: number): unknown =>
    JSON.parse(JSON.stringify(column(name).get(row), asText));
  expect(Array.from(column("hole")).slice(2999, 3003)).toEqual([2999n, null, 3001n, 3002n]);
  expect([column("big").get(4999), column("ubig").get(0)]).toEqual([
    9007199254740993n + 4999n,
    2n ** 64n - 1n,
  ]);
  expect([String(column("huge").get(0)), String(column("dec").get(4999))]).toEqual([
    String(-(2n ** 90n)),
    "-624875",
  ]);
  expect([raw("ns")[0], raw("tz")[0]]).toEqual([
    1795428000123456789n,
    BigInt(Date.UTC(2026, 10, 23, 8)) * 1_000n,
  ]);
  expect([raw("day")[1], column("time").get(0)]).toEqual([-3652, 36_672_500_000n]);
  expect([column("even").get(4998), column("even").get(4999)]).toEqual([true, false]);
  expect([column("text").get(4999), Array.from(column("bytes").get(1) as Uint8Array)]).toEqual([
    "grüße 4999",
    [0, 255],
  ]);
  expect([plain("list", 4999), plain("empty", 0), plain("empty", 1)]).toEqual([
    ["4999", null, "3"],
    null,
    [],
  ]);
  expect(plain("struct", 7)).toEqual({ a: "7", b: [{ c: "x" }, null] });
  expect([plain("map", 7), plain("arr", 7)]).toEqual([{ k1: [1], k2: null }, [1.5, 2.5]]);
  expect(Array.from(raw("wait")).slice(0, 4)).toEqual([2, 3, (4_000_000_000 % 2 ** 32) | 0, 0]);
  const texts = ["enum", "either", "bits"].map((name) => column(name).get(0) as string);
  expect([column("nan").get(0), ...texts]).toEqual([Number.NaN, "a", "2", "101"]);
});

test("an Arrow stream without rows has a schema; an integer that Arrow can't hold is an error that names the way out", async () => {
  const table = await arrowOf("SELECT name, seq FROM spans WHERE false");
  expect([table.numRows, table.schema.names]).toEqual([0, ["name", "seq"]]);
  const huge = await sql(
    "SELECT 170141183460469231731687303715884105727::HUGEINT AS n",
    "application/vnd.apache.arrow.stream",
  );
  expect([huge.status, await huge.text()]).toEqual([400, expect.stringMatching(/38 digits.*Cast/)]);
});

test("a query that is wrong, writes or reaches outside is 400 with the reason, and a page of another site can't send one", async () => {
  const code = async (answer: Promise<Response>): Promise<unknown[]> => {
    const { status, ...response } = await answer.then(async (it) => ({
      status: it.status,
      body: await it.json(),
    }));
    return [status, (response.body as { error: { code: string } }).error.code];
  };
  expect(await code(sql("SELECT nothing FROM spans"))).toEqual([400, "CF_QUERY_FAILED"]);
  expect(await code(sql("COPY spans TO '/tmp/x'"))).toEqual([400, "CF_QUERY_REFUSED"]);
  expect(await code(sql("SELECT * FROM read_text('/etc/passwd')"))).toEqual([400, "CF_QUERY_REFUSED"]);
  expect(await code(post("/api/v1/sql", { sql: "SELECT 1", timeout_seconds: 1e9 }))).toEqual([
    400,
    "CF_REQUEST_INVALID",
  ]);
  expect(await code(post("/api/v1/sql", { sql: "SELECT 1", limit: 1 }))).toEqual([400, "CF_REQUEST_INVALID"]);
  expect(await code(sql("SELECT 1", "image/png"))).toEqual([400, "CF_REQUEST_INVALID"]);
  const plain = ask("POST", "/api/v1/sql", { body: '{"sql":"SELECT 1"}' });
  expect(await code(plain)).toEqual([400, "CF_REQUEST_INVALID"]);
});

test("a result whose reader goes away leaves no file behind", async () => {
  const answer = await sql("SELECT repeat('x', 1000) AS x FROM range(100000)", "application/x-ndjson");
  await answer.body?.cancel();
  await expect.poll(() => filesInTemp("answer")).toEqual([]);
});

test("a version that is larger than one request may be goes to the server in pieces, and is one version", async () => {
  const door = await openDoor(api.dataDir, new AbortController().signal);
  const reader = createMirrorReader({ dataDir: api.dataDir });
  const padding = "x".repeat(1_000);
  const rows = Array.from({ length: 6_000 }, (_, n) => ({
    where: `row ${n}`,
    split: undefined,
    row: { inputs: { n, padding } },
  }));
  const mapping = { shape: "auto", inputs: [], outputs: [], metadata: [] } as const;
  const given = { dataset: "large", rows, mapping, skipInvalid: false, dryRun: false, door };
  const report = await importDataset({ ...given, read: (text, params) => reader.query(text, params) });
  expect(report).toMatchObject({ created: true, added: 6_000 });
  const count = await sql("SELECT count(*) AS n, count(DISTINCT seq) AS places FROM examples");
  expect(await count.json()).toEqual([{ n: 6_000, places: 1 }]);
  await Promise.all([reader.close(), door.close()]);
});

test("an upload that has a gap, is cut short, or is not there stores nothing", async () => {
  const upload = (method: string, path: string, body?: string): Promise<Response> =>
    ask(method, path, {
      headers: { "content-type": IMPORT_MEDIA_TYPE },
      ...(body === undefined ? {} : { body }),
    });
  const id = "5ee11f3e-8843-4395-aa31-11de99bbc843";
  const line = JSON.stringify({
    type: "dataset",
    id,
    op: "put",
    time: "2026-11-28T00:00:00Z",
    data: { name: "cut" },
  });
  const body = `records ${line.length + 1} -\n${line}\n`;
  expect((await upload("PUT", `${IMPORT_UPLOAD_PATH}${id}?offset=5`, body)).status).toBe(409);
  expect(
    await (await upload("PUT", `${IMPORT_UPLOAD_PATH}${id}?offset=0`, body.slice(0, 40))).json(),
  ).toEqual({
    bytes: 40,
  });
  expect((await upload("POST", `${IMPORT_PATH}?upload=${id}`)).status).toBe(400);
  // It was used, and is gone.
  expect((await upload("POST", `${IMPORT_PATH}?upload=${id}`)).status).toBe(404);
  // A piece that is sent again after a lost answer is put in the same place.
  for (const [offset, part] of [
    [0, body.slice(0, 40)],
    [0, body.slice(0, 40)],
    [40, body.slice(40)],
  ] as const) {
    expect((await upload("PUT", `${IMPORT_UPLOAD_PATH}${id}?offset=${offset}`, part)).status).toBe(200);
  }
  expect(await (await upload("POST", `${IMPORT_PATH}?upload=${id}`)).json()).toEqual({ entries: 1 });
  expect(await (await sql("SELECT name FROM datasets WHERE name = 'cut'")).json()).toEqual([{ name: "cut" }]);
  expect(filesInTemp("body")).toEqual([]);
});

test("two lines of a dataset are merged over HTTP: conflicts are all in the answer, and nothing is stored until they are decided", async () => {
  const dataset = async (name: string, given: JsonObject = {}): Promise<string> => {
    const { id } = (await (await post("/api/v1/datasets", { name, ...given })).json()) as { id: string };
    return id;
  };
  const examples = async (
    datasetId: string,
    answers: Readonly<Record<string, string>>,
  ): Promise<string[]> => {
    const body = Object.entries(answers).map(([q, a]) => ({
      dataset_id: datasetId,
      inputs: { q },
      outputs: { a },
    }));
    const made = (await (await post("/api/v1/examples/bulk", body)).json()) as readonly { id: string }[];
    return made.map(({ id }) => id);
  };
  const change = (id: string, body: JsonObject): Promise<Response> =>
    send("PATCH", `/api/v1/examples/${id}`, body);
  const get = async (path: string): Promise<unknown> => (await ask("GET", path)).json();
  const merge = async (body: JsonObject): Promise<unknown[]> => {
    const answer = await post("/api/v1/datasets/line-a/merge", body);
    return [answer.status, await answer.json()];
  };
  const [a, b] = [await dataset("line-a"), await dataset("line-b")];
  const [inA = ""] = await examples(a, { one: "1", two: "2" });
  const [inB = ""] = await examples(b, { one: "1", two: "2" });
  await change(inA, { outputs: { a: "ours" } });
  await change(inB, { outputs: { a: "theirs" } });
  await examples(b, { three: "3" });

  const open = {
    added: 1,
    conflicts: [{ id: inA, theirs_id: inB, parts: ["inputs and outputs"] }],
    stored: false,
  };
  expect(await merge({ from: "line-b" })).toMatchObject([409, { ...open, error: { code: "CF_CONFLICT" } }]);
  expect(await merge({ from: "line-b", dry_run: true })).toMatchObject([200, open]);
  expect(await merge({ from: "line-b", theirs: [inB] })).toMatchObject([404, {}]);
  expect(await merge({ from: "line-b", nonsense: 1 })).toMatchObject([400, {}]);
  expect(await get("/api/v1/datasets/line-a/log")).toMatchObject([
    { examples: 2, modified: 1 },
    { added: 2 },
  ]);
  // What came between what someone was shown and what they store is not stored over.
  const other = { from: b, theirs: [inA], version: "0".repeat(64) };
  expect(await merge(other)).toMatchObject([409, { error: { code: "CF_CONFLICT" } }]);
  const done = { stored: true, added: 1, modified: 1, removed: 0, conflicts: [] };
  expect(await merge({ from: b, theirs: [inA] })).toMatchObject([200, done]);
  expect(await merge({ from: "line-b" })).toMatchObject([200, { stored: false, added: 0, modified: 0 }]);
  const [newest] = (await get("/api/v1/datasets/line-a/log?limit=1")) as readonly JsonObject[];
  expect(newest).toMatchObject({ examples: 3, by: ["merge"] });
  expect(((await get("/api/v1/datasets/line-b/log?limit=1")) as readonly JsonObject[])[0]?.["hash"]).toBe(
    newest?.["hash"],
  );
  const differences = await get(`/api/v1/datasets/line-a/diff?from=2020-01-01T00:00:00Z`);
  expect(differences).toHaveLength(3);
  expect(await get(`/api/v1/examples/${inA}/blame`)).toMatchObject([
    { by: "langsmith" },
    { by: "langsmith" },
    { by: "merge" },
  ]);

  // More changes than one request of examples may bring are one version all the same.
  const many = Array.from({ length: 5_100 }, (_, at) => [`q${at}`, "a"] as const);
  const [large] = [await dataset("line-large"), await dataset("line-empty")];
  await examples(large, Object.fromEntries(many));
  await examples(large, Object.fromEntries(many.map(([q, answer]) => [`more ${q}`, answer])));
  const all = await post("/api/v1/datasets/line-empty/merge", { from: large, unrelated: true });
  expect(await all.json()).toMatchObject({ stored: true, added: 10_200 });
  const [whole] = (await get("/api/v1/datasets/line-empty/log")) as readonly JsonObject[];
  expect(whole).toMatchObject({ examples: 10_200, added: 10_200 });

  // What the dataset's JSON Schema does not allow does not come in through a merge either.
  await dataset("line-c", {
    inputs_schema_definition: { type: "object", properties: { q: { type: "number" } } },
  });
  const refused = await post("/api/v1/datasets/line-c/merge", { from: "line-b", unrelated: true });
  expect([refused.status, await refused.text()]).toEqual([422, expect.stringContaining("JSON Schema")]);
});
