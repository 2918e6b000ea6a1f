import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A Counterfoil started for a measurement: its own process and data directory. */
export interface BenchServer {
  readonly pid: number;
  readonly port: number;
  readonly grpcPort: number;
  stop(): Promise<void>;
}

const CLI = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const START_TIMEOUT_MS = 20_000;

function readServerFile(path: string): { http_port?: number; grpc_port?: number } | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { http_port?: number; grpc_port?: number };
  } catch {
    return undefined;
  }
}

async function ready(child: ChildProcess, dataDir: string): Promise<{ http: number; grpc: number }> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`counterfoil start ended with ${child.exitCode}`);
    const file = readServerFile(join(dataDir, "server.json"));
    if (file?.http_port !== undefined) {
      const answer = await fetch(`http://127.0.0.1:${file.http_port}/readyz`).catch(() => undefined);
      if (answer?.ok) return { http: file.http_port, grpc: file.grpc_port ?? 0 };
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("counterfoil start was not ready in time");
}

/** Starts `counterfoil start` on free ports and waits until it is ready. */
export async function startBenchServer(dataDir: string, args: readonly string[] = []): Promise<BenchServer> {
  const child = spawn(
    process.execPath,
    [CLI, "start", "--port", "0", "--grpc-port", "0", "--data-dir", dataDir, "--log-level", "warn", ...args],
    { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, LANGSMITH_API_KEY: "" } },
  );
  const ports = await ready(child, dataDir);
  return {
    pid: child.pid ?? 0,
    port: ports.http,
    grpcPort: ports.grpc,
    async stop() {
      if (child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}
