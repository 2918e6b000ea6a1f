import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { dataDirPaths, openCatalog, runQuery, startMaintenance } from "../../store/index.js";
import { temporaryFolder, writeRows } from "./mirror-files.js";

const HOUR_SECONDS = 3_600;
const HEAVY =
  "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c WHERE a.range * b.range = c.range + 0.5";

/** Waits for a child of this process that runs a module, and ends it as a fault in its native code would. */
async function crashChild(module: string): Promise<void> {
  for (;;) {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      try {
        const parent = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1];
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        // Until it has replaced the shell that set its limits, it would be the shell that dies.
        if (parent !== String(process.pid) || !line.includes(module) || line.startsWith("/bin/sh")) continue;
        process.kill(Number(pid), "SIGSEGV");
        return;
      } catch {
        // It ended while we looked.
      }
    }
    await delay(5);
  }
}

async function mirrorWithSpans(): Promise<{ dataDir: string; path: string }> {
  const dataDir = temporaryFolder();
  const { mirror, temp } = dataDirPaths(dataDir);
  mkdirSync(temp);
  const catalog = await openCatalog({ mirrorDir: mirror });
  const path = "spans/date=2026-11-23/0-1-1.parquet";
  const entry = await writeRows(mirror, path, [
    { trace_id: "a".repeat(32), span_id: "1".repeat(16), name: "one", seq: 1, seq_index: 0 },
  ]);
  await catalog.commit({ add: [entry], remove: [], sealedSeq: 1 });
  await catalog.close();
  return { dataDir, path };
}

test.runIf(process.platform === "linux")(
  "item 45: a query process that crashes is an error of that query only; the next one works",
  async () => {
    const { dataDir } = await mirrorWithSpans();
    const [failed] = await Promise.all([
      runQuery({ dataDir, sql: HEAVY, format: "table", timeoutMs: 60_000 }).catch((error: unknown) => error),
      crashChild("query.child"),
    ]);
    expect(failed).toMatchObject({ code: "CF_QUERY_LIMIT" });
    expect(String(failed)).toContain("SIGSEGV");
    const { rows } = await runQuery({ dataDir, sql: "SELECT name FROM spans", format: "table" });
    expect(rows).toEqual([["one"]]);
    expect(readdirSync(dataDirPaths(dataDir).temp)).toEqual([]);
  },
);

test.runIf(process.platform === "linux")(
  "item 45: a compaction process that crashes leaves the mirror as it was, is reported, and its job is done again",
  async () => {
    const { dataDir, path } = await mirrorWithSpans();
    const { mirror, temp } = dataDirPaths(dataDir);
    const past = Date.now() / 1000 - 2 * HOUR_SECONDS;
    utimesSync(join(mirror, path), past, past);
    const catalog = await openCatalog({ mirrorDir: mirror });
    const warnings: string[] = [];
    const maintenance = startMaintenance({
      dataDir,
      catalog,
      logger: {
        info: () => undefined,
        warn: (fields, text) => warnings.push(`${text} ${JSON.stringify(fields)}`),
      },
    });
    const [report] = await Promise.all([maintenance.runOnce(), crashChild("compactor.child")]);
    expect(report).toMatchObject({ failures: 1, compactions: 0 });
    expect(warnings[0]).toContain("SIGSEGV");
    expect(catalog.snapshot().files.map((file) => file.path)).toEqual([path]);
    expect(existsSync(join(mirror, path))).toBe(true);
    expect(await maintenance.runOnce()).toMatchObject({ failures: 0, compactions: 1 });
    expect(catalog.snapshot().files).toMatchObject([{ level: 1, rows: 1 }]);
    expect(readdirSync(temp)).toEqual([]);
    await maintenance.shutdown();
    await catalog.close();
  },
);
