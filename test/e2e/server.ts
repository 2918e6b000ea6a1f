import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Status } from "../../cli/status/types.js";
import { runCli, type RunningCli, startCli } from "../cli/run-cli.js";

/** A `counterfoil start` process that serves. */
export interface TestServer {
  readonly cli: RunningCli;
  readonly dataDir: string;
  readonly url: string;
  /** Resolves when every destination (or one) has settled what was accepted. */
  flush(to?: string): Promise<void>;
}

/** Starts the built command line on free ports and waits until it has said that it is ready. */
export async function startServer(
  dataDir: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const cli = startCli(["start", "--port", "0", "--grpc-port", "0", "--data-dir", dataDir, ...args], { env });
  await expect
    .poll(() => cli.stdout() + (cli.child.exitCode === null ? "" : cli.stderr()), {
      timeout: 30_000,
      interval: 20,
    })
    .toContain("is ready");
  const { url } = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8")) as { url: string };
  return {
    cli,
    dataDir,
    url,
    flush: async (to) => {
      const response = await fetch(`${url}/api/v1/flush`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...(to === undefined ? {} : { to }), deadline_ms: 20_000 }),
      });
      expect(response.status, await response.text()).toBe(200);
    },
  };
}

/** Sends one request with a root span per name, as OTLP/JSON, and expects it to be accepted. */
export async function sendSpans(url: string, names: readonly string[]): Promise<void> {
  const spans = names.map((name) => ({
    traceId: randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    name,
    startTimeUnixNano: "1795443840000000000",
    endTimeUnixNano: "1795443841000000000",
  }));
  const response = await fetch(`${url}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  });
  expect(response.status).toBe(200);
}

/** `counterfoil status --json`. */
export async function statusOf(dataDir: string): Promise<Status> {
  const { stdout, stderr, code } = await runCli(["status", "--json", "--data-dir", dataDir]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Status;
}
