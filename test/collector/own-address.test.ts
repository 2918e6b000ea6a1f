import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { defaultConfig, loadConfig } from "../../collector/config/index.js";
import { checkOwnAddress } from "../../collector/own-address.js";
import { startCollector } from "../../collector/service.js";
import { createLogger } from "../../collector/telemetry/logger.js";

const backend = (listen: string, address: string) =>
  loadConfig(
    {
      file: "x",
      text: `
receivers: { otlp: { protocols: { http: { endpoint: "${listen}", allow_unauthenticated: true } } } }
exporters: { mirror: , otlp_http: { endpoint: "${address}" } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, otlp_http] } } }`,
    },
    {},
  ).config;

describe("an exporter that points at this very collector", () => {
  it.each([
    ["127.0.0.1:4318", "http://localhost:4318"],
    ["127.0.0.1:4318", "http://127.0.0.1:4318/api/v1"],
    ["localhost:4318", "http://[::1]:4318"],
    [":4318", "http://127.0.0.1:4318"],
    ["0.0.0.0:80", "http://0.0.0.0"],
    ["10.0.0.7:4318", "http://10.0.0.7:4318"],
  ])("is refused: listening on %s, sending to %s", (listen, address) => {
    expect(() => checkOwnAddress(backend(listen, address), {})).toThrow(/is this collector itself/);
  });

  it.each([
    ["127.0.0.1:4318", "http://localhost:4319"],
    ["127.0.0.1:4318", "http://10.0.0.7:4318"],
    ["10.0.0.7:4318", "http://127.0.0.1:4318"],
    ["127.0.0.1:0", "http://127.0.0.1:4318"],
  ])("is not confused with another one: listening on %s, sending to %s", (listen, address) => {
    expect(() => checkOwnAddress(backend(listen, address), {})).not.toThrow();
  });

  it("is found from the environment and the command line's port, before anything is opened", async () => {
    const config = defaultConfig({
      LANGSMITH_API_KEY: "lsv2_key",
      LANGSMITH_ENDPOINT: "http://localhost:4999",
    });
    expect(() => checkOwnAddress(config, {})).not.toThrow();
    const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-own-"));
    try {
      await expect(
        startCollector(config, { dataDir, httpPort: 4_999, grpcPort: 0, logger: createLogger("silent") }),
      ).rejects.toThrow(/LANGSMITH_ENDPOINT/);
      expect(readdirSync(dataDir)).toEqual([]);
    } finally {
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
    }
  });
});
