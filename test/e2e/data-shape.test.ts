/** Odd data through the real collector, over HTTP, and looked up in SQL (catalogue items of test/README.md). */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Collector } from "../../collector/index.js";
import { decodeOtlp, encodeOtlp, type AnyValue, type KeyValue, type Span } from "../../schema/index.js";
import { queryRows, readOtlpRows, rowsToOtlp, type MirrorRow } from "../../store/index.js";
import { runCollector } from "../collector/running-collector.js";
import { makeSpan, makeTraces, post } from "../collector/harness.js";

const DAY_NS = 86_400_000_000_000n;
const UINT64_MAX = 2n ** 64n - 1n;

let dataDir: string;
let collector: Collector;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ dataDir, collector, stop } = await runCollector());
});
afterAll(() => stop());

let lastId = 0;
const newSpan = (more: Partial<Span>): Span => makeSpan((lastId += 1), more);
const text = (key: string, stringValue: string): KeyValue => ({ key, value: { stringValue } });
const hexTraceId = (n: number): string => n.toString(16).padStart(32, "0");

/** Sends each list as one request, in order, and waits until the mirror has them. */
async function send(...requests: Span[][]): Promise<void> {
  for (const spans of requests) {
    const body = encodeOtlp("traces", makeTraces(spans));
    const response = await post({ url: `http://127.0.0.1:${collector.ports.http ?? 0}` }, body);
    expect(response.status).toBe(200);
    // Nothing was rejected or cut off silently: a partial success would say so here.
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array());
  }
  await collector.flush(30_000);
}

/** Rows as plain objects. */
async function sql(query: string): Promise<unknown[]> {
  return [...(await queryRows({ dataDir, sql: query }))];
}

/** The spans of a trace as they come out of the mirror again. */
async function spansOut(traceId: string): Promise<Span[]> {
  const rows: MirrorRow[] = [];
  for await (const part of readOtlpRows(dataDir, "traces", { traceId })) rows.push(...part);
  const data = decodeOtlp("traces", encodeOtlp("traces", rowsToOtlp("traces", rows)));
  return data.resourceSpans.flatMap((each) => each.scopeSpans.flatMap(({ spans }) => spans));
}

it("item 19: the same request a hundred times at once is one span", async () => {
  const span = newSpan({ traceId: hexTraceId(19) });
  const body = encodeOtlp("traces", makeTraces([span]));
  const url = `http://127.0.0.1:${collector.ports.http ?? 0}`;
  const answers = await Promise.all(Array.from({ length: 100 }, () => post({ url }, body)));
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
  await collector.flush(30_000);
  expect(await sql(`SELECT count(*)::INT AS n FROM spans WHERE trace_id = '${span.traceId}'`)).toEqual([
    { n: 1 },
  ]);
});

it("item 26, item 36: a trace over midnight whose child comes first, in another request and with no parent, is whole", async () => {
  const traceId = hexTraceId(26);
  const midnight = ((BigInt(Date.now()) * 1_000_000n) / DAY_NS) * DAY_NS;
  const root = newSpan({
    traceId,
    name: "root",
    startTimeUnixNano: midnight - 3_600_000_000_000n,
    endTimeUnixNano: midnight + 100n,
  });
  const child = newSpan({
    traceId,
    name: "child",
    parentSpanId: root.spanId,
    startTimeUnixNano: midnight + 1n,
    endTimeUnixNano: midnight + 2n,
  });
  const orphan = newSpan({ traceId, name: "orphan", parentSpanId: "00000000000000ff" });
  await send([child], [orphan], [root]);
  expect(
    await sql(`SELECT name, span_count::INT AS spans, has_root FROM traces WHERE trace_id = '${traceId}'`),
  ).toEqual([{ name: "root", spans: 3, has_root: true }]);
  expect((await spansOut(traceId)).map(({ name }) => name).sort()).toEqual(["child", "orphan", "root"]);
});

