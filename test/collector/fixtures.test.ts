import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Collector } from "../../collector/index.js";
import {
  countItems,
  decodeOtlp,
  decodeOtlpJson,
  type Signal,
  type SignalData,
  SIGNALS,
} from "../../schema/index.js";
import { queryRows, readOtlpRows, rowsToOtlp, type MirrorRow } from "../../store/index.js";
import { runCollector } from "./running-collector.js";

const folder = fileURLToPath(new URL("../fixtures/otlp", import.meta.url));
const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => /(traces|logs|metrics)-\d+\.(json|pb)$/.test(name))
  .sort();

let dataDir: string;
let collector: Collector;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ dataDir, collector, stop } = await runCollector());
});
afterAll(() => stop());

/** The flattened list of (resource, scope, record) of a request: what "equal" means for OTLP. */
function flatten(value: unknown): unknown[] {
  const list: unknown[] = [];
  const walk = (node: Record<string, unknown>, surroundings: unknown[]): void => {
    const childKey = Object.keys(node).find((key) => /^(resource|scope)(Spans|Logs|Metrics)$/.test(key));
    const leafKey = Object.keys(node).find(
      (key) => key === "spans" || key === "logRecords" || key === "metrics",
    );
    const { [childKey ?? ""]: children, [leafKey ?? ""]: leaves, ...own } = node;
    for (const child of (children ?? []) as Record<string, unknown>[]) walk(child, [...surroundings, own]);
    for (const leaf of (leaves ?? []) as unknown[]) list.push([...surroundings, own, leaf]);
  };
  walk(value as Record<string, unknown>, []);
  return list;
}

it("I4: every captured payload sent over HTTP is found complete in SQL, and comes back as OTLP equal to what was sent", async () => {
  expect(files.length).toBeGreaterThan(15);
  const sent: { name: string; signal: Signal; data: SignalData[Signal] }[] = [];
  for (const name of files) {
    const signal = /(traces|logs|metrics)-/.exec(name)?.[1] as Signal;
    const bytes = readFileSync(join(folder, name));
    const isJson = name.endsWith(".json");
    const response = await fetch(`http://127.0.0.1:${collector.ports.http}/v1/${signal}`, {
      method: "POST",
      headers: isJson
        ? { "content-type": "application/json" }
        : { "content-type": "application/x-protobuf", "content-encoding": "gzip" },
      body: bytes,
    });
    expect(response.status, name).toBe(200);
    expect(await response.text(), name).toBe(isJson ? "{}" : "");
    sent.push({
      name,
      signal,
      data: isJson ? decodeOtlpJson(signal, bytes) : decodeOtlp(signal, gunzipSync(bytes)),
    });
  }
  await collector.flush(30_000);
  const tables = { traces: "spans", logs: "span_logs", metrics: "metric_points" };
  // One query for all: each starts a process.
  const counts = Object.values(tables).map(
    (table) => `SELECT '${table} ' || seq || ': ' || count(*) || '.' AS line FROM ${table} GROUP BY seq`,
  );
  const found = JSON.stringify(await queryRows({ dataDir, sql: counts.join(" UNION ALL ") }));
  const rowsOf = new Map<string, MirrorRow[]>();
  // One read of a signal for all of its requests: each opens a database.
  for (const signal of SIGNALS) {
    for await (const part of readOtlpRows(dataDir, signal)) {
      for (const row of part) {
        const key = `${signal} ${row.number("seq")}`;
        rowsOf.set(key, [...(rowsOf.get(key) ?? []), row]);
      }
    }
  }
  for (const [index, { name, signal, data }] of sent.entries()) {
    const seq = index + 1;
    expect(found, name).toContain(`${tables[signal]} ${seq}: ${countItems(signal, data)}.`);
    const rows = rowsOf.get(`${signal} ${seq}`) ?? [];
    expect(flatten(rowsToOtlp(signal, rows)), name).toEqual(flatten(data));
  }
}, 120_000);
