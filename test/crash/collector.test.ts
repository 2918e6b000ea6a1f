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
const ROUNDS = 3;
const CLIENTS = 8;
const SPANS = 5;

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-crash-"));
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

let nextId = 1;

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
}, 120_000);
