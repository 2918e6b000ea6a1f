import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CHILD_NICENESS, encodeOtlp } from "../../schema/index.js";
import { runCli, startCli } from "../cli/run-cli.js";
import { makeSpan, makeTraces } from "../collector/harness.js";
import { startServer, statusOf, type TestServer } from "../e2e/server.js";
import { NormalClient } from "./beside.js";

let root: string;
let dataDir: string;
let server: TestServer | undefined;
let client: NormalClient | undefined;
let stop: () => void = () => undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "counterfoil-starved-"));
  dataDir = join(root, "data");
});

afterEach(async () => {
  stop();
  stop = () => undefined;
  client?.close();
  server?.cli.child.kill("SIGTERM");
  await server?.cli.ended;
  server = undefined;
  rmSync(root, { recursive: true, force: true, maxRetries: 20 });
});

async function serve(): Promise<{ running: TestServer; port: number; sender: NormalClient }> {
  const running = await startServer(dataDir);
  const port = Number(new URL(running.url).port);
  const sender = new NormalClient(port);
  server = running;
  client = sender;
  return { running, port, sender };
}

/** Lets a process run for 20 of every 100 ms, as a processor quota does. */
function starve(pid: number): () => void {
  let pause: NodeJS.Timeout | undefined;
  const timer = setInterval(() => {
    process.kill(pid, "SIGCONT");
    pause = setTimeout(() => process.kill(pid, "SIGSTOP"), 20);
  }, 100);
  return () => {
    clearInterval(timer);
    clearTimeout(pause);
    process.kill(pid, "SIGCONT");
  };
}

/** A request of spans that no other one has. */
function numbered(request: number, spans: number): Buffer {
  const ids = Array.from({ length: spans }, (_, index) => makeSpan(request * spans + index + 1));
  return Buffer.from(encodeOtlp("traces", makeTraces(ids)));
}

async function countSpans(): Promise<string> {
  const sql = "SELECT count(*) AS all_spans, count(DISTINCT span_id) AS different FROM spans";
  const { stdout, stderr, code } = await runCli(["sql", sql, "--format", "csv", "--data-dir", dataDir]);
  expect(code, stderr).toBe(0);
  return stdout.trim().split("\n").at(-1) ?? "";
}

test.skipIf(process.platform === "win32")(
  "item 78: with a fifth of a processor everything is slower, and everything acknowledged is in the mirror once",
  async () => {
    const { running, port } = await serve();
    stop = starve(running.cli.child.pid ?? 0);
    const senders = Array.from({ length: 4 }, () => new NormalClient(port));
    let next = 0;
    await Promise.all(
      senders.map(async (sender) => {
        for (let request = next++; request < 80; request = next++) {
          expect(await sender.send(numbered(request, 20))).toBe(200);
        }
        sender.close();
      }),
    );
    stop();
    stop = () => undefined;
    await running.flush();
    expect(await countSpans()).toBe("1600,1600");
  },
);

/** Niceness of the query processes that these processes have started, from /proc. */
function queryNiceness(parents: readonly (number | undefined)[]): number[] {
  const found: number[] = [];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
      // From the third field on: state, parent, ..., niceness (proc(5)).
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const command = readFileSync(`/proc/${entry}/cmdline`, "utf8");
      if (!parents.includes(Number(fields[1])) || command.startsWith("/bin/sh")) continue;
      found.push(Number(fields[16]));
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** The best of three measurements: what is slowed down is slow in each. */
async function fastest(sender: NormalClient): Promise<number> {
  const medians = [await sender.median(40), await sender.median(40), await sender.median(40)];
  return Math.min(...medians);
}

test.runIf(process.platform === "linux")(
  "item 79: beside 16 heavy queries a normal client goes on",
  async () => {
    const { sender } = await serve();
    await sender.median(30);
    const alone = await sender.median();
    const heavy = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3";
    const queries = Array.from({ length: 16 }, () =>
      startCli(["sql", heavy, "--data-dir", dataDir, "--timeout", "60s"]),
    );
    stop = () => {
      for (const query of queries) query.child.kill("SIGKILL");
    };
    const pids = queries.map((query) => query.child.pid);
    await expect.poll(() => queryNiceness(pids).length, { timeout: 60_000 }).toBeGreaterThanOrEqual(16);
    await expect
      .poll(() => Math.min(...queryNiceness(pids)))
      .toBe(Math.min(19, getPriority() + CHILD_NICENESS));
    // 64 threads want the processor; without precedence for receiving each request would wait for all of them.
    expect(await fastest(sender), `alone ${alone.toFixed(1)} ms`).toBeLessThan(alone * 8);
    const status = await statusOf(dataDir);
    expect(status.journal?.durable_seq).toBe(sender.accepted);
  },
);
