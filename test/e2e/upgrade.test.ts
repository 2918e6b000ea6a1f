import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLogger, defaultConfig, startCollector, type Collector } from "../../collector/index.js";
import { dataDirPaths, queryRows, readOtlpRows } from "../../store/index.js";

/** Written by the first version: three requests in the journal, two of them sealed. */
const FIXTURE = fileURLToPath(new URL("../fixtures/data-dir-v1", import.meta.url));

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-upgrade-"));
  cpSync(FIXTURE, dataDir, { recursive: true });
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));

const start = (): Promise<Collector> =>
  startCollector(defaultConfig({}), { dataDir, httpPort: 0, grpcPort: 0, logger: createLogger("silent") });

it("item 66: a data directory of version 1, its journal not drained, is taken over whole", async () => {
  const collector = await start();
  await collector.flush(20_000);
  await collector.shutdown(5_000);
  const rows = await queryRows({ dataDir, sql: "SELECT name, request_model, seq FROM spans ORDER BY seq" });
  expect(rows).toEqual([1, 2, 3].map((n) => ({ name: `v1 span ${n}`, request_model: "m", seq: n })));
});

it("item 66: a mirror with files of version 1 alone has every view, and columns added since are null", async () => {
  const views = ["traces", "threads", "llm_calls", "tool_calls", "messages", "costs", "feedback_history"];
  const counts = views.map((view) => `(SELECT count(*) FROM ${view}) AS ${view}`);
  const sql = `SELECT name, usage_details, provenance, ${counts.join(", ")} FROM spans ORDER BY seq`;
  const rows = await queryRows({ dataDir, sql });
  const added = { usage_details: null, provenance: null };
  expect(rows).toMatchObject(
    [1, 2].map((n) => ({ name: `v1 span ${n}`, ...added, traces: 2, feedback_history: 0 })),
  );
  for await (const arrivals of readOtlpRows(dataDir, "traces", { everyArrival: true })) {
    expect(arrivals).toHaveLength(2);
  }
});

it("item 51, item 66: a journal of a newer version is refused by name, and not a byte of it is touched", async () => {
  const folder = dataDirPaths(dataDir).journal;
  const path = join(folder, readdirSync(folder)[0] ?? "");
  const bytes = readFileSync(path);
  bytes.writeUInt32LE(3, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 124)), 124);
  writeFileSync(path, bytes);
  await expect(start()).rejects.toMatchObject({ code: "CF_JOURNAL_VERSION" });
  expect(readFileSync(path)).toEqual(bytes);
});

it("item 66: a mirror of a newer version is refused by name, and not a byte of it is touched", async () => {
  const path = join(dataDirPaths(dataDir).mirror, "manifest.jsonl");
  const line = `${readFileSync(path, "utf8").split("\n")[0]?.replace('"v":1', '"v":2')}\n`;
  writeFileSync(path, line);
  await expect(start()).rejects.toMatchObject({ code: "CF_CATALOG_CORRUPT" });
  const body = line.slice(0, line.indexOf(',"crc"'));
  const valid = `${body},"crc":"${crc32(body).toString(16).padStart(8, "0")}"}\n`;
  writeFileSync(path, valid);
  await expect(start()).rejects.toMatchObject({ code: "CF_CATALOG_VERSION" });
  expect(readFileSync(path, "utf8")).toBe(valid);
});
