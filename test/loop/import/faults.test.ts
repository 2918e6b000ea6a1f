import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { FaultyProxy, type ProxyFault } from "../../support/faulty-proxy.js";
import { freshFolder, instantClock, type TwoServers, twoServers } from "./two-servers.js";

const RUNS = 230;
let servers: TwoServers;
let proxy: FaultyProxy;

beforeAll(async () => {
  servers = await twoServers();
  proxy = await new FaultyProxy(servers.far.url).start();
  const post = Array.from({ length: RUNS }, (_, at) => {
    const id = randomUUID();
    const time = new Date(Date.parse("2026-11-20T10:00:00Z") + at * 1_000).toISOString();
    const segment = `${time.replaceAll(/[-:.Z]/g, "")}000Z${id}`;
    const times = { start_time: time, end_time: time };
    return {
      id,
      trace_id: id,
      dotted_order: segment,
      name: `run ${at}`,
      run_type: "chain",
      session_name: "p",
      ...times,
    };
  });
  await sendAll(`${servers.far.url}/runs/batch`, { post });
  await sendAll(`${servers.far.url}/feedback`, { run_id: post[0]?.id, key: "k", score: 1 });
});

afterAll(async () => {
  await proxy.stop();
  await servers.stop();
});

beforeEach(() => {
  proxy.requests.length = 0;
  proxy.fault = undefined;
});

async function sendAll(url: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  expect(response.status, await response.text()).toBeLessThan(300);
}

async function runsHere(): Promise<number> {
  const [row] = await servers.door.rows("SELECT count(*) AS n FROM spans WHERE project = 'p'", []);
  return Number(row?.["n"]);
}

const isV2 = (path: string): boolean => path.startsWith("/api/v2/");

test("a source that dies in the middle of the runs: the next import goes on there, and all of them are here", async () => {
  let runsRead = 0;
  // Version 1 has pages of 100, so that there is a middle: three requests get through.
  proxy.fault = ({ path }) => {
    if (isV2(path)) return { status: 404 };
    return path.includes("/runs/query") && ++runsRead > 3 ? { status: 503 } : undefined;
  };
  const clock = instantClock();
  const first = await servers.pull({ source: { endpoint: proxy.url, clock } });
  const runs = first.types.find(({ type }) => type === "runs");
  expect(runs).toMatchObject({ found: 200, stored: 200, failed: expect.stringContaining("503") as string });
  expect(first.complete).toBe(false);
  expect(await runsHere()).toBe(200);
  // It waited longer and longer, at most five minutes together.
  expect(clock.waits.slice(0, 3)).toEqual([375, 750, 1_500]);
  expect(clock.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(300_000);

  proxy.fault = ({ path }) => (isV2(path) ? { status: 404 } : undefined);
  const second = await servers.pull({ source: { endpoint: proxy.url } });
  expect(second.complete).toBe(true);
  expect(second.types.find(({ type }) => type === "runs")).toMatchObject({
    found: RUNS - 200,
    stored: RUNS - 200,
  });
  expect(await runsHere()).toBe(RUNS);
});

test("every second request meets another fault: all is read, and nothing is stored twice", async () => {
  const faults: readonly ProxyFault[] = [
    { status: 429, headers: { "retry-after": "7" } },
    { status: 500 },
    { status: 403, headers: { "content-type": "text/html" }, body: "<html>a firewall</html>" },
    { status: 200, body: "{" },
    "reset",
    "reset mid-body",
  ];
  proxy.fault = ({ index }) => (index % 2 === 0 ? faults[(index / 2) % faults.length] : undefined);
  const clock = instantClock();
  const report = await servers.pull({ dataDir: freshFolder(), source: { endpoint: proxy.url, clock } });
  expect(report.complete).toBe(true);
  expect(report.retries).toBe(proxy.requests.length / 2);
  expect(report.retries).toBeGreaterThanOrEqual(faults.length);
  expect(report.types.find(({ type }) => type === "runs")).toMatchObject({ found: RUNS, stored: 0 });
  expect(clock.waits[0]).toBe(7_000);
});

test("a request that is never answered is made again", async () => {
  proxy.fault = ({ index }) => (index === 0 ? "hang" : undefined);
  const report = await servers.pull({
    dataDir: freshFolder(),
    projects: [],
    source: { endpoint: proxy.url, timeoutMs: 3_000 },
  });
  expect(report.complete).toBe(true);
  expect(report.retries).toBeGreaterThanOrEqual(1);
});

test("what the source does not offer is said, and is no failure; version 1 stands in for version 2", async () => {
  proxy.fault = ({ path }) =>
    path.startsWith("/api/v2/") || path.startsWith("/api/v1/feedback") ? { status: 404 } : undefined;
  const report = await servers.pull({ dataDir: freshFolder(), source: { endpoint: proxy.url } });
  expect(report.complete).toBe(true);
  expect(report.types.find(({ type }) => type === "runs")).toMatchObject({ found: RUNS, stored: 0 });
  expect(report.types.find(({ type }) => type === "feedback")?.notOffered).toBe(404);
});

test("a key that is refused ends the import at once, and says so", async () => {
  proxy.fault = () => ({ status: 401 });
  await expect(servers.pull({ source: { endpoint: proxy.url } })).rejects.toThrow(/401.*Check the API key/s);
  expect(proxy.requests).toHaveLength(1);
});
