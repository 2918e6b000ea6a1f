import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBodyFields } from "../../bench/load/body-fields.js";
import { changeGzipIds, encodeGzipBody } from "../../bench/load/gzip-body.js";
import { Workload } from "../../bench/load/workload.js";
import { slope } from "../../bench/measure/rss-watch.js";
import { percentilesOf } from "../../bench/measure/percentiles.js";
import { SCENARIOS } from "../../bench/registry.js";
import type { BenchResults } from "../../bench/report/results.js";
import { decodeOtlp } from "../../schema/index.js";

const MAIN = fileURLToPath(new URL("../../dist/bench/main.js", import.meta.url));
const run = promisify(execFile);
const RUN_TIMEOUT_MS = 300_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "counterfoil-bench-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

describe("npm run bench", () => {
  it(
    "prints a line for each measure beside its floor, and the same figures with the machine's facts as JSON",
    async () => {
      const out = join(folder, "out.json");
      const args = [MAIN, "--quick", "--seconds", "1", "--only", "grpc", "--out", out];
      const { stdout } = await run(process.execPath, args);
      const { reports } = JSON.parse(readFileSync(out, "utf8")) as BenchResults;
      expect(reports.map(({ scenario, error }) => [scenario, error])).toEqual([["grpc", undefined]]);
      for (const { rows, machine, facts } of reports) {
        expect(rows.length).toBeGreaterThan(0);
        for (const row of rows) {
          expect(stdout).toContain(row.measure);
          expect(row.value).toBeGreaterThan(0);
          expect(typeof row.met).toBe(row.target === undefined ? "undefined" : "boolean");
          for (const floor of row.floors ?? []) expect(stdout).toContain(floor.name);
        }
        expect(rows[0]?.floors?.length).toBeGreaterThan(0);
        expect(Object.values(machine).filter((fact) => fact === "")).toEqual([]);
        expect(machine).toMatchObject({ cores: expect.any(Number), node: process.version });
        expect(Object.values(facts)).not.toContain(Number.NaN);
      }
    },
    RUN_TIMEOUT_MS,
  );

  it("refuses an unknown scenario and an unknown option with exit code 2", async () => {
    await expect(run(process.execPath, [MAIN, "--only", "nothing"])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no scenario nothing"),
    });
    await expect(run(process.execPath, [MAIN, "--fast"])).rejects.toMatchObject({ code: 2 });
  });

  it("names every scenario once", () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("the load's bodies", () => {
  const [body = new Uint8Array()] = new Workload({
    kind: "content",
    requests: 1,
    spansPerRequest: 60,
    seed: 1,
  }).bodies();
  const fields = findBodyFields(body);

  it("have their trace ids and times where the generator changes them", () => {
    const spans = decodeOtlp("traces", body).resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap((scope) => scope.spans),
    );
    const hex = Buffer.from(body).toString("hex");
    expect([...fields.ids].map((at) => hex.slice(2 * at, 2 * at + 32))).toEqual(
      spans.map(({ traceId }) => traceId),
    );
    const words = spans.flatMap(({ startTimeUnixNano: start, endTimeUnixNano: end, events }) =>
      [start, end, ...events.map(({ timeUnixNano }) => timeUnixNano)].map((time) => Number(time >> 32n)),
    );
    const view = Buffer.from(body);
    expect([...fields.times].map((at) => view.readUInt32LE(at))).toEqual(words);
    expect(fields.lastTime).toBe(Math.max(...words));
  });

  it("can be changed in their gzip'd form, which then decompresses to the changed body", () => {
    const zipped = encodeGzipBody(body, fields.ids);
    const expected = Buffer.from(body);
    for (const word of [1, 0x80000000, 0xdeadbeef]) {
      for (const at of fields.ids) expected.writeUInt32LE((expected.readUInt32LE(at) ^ word) >>> 0, at);
      changeGzipIds(zipped.bytes, zipped, word);
      expect(gunzipSync(zipped.bytes).equals(expected)).toBe(true);
    }
  });
});

describe("the statistics", () => {
  it("take percentiles by nearest rank", () => {
    const values = Array.from({ length: 1_000 }, (_, index) => 1_000 - index);
    expect(percentilesOf(values)).toEqual({
      count: 1_000,
      p50: 500,
      p90: 900,
      p99: 990,
      p999: 999,
      max: 1_000,
    });
    expect(percentilesOf([])).toMatchObject({ count: 0, p99: 0 });
  });

  it("find the slope of a straight line, and none in a flat one", () => {
    expect(
      slope([
        [0, 1],
        [1, 3],
        [2, 5],
      ]),
    ).toBeCloseTo(2);
    expect(
      slope([
        [0, 4],
        [1, 4],
        [2, 4],
      ]),
    ).toBe(0);
    expect(slope([[0, 4]])).toBe(0);
  });
});
