import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadConfig } from "../../collector/config/index.js";
import { startCollector } from "../../collector/service.js";
import { createLogger } from "../../collector/telemetry/logger.js";
import { encodeOtlp } from "../../schema/index.js";
import { queryRows } from "../../store/index.js";
import { makeSpan, makeTraces, post, tracesBody } from "./harness.js";

it("item 69: while the mirror can't write, others deliver and nothing is refused; then it catches up", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-independence-"));
  const out = join(dataDir, "out");
  const text = `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { mirror: , file: { path: ${out} } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, file] } } }
`;
  // No folder can be made where a file is: as good as a disk that takes nothing.
  const obstacle = join(dataDir, "mirror", "spans");
  mkdirSync(join(dataDir, "mirror"), { mode: 0o700 });
  writeFileSync(obstacle, "");
  const { config } = loadConfig({ text, file: "test.yaml" }, {});
  const collector = await startCollector(config, { dataDir, logger: createLogger("silent") });
  try {
    const url = `http://127.0.0.1:${collector.ports.http ?? 0}`;
    const account = (name: string) => collector.status().destinations.find((each) => each.name === name);
    expect((await post({ url }, tracesBody(2))).status).toBe(200);
    await expect.poll(() => account("file")?.delivered.traces, { timeout: 10_000 }).toBe(2);
    await expect.poll(() => account("mirror")?.state, { timeout: 10_000 }).toBe("retrying");
    expect(account("mirror")).toMatchObject({ waiting: { traces: 2 }, dead_letter: {} });
    expect(account("mirror")?.last_error).not.toBe("");
    expect(readFileSync(join(out, "traces.jsonl"), "utf8")).toContain("span 1");
    expect(collector.status().journal.first_seq).toBe(1);
    rmSync(obstacle);
    await collector.flush(30_000);
    expect(await queryRows({ dataDir, sql: "SELECT count(*)::INT AS n FROM spans" })).toEqual([{ n: 2 }]);
  } finally {
    await collector.shutdown(5_000);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  }
}, 60_000);

it("item 72: with drop_oldest nobody is refused; only the destination that is behind loses, and it is counted", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-drop-"));
  const text = `
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { mirror: , otlp_http: { endpoint: "http://127.0.0.1:9" } }
journal: { max_size: 256KiB, segment_size: 32KiB, when_full: drop_oldest }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, otlp_http] } } }
`;
  const { config } = loadConfig({ text, file: "test.yaml" }, {});
  const collector = await startCollector(config, { dataDir, logger: createLogger("silent") });
  try {
    const url = `http://127.0.0.1:${collector.ports.http ?? 0}`;
    const account = (name: string) => collector.status().destinations.find((each) => each.name === name);
    const filling = { key: "filling", value: { stringValue: "x".repeat(20_000) } };
    for (let n = 1; n <= 40; n += 1) {
      const body = encodeOtlp("traces", makeTraces([makeSpan(n, { attributes: [filling] })]));
      expect((await post({ url }, body)).status).toBe(200);
      // The mirror keeps up, as it does at a cap of gigabytes.
      if (n % 8 === 0)
        await expect.poll(() => account("mirror")?.waiting.traces, { timeout: 10_000, interval: 20 }).toBe(0);
    }
    expect(account("mirror")).toMatchObject({ delivered: { traces: 40 }, dead_letter: {} });
    expect(await queryRows({ dataDir, sql: "SELECT count(*)::INT AS n FROM spans" })).toEqual([{ n: 40 }]);
    expect(collector.status().journal.bytes).toBeLessThan(300 * 1024);
    // What it had read already it could still deliver; after a restart it has to read again.
    await collector.shutdown(5_000);
    const again = await startCollector(config, { dataDir, logger: createLogger("silent") });
    const behind = () => again.status().destinations.find(({ name }) => name === "otlp_http");
    try {
      await expect
        .poll(() => behind()?.dead_letter["journal_trimmed"]?.traces ?? 0, { timeout: 10_000 })
        .toBeGreaterThan(20);
      const lost = behind()?.dead_letter["journal_trimmed"]?.traces ?? 0;
      expect(behind()).toMatchObject({ accepted: { traces: 40 }, waiting: { traces: 40 - lost } });
    } finally {
      await again.shutdown(5_000);
    }
  } finally {
    await collector.shutdown(5_000);
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  }
}, 60_000);
