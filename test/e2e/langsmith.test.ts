import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tempFolder } from "../cli/data-dir.js";
import { runCli, type RunningCli } from "../cli/run-cli.js";
import { LangSmithStandIn } from "../support/langsmith-stand-in.js";
import { startServer, statusOf } from "./server.js";

const folder = tempFolder();
const running: RunningCli[] = [];
const standIns = { translate: new LangSmithStandIn(), native: new LangSmithStandIn() };
const FIXTURE = new URL("../fixtures/otlp/ai7-otel3/traces-1.json", import.meta.url);
const GOLDEN = new URL("../golden/langsmith/ai7-otel3.json", import.meta.url);

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  for (const standIn of Object.values(standIns)) await standIn.start();
});

afterAll(async () => {
  for (const { child } of running) if (child.exitCode === null) child.kill("SIGKILL");
  await Promise.all(running.map(({ ended }) => ended));
  for (const standIn of Object.values(standIns)) await standIn.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

describe("from an agent's spans to LangSmith", () => {
  it("both modes show the golden run tree; what was accepted while LangSmith was down survives kill -9", async () => {
    const config = join(folder, "counterfoil.yaml");
    writeFileSync(
      config,
      `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  mirror:
  langsmith: { api_key: "\${env:TEST_KEY}", endpoint: "${standIns.translate.url}", project: golden, retry_on_failure: { max_interval: 1s } }
  langsmith/native: { api_key: "\${env:TEST_KEY}", endpoint: "${standIns.native.url}", project: golden, mode: native, trace_wait: 100ms, retry_on_failure: { max_interval: 1s } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, langsmith, langsmith/native] } } }
`,
    );
    const dataDir = join(folder, "data");
    const env = { TEST_KEY: "lsv2_end_to_end_key" };
    for (const standIn of Object.values(standIns)) standIn.fault = () => ({ status: 503 });
    const first = await startServer(dataDir, ["--config", config], env);
    running.push(first.cli);
    const response = await fetch(`${first.url}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: readFileSync(FIXTURE),
    });
    expect(response.status).toBe(200);
    await expect.poll(() => standIns.native.requests.length, { timeout: 20_000 }).toBeGreaterThan(0);
    first.cli.child.kill("SIGKILL");
    await first.cli.ended;

    for (const standIn of Object.values(standIns)) standIn.fault = undefined;
    const second = await startServer(dataDir, ["--config", config], env);
    running.push(second.cli);
    await second.flush();
    const golden: unknown = JSON.parse(readFileSync(GOLDEN, "utf8"));
    expect(standIns.translate.trees()).toEqual(golden);
    expect(standIns.native.trees()).toEqual(golden);

    const rows = await runCli([
      "sql",
      "select count(distinct run_id) as n from spans",
      "--format",
      "json",
      "--data-dir",
      dataDir,
    ]);
    expect(rows.stdout).toContain("6");
    const status = JSON.stringify(await statusOf(dataDir));
    expect(status).not.toContain(env.TEST_KEY);
    second.cli.child.kill("SIGTERM");
    await second.cli.ended;
    expect(second.cli.stdout() + second.cli.stderr()).not.toContain(env.TEST_KEY);
  });
});
