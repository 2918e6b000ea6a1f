import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { defaultConfig } from "../../collector/config/index.js";
import { startCollector } from "../../collector/service.js";
import { createLogger } from "../../collector/telemetry/logger.js";
import { encodeOtlp } from "../../schema/index.js";
import { queryRows } from "../../store/index.js";
import { makeSpan, makeTraces, post } from "../collector/harness.js";

const child = fileURLToPath(new URL("./collector.child.mjs", import.meta.url));
const ROUNDS = 2;
const CLIENTS = 8;
const SPANS = 5;

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-crash-"));
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));

let nextId = 1;
/** First ids of spans whose two feedbacks, one change set, were acknowledged. */
const judged: number[] = [];

/** Gives two feedbacks at once on the span with that id; false when the collector was killed before it answered. */
async function judge(url: string, first: number): Promise<boolean> {
  const about = { key: "k", score: first, span_id: first.toString(16).padStart(16, "0") };
  const pair = ["a", "b"].map((half) => ({ ...about, id: `${half}${first}` }));
  const response = await fetch(`${url}/api/v1/feedback`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(pair),
  }).catch(() => undefined);
  if (response === undefined) return false;
  expect(response.status).toBe(200);
  return true;
}

/** Loads a collector from several clients and kills it after `requests` answers; gives the first ids of what was acknowledged. */
async function killedAfter(requests: number): Promise<number[]> {
  const process = spawn(globalThis.process.execPath, [child, dataDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const gone = once(process, "exit");
  const [line] = (await once(createInterface({ input: process.stdout }), "line")) as [string];
  const target = { url: `http://127.0.0.1:${line}` };
  const acked: number[] = [];
  const client = async (): Promise<void> => {
    for (;;) {
      const first = nextId;
      nextId += SPANS;
      const spans = Array.from({ length: SPANS }, (_, index) => makeSpan(first + index));
      const body = encodeOtlp("traces", makeTraces(spans));
      const gzip = first % 2 === 0;
      const sent = post(target, gzip ? gzipSync(body) : body, gzip ? { "content-encoding": "gzip" } : {});
      const response = await sent.catch(() => undefined);
      if (response === undefined) return;
      expect(response.status).toBe(200);
      if (await judge(target.url, first)) judged.push(first);
      acked.push(first);
      if (acked.length === requests) process.kill("SIGKILL");
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  await gone;
  return acked;
}

it("I1: killed with SIGKILL under load again and again, the collector has lost no acknowledged span and doubled none", async () => {
  const acked: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    acked.push(...(await killedAfter(40 + Math.floor(Math.random() * 400))));
  const collector = await startCollector(defaultConfig({}), {
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    logger: createLogger("silent"),
  });
  try {
    await collector.flush(30_000);
  } finally {
    await collector.shutdown(10_000);
  }
  const ids = await queryRows({ dataDir, sql: "SELECT string_agg(span_id, ' ') AS ids FROM spans" });
  const stored = JSON.stringify(ids).match(/\b[0-9a-f]{16}\b/g) ?? [];
  const distinct = new Set(stored);
  expect(stored.length).toBe(distinct.size);
  const expected = acked.flatMap((first) => Array.from({ length: SPANS }, (_, index) => first + index));
  expect(expected.length).toBeGreaterThan(ROUNDS * 40 * SPANS - 1);
  expect(expected.filter((id) => !distinct.has(id.toString(16).padStart(16, "0")))).toEqual([]);
  await checkFeedback();
}, 120_000);

/** Each change set is there once and whole, and every acknowledged one is. */
async function checkFeedback(): Promise<void> {
  const sql = "SELECT list(id ORDER BY id) AS ids, count(*)::INT AS n FROM feedback_history GROUP BY score";
  const sets = (await queryRows({ dataDir, sql })) as { ids: string[]; n: number }[];
  expect(sets.filter(({ ids, n }) => n !== 2 || ids[0]?.slice(1) !== ids[1]?.slice(1))).toEqual([]);
  const stored = new Set(sets.map(({ ids }) => Number(ids[0]?.slice(1))));
  expect(judged.length).toBeGreaterThan(0);
  expect(judged.filter((first) => !stored.has(first))).toEqual([]);
}
