import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { loadConfig } from "../../collector/config/index.js";
import { startCollector } from "../../collector/service.js";
import { createLogger } from "../../collector/telemetry/logger.js";
import { queryRows } from "../../store/index.js";
import { post, tracesBody } from "./harness.js";

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
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 60_000);
