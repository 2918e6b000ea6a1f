import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runCollector } from "./running-collector.js";

const PAYLOAD = new URL("../fixtures/otlp/langsmith/traces-1.json", import.meta.url);

test.runIf(process.platform !== "win32")(
  "item 89: nothing in a data directory can be read by other users, whatever the umask",
  async () => {
    const { collector, dataDir, stop } = await runCollector();
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
    await stop();
  },
);
