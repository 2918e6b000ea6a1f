import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tempFolder } from "../cli/data-dir.js";
import { runCli, type RunningCli } from "../cli/run-cli.js";
import { sendSpans, startServer, statusOf } from "./server.js";

const folder = tempFolder();
const running: RunningCli[] = [];
afterAll(async () => {
  for (const { child } of running) if (child.exitCode === null) child.kill("SIGKILL");
  await Promise.all(running.map(({ ended }) => ended));
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

async function start(name: string, ...args: string[]): Promise<Awaited<ReturnType<typeof startServer>>> {
  const server = await startServer(join(folder, name), args);
  running.push(server.cli);
  return server;
}

describe("counterfoil start", { timeout: 90_000 }, () => {
  it("prints addresses, lines to paste, destinations and where the data is; drains on SIGTERM and exits with 0", async () => {
    const server = await start("first");
    const { url, dataDir } = server;
    expect(server.cli.stdout()).toContain(`OTLP/HTTP  ${url}\n`);
    expect(server.cli.stdout()).toContain(`export OTEL_EXPORTER_OTLP_ENDPOINT=${url}\n`);
    expect(server.cli.stdout()).toContain(`cd ${join(dataDir, "mirror")} && duckdb -init open.sql`);
    expect(server.cli.stdout()).toContain("set LANGSMITH_API_KEY");
    await sendSpans(url, ["one", "two"]);
    const live = await runCli(["status", "--data-dir", dataDir]);
    expect([live.code, live.stderr]).toEqual([0, ""]);
    expect(live.stdout).toContain(`pid ${server.cli.child.pid} serves ${url}`);
    server.cli.child.kill("SIGTERM");
    const ended = await server.cli.ended;
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("Stopped. Everything acknowledged is on disk.");
    expect(existsSync(join(dataDir, "server.json"))).toBe(false);
    // Stopped in an orderly way means sealed: the account without a server is complete.
    const status = await statusOf(dataDir);
    expect(status.state).toBe("stopped");
    expect(status.destinations).toMatchObject([
      { name: "mirror", accepted: { traces: 2 }, delivered: { traces: 2 }, waiting: { traces: 0 } },
    ]);
    const sql = await runCli([
      "sql",
      "--format",
      "csv",
      "--data-dir",
      dataDir,
      "SELECT name FROM spans ORDER BY 1",
    ]);
    expect(sql.stdout).toBe("name\none\ntwo\n");
  });

  it("I1: keeps what it acknowledged through kill -9, is found stopped, and starts again on the same folder", async () => {
    const server = await start("killed");
    await sendSpans(server.url, ["kept"]);
    server.cli.child.kill("SIGKILL");
    await server.cli.ended;
    expect(existsSync(join(server.dataDir, "server.json"))).toBe(true);
    expect((await statusOf(server.dataDir)).state).toBe("stopped");
    const replay = await runCli(["replay", "--from", "1", "--to", "x", "--data-dir", server.dataDir]);
    expect([replay.code, replay.stderr.includes("No server is running")]).toEqual([6, true]);
    const again = await start("killed");
    await again.flush();
    const sql = await runCli([
      "sql",
      "--format",
      "csv",
      "--data-dir",
      again.dataDir,
      "SELECT name FROM spans",
    ]);
    expect(sql.stdout).toBe("name\nkept\n");
  });

  it("refuses a data directory that another server holds, with 4, and does not disturb that server", async () => {
    const server = await start("held");
    const second = await runCli(["start", "--port", "0", "--grpc-port", "0", "--data-dir", server.dataDir]);
    expect(second.code).toBe(4);
    expect(second.stderr).toContain(String(server.cli.child.pid));
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const doctor = await runCli(["doctor", "--json", "--data-dir", server.dataDir]);
    expect(doctor.code, doctor.stdout).toBe(0);
    const lines = JSON.parse(doctor.stdout) as { name: string; status: string; detail: string }[];
    const of = (name: string): unknown => lines.find((line) => line.name === name);
    expect(of("lock")).toMatchObject({ status: "ok", detail: expect.stringContaining(server.url) as string });
    expect(of("port http")).toMatchObject({
      status: "ok",
      detail: expect.stringContaining("Counterfoil itself") as string,
    });
    expect(existsSync(join(server.dataDir, "server.json"))).toBe(true);
  });

  it("says which port is taken, exits with 8, and leaves the data directory free", async () => {
    const other = createServer();
    await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
    const { port } = other.address() as AddressInfo;
    const dataDir = join(folder, "port");
    const refused = await runCli([
      "start",
      "--port",
      String(port),
      "--grpc-port",
      "0",
      "--data-dir",
      dataDir,
    ]);
    await new Promise((done) => other.close(done));
    expect(refused.code).toBe(8);
    expect(refused.stderr).toContain(String(port));
    const server = await start("port");
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  });

  it("refuses an invalid configuration with 3 and every error, and bad options with 2", async () => {
    mkdirSync(join(folder, "bad"));
    const path = join(folder, "bad", "bad.yaml");
    writeFileSync(
      path,
      "receivers: { otlp: { protocols: { http: { endpoint: nowhere, colour: red } } } }\nexporters: {}\n",
    );
    const [config, port, host] = await Promise.all([
      runCli(["start", "--config", path, "--data-dir", join(folder, "bad")]),
      runCli(["start", "--port", "70000", "--data-dir", join(folder, "bad")]),
      runCli([
        "start",
        "--host",
        "0.0.0.0",
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--data-dir",
        join(folder, "bad"),
      ]),
    ]);
    expect(config.code).toBe(3);
    expect(config.stderr).toMatch(/bad\.yaml:1:1: service: [^]*endpoint: [^]*colour: unknown key/);
    expect(port.code).toBe(2);
    // Open to other machines without a key: refused, not warned of.
    expect([host.code, host.stderr.includes("api_keys")]).toEqual([3, true]);
  });

  it("writes server.json that only names what is public, and takes it away only when it is its own", async () => {
    const server = await start("file");
    const path = join(server.dataDir, "server.json");
    const stored = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    expect(Object.keys(stored).sort()).toEqual([
      "grpc_port",
      "grpc_url",
      "http_port",
      "pid",
      "started_at",
      "url",
      "version",
    ]);
    writeFileSync(path, JSON.stringify({ ...stored, pid: process.pid }));
    server.cli.child.kill("SIGINT");
    expect((await server.cli.ended).code).toBe(0);
    expect(existsSync(path)).toBe(true);
  });
});
