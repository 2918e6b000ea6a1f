import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLogger, defaultConfig, startCollector } from "../../collector/index.js";

const PAYLOAD = new URL("../fixtures/otlp/langsmith/traces-1.json", import.meta.url);

test.runIf(process.platform !== "win32")(
  "item 89: nothing in a data directory can be read by other users, whatever the umask",
  async () => {
    const dataDir = join(mkdtempSync(join(tmpdir(), "counterfoil-modes-")), "data");
    const collector = await startCollector(defaultConfig({}), {
      dataDir,
      logger: createLogger("silent"),
      httpPort: 0,
      grpcPort: 0,
    });
    const answer = await fetch(`http://127.0.0.1:${collector.ports.http}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: readFileSync(PAYLOAD),
    });
    expect(answer.status).toBe(200);
    await collector.flush(30_000);
    const paths = readdirSync(dataDir, { recursive: true, encoding: "utf8" });
    const open = paths.filter((path) => (statSync(join(dataDir, path)).mode & 0o077) !== 0);
    expect(paths.filter((path) => path.endsWith(".parquet"))).toHaveLength(1);
    expect(open).toEqual([]);
    await collector.shutdown(5_000);
    rmSync(dataDir, { recursive: true });
  },
);