it("item 27: a span id sent as started and then as ended is the ended one, in either order", async () => {
  const traceId = hexTraceId(27);
  const [first, second] = [newSpan({ traceId }), newSpan({ traceId })];
  const open = (span: Span): Span => ({ ...span, name: "started", endTimeUnixNano: 0n });
  const ended = (span: Span): Span => ({ ...span, name: "ended" });
  await send([open(first)], [ended(first)], [ended(second)], [open(second)]);
  expect(await sql(`SELECT name FROM spans WHERE trace_id = '${traceId}'`)).toEqual([
    { name: "ended" },
    { name: "ended" },
  ]);
});

it("item 28, item 29: odd times are kept to the nanosecond and put no folder of their own into the mirror", async () => {
  const traceId = hexTraceId(28);
  const now = BigInt(Date.now()) * 1_000_000n;
  const times: Record<string, [start: bigint, end: bigint]> = {
    "ends before it starts": [2_000_000_000_000_000_001n, 1_000_000_000_000_000_000n],
    zero: [0n, 0n],
    1970: [1n, 2n],
    "last of int64": [2n ** 63n - 1n, 2n ** 63n - 1n],
    "beyond 2262": [2n ** 63n, 2n ** 63n + 1n],
    "uint64 max": [UINT64_MAX, UINT64_MAX],
    "a day behind": [now - DAY_NS, now - DAY_NS + 1n],
    "a day ahead": [now + DAY_NS, now + DAY_NS + 1n],
  };
  await send(
    Object.entries(times).map(([name, [startTimeUnixNano, endTimeUnixNano]]) =>
      newSpan({ traceId, name, startTimeUnixNano, endTimeUnixNano }),
    ),
  );
  const back = await spansOut(traceId);
  expect(
    Object.fromEntries(back.map((span) => [span.name, [span.startTimeUnixNano, span.endTimeUnixNano]])),
  ).toEqual(times);
  const durations = await sql(`SELECT name FROM spans WHERE trace_id = '${traceId}' AND duration_ns < 0`);
  expect(durations).toEqual([{ name: "ends before it starts" }]);
  const days = readdirSync(join(dataDir, "mirror", "spans"));
  for (const day of days) expect(day).toMatch(/^date=20[2-9]\d-\d\d-\d\d$/);
});

it("item 30, item 38: 100,000 attributes, a value of 10 MB, a key of 64 KiB, 1,000 events and 128 links are all kept", async () => {
  const traceId = hexTraceId(30);
  const many = newSpan({
    traceId,
    name: "many",
    attributes: Array.from({ length: 100_000 }, (_, n) => text(`key ${n}`, `value ${n}`)),
  });
  const large = newSpan({
    traceId,
    name: "large",
    attributes: [text("image", "QUJD".repeat(2_500_000)), text("k".repeat(65_536), "v")],
    events: Array.from({ length: 1_000 }, (_, n) => ({
      timeUnixNano: BigInt(n),
      name: `event ${n}`,
      attributes: [text("filling", "x".repeat(1_024))],
      droppedAttributesCount: 0,
    })),
    links: Array.from({ length: 128 }, (_, n) => ({
      traceId: hexTraceId(n + 1),
      spanId: "00000000000000aa",
      traceState: "",
      attributes: [],
      droppedAttributesCount: 0,
      flags: 0,
    })),
  });
  await send([many], [large]);
  expect(
    await sql(`SELECT name, cardinality(attributes)::INT AS attributes, length(attributes['image'])::INT AS image,
      json_array_length(events)::INT AS events, json_array_length(links)::INT AS links
      FROM spans WHERE trace_id = '${traceId}' ORDER BY name`),
  ).toEqual([
    { name: "large", attributes: 2, image: 10_000_000, events: 1_000, links: 128 },
    { name: "many", attributes: 100_000, image: null, events: null, links: null },
  ]);
  const back = await spansOut(traceId);
  expect(back.find(({ name }) => name === "many")?.attributes).toEqual(many.attributes);
  expect(back.find(({ name }) => name === "large")).toEqual(large);
});

