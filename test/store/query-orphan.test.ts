import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { dataDirPaths, openCatalog } from "../../store/index.js";
import { temporaryFolder } from "./mirror-files.js";

const STORE = fileURLToPath(new URL("../../dist/store/index.js", import.meta.url));

function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`;
  if (!existsSync(path)) return false;
  const stat = readFileSync(path, "utf8");
  return !"ZX".includes(stat.charAt(stat.lastIndexOf(")") + 2));
}

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await delay(25);
  }
}

/** From /proc, because `ps` is missing on slim images. */
function childOf(pid: number): number | undefined {
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = readFileSync(`/proc/${entry}/stat`, "utf8").split(") ")[1]?.split(" ")[1];
      if (parent !== String(pid)) continue;
      if (readFileSync(`/proc/${entry}/cmdline`, "utf8").includes("query.child")) return Number(entry);
    } catch {
      // It ended while we looked.
    }
  }
  return undefined;
}

test.runIf(process.platform === "linux")(
  "I8: when its parent is killed, a query that is busy in the engine ends, too",
  async () => {
    const dataDir = temporaryFolder();
    await (await openCatalog({ mirrorDir: dataDirPaths(dataDir).mirror })).close();
    mkdirSync(dataDirPaths(dataDir).temp);
    const sql =
      "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c WHERE a.range * b.range = c.range + 0.5";
    const script = `
      import { runQuery } from ${JSON.stringify(STORE)};
      await runQuery(${JSON.stringify({ dataDir, sql, format: "table", timeoutMs: 60_000 })});`;
    const parent = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "ignore" });
    const child = await until(() => childOf(parent.pid ?? 0));
    // Busy in the engine: it has used CPU time beyond starting up (utime, field 14 of /proc/<pid>/stat, 10 ms ticks).
    await until(() => {
      const fields = readFileSync(`/proc/${child}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return Number(fields[11]) > 100 ? true : undefined;
    });
    parent.kill("SIGKILL");
    expect(await until(() => (isRunning(child) ? undefined : "ended"))).toBe("ended");
  },
);
