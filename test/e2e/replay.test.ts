import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { decodeOtlp } from "../../schema/index.js";
import { tempFolder } from "../cli/data-dir.js";
import { runCli, type RunningCli } from "../cli/run-cli.js";
import { sendSpans, startServer, statusOf, type TestServer } from "./server.js";

/** An OTLP backend that remembers span names, and does with a request what the test says. */
const received: string[] = [];
let answer: (names: readonly string[], response: ServerResponse) => void = accept;
let backend: Server;
let config = "";

const folder = tempFolder();
const running: RunningCli[] = [];

function accept(names: readonly string[], response: ServerResponse): void {
  received.push(...names);
  response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
}

beforeAll(async () => {
  backend = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      const plain = request.headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
      const names = decodeOtlp("traces", plain).resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map(({ name }) => name)),
      );
      answer(names, response);
    });
  });
  await new Promise<void>((done) => backend.listen(0, "127.0.0.1", done));
  config = join(folder, "counterfoil.yaml");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    config,
    `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters:
  mirror:
  otlp_http/backup: { endpoint: "http://127.0.0.1:${(backend.address() as AddressInfo).port}", batch: { max_items: 1 } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, otlp_http/backup] } } }
`,
  );
});
beforeEach(() => {
  received.length = 0;
  answer = accept;
});
afterAll(async () => {
  for (const { child } of running) if (child.exitCode === null) child.kill("SIGKILL");
  await Promise.all(running.map(({ ended }) => ended));
  backend.closeAllConnections();
  await new Promise((done) => backend.close(done));
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

async function start(name: string): Promise<TestServer> {
  const server = await startServer(join(folder, name), ["--config", config]);
  running.push(server.cli);
  return server;
}

describe("counterfoil replay", { timeout: 90_000 }, () => {
  it("sends again from a seq or a time, leaves the destination's account alone, and says what it did", async () => {
    const server = await start("replay");
    await sendSpans(server.url, ["one"]);
    await sendSpans(server.url, ["two", "three"]);
    await server.flush();
    expect(received.toSorted((a, b) => a.localeCompare(b))).toEqual(["one", "three", "two"]);
    const before = await statusOf(server.dataDir);
    received.length = 0;

    const replay = (...args: string[]): ReturnType<typeof runCli> =>
      runCli(["replay", "--data-dir", server.dataDir, ...args]);
    const bySeq = await replay("--from", "2", "--to", "otlp_http/backup");
    expect([bySeq.code, bySeq.stderr]).toEqual([0, ""]);
    expect(bySeq.stdout).toBe("Sent 2 of 2 items to otlp_http/backup again (requests 2 to 2).\n");
    expect(received).toHaveLength(2);
    const byTime = await replay("--from", "1h", "--to", "otlp_http/backup", "--json");
    // Behind the two requests lie the lines of the egress ledger about the first replay, which stay here.
    expect(JSON.parse(byTime.stdout)).toMatchObject({ from_seq: 1, to_seq: 4, delivered: 3 });
    expect(received).toHaveLength(5);
    expect((await statusOf(server.dataDir)).destinations).toMatchObject(
      before.destinations.map(({ name, accepted, delivered }) => ({
        name,
        accepted: { traces: accepted["traces"] },
        delivered: { traces: delivered["traces"] },
      })),
    );

    const wrong = await Promise.all([
      replay("--to", "otlp_http/backup"),
      replay("--from", "1", "--dead-letters", "--to", "otlp_http/backup"),
      replay("--from", "someday", "--to", "otlp_http/backup"),
      replay("--from", "1"),
      replay("--from", "1", "--to", "nobody"),
      replay("--from", "1", "--to", "mirror"),
      replay("--from", "99", "--to", "otlp_http/backup"),
    ]);
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 2, 5, 2, 2]);
    expect(wrong[4]?.stderr).toContain("otlp_http/backup");
  });

  it("I2: shows what a destination refused as dead letters, and sends them again when it takes them", async () => {
    const server = await start("dead");
    answer = (names, response) => {
      if (names.includes("poison")) response.writeHead(400).end();
      else accept(names, response);
    };
    await sendSpans(server.url, ["good"]);
    await sendSpans(server.url, ["poison"]);
    await server.flush();
    const table = await runCli(["status", "--data-dir", server.dataDir]);
    expect(table.stdout).toMatch(/otlp_http\/backup +running +traces +2 +1 +0 +0 +1\n/);
    expect(table.stdout).toMatch(/otlp_http\/backup: dead letter rejected_400: 1 traces/);
    answer = accept;
    const replay = ["replay", "--dead-letters", "--to", "otlp_http/backup", "--data-dir", server.dataDir];
    const again = await runCli(replay);
    expect([again.code, again.stdout]).toEqual([0, "Sent 1 dead letter from 1 file(s).\n"]);
    expect(received).toEqual(["good", "poison"]);
    expect((await runCli(replay)).stdout).toBe("There are no dead letters.\n");
  });

  it("I2: the same account is read from the files when the server is gone, with what waits", async () => {
    const server = await start("waiting");
    await sendSpans(server.url, ["first"]);
    await server.flush();
    const cursor = join(server.dataDir, "cursors", `${encodeURIComponent("otlp_http/backup")}.json`);
    await expect.poll(() => existsSync(cursor), { timeout: 10_000 }).toBe(true);
    answer = (_names, response) => void response.writeHead(503, { "retry-after": "60" }).end();
    await sendSpans(server.url, ["one", "two"]);
    await server.flush("mirror");
    server.cli.child.kill("SIGKILL");
    await server.cli.ended;
    const { destinations } = await statusOf(server.dataDir);
    expect(destinations.map(({ name }) => name)).toEqual(["mirror", "otlp_http/backup"]);
    for (const { name, accepted, delivered, waiting } of destinations) {
      expect([accepted["traces"], (delivered["traces"] ?? 0) + (waiting["traces"] ?? 0)], name).toEqual([
        3, 3,
      ]);
    }
    expect(destinations[1]?.waiting["traces"]).toBeGreaterThanOrEqual(2);
  });

  it("drop-destination gives up a removed destination only when it is removed (5, 2 before)", async () => {
    const server = await start("drop");
    const drop = (name: string): ReturnType<typeof runCli> =>
      runCli(["drop-destination", name, "--data-dir", server.dataDir]);
    const [unknown, configured] = [await drop("nobody"), await drop("otlp_http/backup")];
    expect([unknown.code, configured.code]).toEqual([5, 2]);
    await sendSpans(server.url, ["one"]);
    await server.flush();
    server.cli.child.kill("SIGTERM");
    await server.cli.ended;
    // Started without the destination: its position holds the journal until it is dropped.
    const without = await startServer(server.dataDir);
    running.push(without.cli);
    expect((await runCli(["status", "--data-dir", server.dataDir])).stdout).toContain(
      "otlp_http/backup: not configured any more",
    );
    expect(await drop("otlp_http/backup")).toMatchObject({ code: 0, stdout: "Dropped otlp_http/backup.\n" });
    expect((await runCli(["status", "--data-dir", server.dataDir])).stdout).not.toContain("otlp_http/backup");
  });

  it("a second signal ends a server at once whose destination hangs; what waits is there after the next start", async () => {
    const server = await start("hang");
    let hanging = 0;
    answer = () => void (hanging += 1);
    await sendSpans(server.url, ["slow"]);
    await expect.poll(() => hanging, { timeout: 60_000 }).toBeGreaterThan(0);
    server.cli.child.kill("SIGTERM");
    await expect.poll(() => server.cli.stderr(), { timeout: 10_000 }).toContain("Stopping");
    server.cli.child.kill("SIGTERM");
    expect((await server.cli.ended).code).toBe(143);
    answer = accept;
    const again = await start("hang");
    await again.flush();
    expect(received).toEqual(["slow"]);
  });
});