it("item 31, item 32, item 33, item 34: hostile keys and texts, extreme numbers and mixed types come out as they went in", async () => {
  const traceId = hexTraceId(31);
  const keys = [
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "",
    "a",
    "A",
    "é",
    "e\u0301",
    "\u0000",
    "\u202e",
  ];
  const values: AnyValue[] = [
    ...[2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n].map((intValue) => ({ intValue })),
    ...[-0, NaN, Infinity, -Infinity, 5e-324, 1].map((doubleValue) => ({ doubleValue })),
    { bytesValue: new Uint8Array([0, 255]) },
    { arrayValue: { values: [{ intValue: 1n }, { stringValue: "1" }, { boolValue: true }, {}] } },
    { kvlistValue: { values: [{ key: "__proto__", value: { kvlistValue: { values: [] } } }] } },
    ...["\u0000", "\u202e", "😀", "\u001b[31m", "<img src=x onerror=alert(1)>", "x".repeat(1_000_000)].map(
      (stringValue) => ({ stringValue }),
    ),
  ];
  const spans = [
    newSpan({ traceId, attributes: keys.map((key) => text(key, `of ${key}`)) }),
    // The same key with another type in every span, and twice in one.
    ...values.map((value) => newSpan({ traceId, attributes: [{ key: "k", value }] })),
    newSpan({ traceId, attributes: [text("k", "1"), { key: "k", value: { intValue: 2n } }] }),
  ];
  await send(spans);
  expect(await spansOut(traceId)).toEqual(spans);
  const [row] = await sql(
    `SELECT map_keys(attributes) AS keys FROM spans WHERE span_id = '${spans[0]?.spanId ?? ""}'`,
  );
  expect(row).toEqual({ keys });
});

it("item 35, item 84: 10,000 distinct keys add no column, and services and projects that look like paths stay data", async () => {
  const traceId = hexTraceId(35);
  const names = ["../../x", "a/b", "CON", "%2e%2e", "s".repeat(300)];
  const columns = (): Promise<unknown[]> => sql("SELECT count(*)::INT AS n FROM (DESCRIBE spans)");
  const before = await columns();
  await send(
    Array.from({ length: 100 }, (_, n) =>
      newSpan({ traceId, attributes: Array.from({ length: 100 }, (_, m) => text(`key ${n} ${m}`, "v")) }),
    ),
    names.map((name) => newSpan({ traceId, attributes: [text("langsmith.trace.session_name", name)] })),
  );
  expect(await columns()).toEqual(before);
  expect(
    await sql(
      `SELECT project FROM spans WHERE trace_id = '${traceId}' AND project IS NOT NULL ORDER BY span_id`,
    ),
  ).toEqual(names.map((project) => ({ project })));
  const paths = readdirSync(join(dataDir, "mirror"), { recursive: true, encoding: "utf8" });
  // What a sealing process has not handed over yet is in a folder of its own.
  for (const path of paths.filter((each) => !each.startsWith(".sealing")))
    expect(path).toMatch(/^[a-z_.]+(\/date=\d{4}-\d\d-\d\d(\/[\d-]+\.parquet)?)?$/);
});

it("item 37: a trace of 20,000 spans is counted, and read back in parts", async () => {
  const traceId = hexTraceId(37);
  const requests = Array.from({ length: 10 }, () =>
    Array.from({ length: 2_000 }, () => newSpan({ traceId })),
  );
  await send(...requests);
  expect(await sql(`SELECT span_count::INT AS n FROM traces WHERE trace_id = '${traceId}'`)).toEqual([
    { n: 20_000 },
  ]);
  let largest = 0;
  let total = 0;
  for await (const part of readOtlpRows(dataDir, "traces", { traceId })) {
    largest = Math.max(largest, part.length);
    total += part.length;
  }
  expect(total).toBe(20_000);
  expect(largest).toBeLessThan(20_000);
});
