import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { CursorFile, type JournalTail, nodeFileSystem, zeroCounts } from "../journal/index.js";
import { dataDirPaths } from "../store/index.js";
import { ownChild } from "./own-children.js";

/** How a Counterfoil is started for a measurement. */
export interface BenchServerOptions {
  readonly dataDir: string;
  /** Sealing threads; undefined for the default. */
  readonly workers?: number | undefined;
  /** Further lines of `exporters`, and the names of those that get traces. */
  readonly exporters?: Readonly<Record<string, string>>;
  /** Admission's bound, such as `16MiB`. */
  readonly inflight?: string;
  /** Compaction's interval, such as `1s`. */
  readonly compactionInterval?: string;
  readonly compaction?: boolean;
  /** A destination of this name was there once and is not configured: the journal keeps everything for it. */
  readonly keptFor?: string;
  /** A file of prices. */
  readonly pricesFile?: string;
  /** How long it may take until it is ready, milliseconds. */
  readonly startTimeoutMs?: number;
}

/** A Counterfoil started for a measurement: its own process and data directory. */
export interface BenchServer {
  readonly pid: number;
  readonly port: number;
  readonly grpcPort: number;
  readonly dataDir: string;
  readonly mirrorDir: string;
  /** Finishes what was begun. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
}

const CLI = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const START_TIMEOUT_MS = 30_000;
const POLL_MS = 20;

interface ServerFile {
  readonly pid?: number;
  readonly http_port?: number;
  readonly grpc_port?: number;
}

function readServerFile(path: string): ServerFile | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ServerFile;
  } catch {
    return undefined;
  }
}

async function ready(
  child: ChildProcess,
  options: BenchServerOptions,
): Promise<{ http: number; grpc: number }> {
  const deadline = performance.now() + (options.startTimeoutMs ?? START_TIMEOUT_MS);
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`counterfoil start ended with ${child.exitCode}`);
    const file = readServerFile(join(options.dataDir, "server.json"));
    if (file?.http_port !== undefined && file.pid === child.pid) {
      const answer = await fetch(`http://127.0.0.1:${file.http_port}/readyz`).catch(() => undefined);
      if (answer?.ok) return { http: file.http_port, grpc: file.grpc_port ?? 0 };
    }
    await sleep(POLL_MS);
  }
  throw new Error("counterfoil start was not ready in time");
}

/** The configuration as YAML, or undefined when the built-in one serves. */
function configText(options: BenchServerOptions): string | undefined {
  const { workers, compaction, compactionInterval, inflight, pricesFile, exporters = {} } = options;
  const names = Object.keys(exporters);
  if (
    workers === undefined &&
    compaction === undefined &&
    compactionInterval === undefined &&
    inflight === undefined &&
    pricesFile === undefined &&
    names.length === 0
  )
    return;
  const pipeline = `{ receivers: [otlp], exporters: [${["mirror", ...names].join(", ")}] }`;
  return [
    `receivers: { otlp: { ${inflight === undefined ? "" : `max_inflight_size: ${inflight}, `}protocols: { http: { endpoint: 127.0.0.1:0 }, grpc: { endpoint: 127.0.0.1:0 } } } }`,
    "exporters:",
    "  mirror:",
    ...names.map((name) => `  ${name}: ${exporters[name] ?? ""}`),
    "mirror:",
    ...(workers === undefined ? [] : [`  workers: ${workers}`]),
    `  compaction: { enabled: ${compaction ?? true}, interval: ${compactionInterval ?? "60s"} }`,
    ...(pricesFile === undefined ? [] : [`prices: { file: ${pricesFile} }`]),
    "service:",
    `  pipelines: { traces: ${pipeline} }`,
    "",
  ].join("\n");
}

/** Starts `counterfoil start` on free ports and waits until it is ready. */
export async function startBenchServer(options: BenchServerOptions): Promise<BenchServer> {
  const { dataDir } = options;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  if (options.keptFor !== undefined) await keepFor(options.keptFor, dataDir);
  const args = ["start", "--port", "0", "--grpc-port", "0", "--data-dir", dataDir, "--log-level", "warn"];
  const config = configText(options);
  if (config !== undefined) {
    const path = `${dataDir}.yaml`;
    writeFileSync(path, config);
    args.push("--config", path);
  }
  const child = ownChild(
    spawn(process.execPath, [...profileArgs(), CLI, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, LANGSMITH_API_KEY: "" },
    }),
  );
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString("utf8")).slice(-4_000)));
  const ports = await ready(child, options).catch((error: unknown) => {
    child.kill("SIGKILL");
    throw new Error(`${String(error)}\n${errors}`);
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  return {
    pid: child.pid ?? 0,
    port: ports.http,
    grpcPort: ports.grpc,
    dataDir,
    mirrorDir: dataDirPaths(dataDir).mirror,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

async function keepFor(name: string, dataDir: string): Promise<void> {
  const folder = dataDirPaths(dataDir).cursors;
  await nodeFileSystem.mkdir(folder);
  const path = join(folder, `${encodeURIComponent(name)}.json`);
  await new CursorFile<JournalTail>(path).save({ seq: 0, counts: zeroCounts() });
}

/** `BENCH_NODE_ARGS="--cpu-prof --cpu-prof-dir=..."`: profiles the server under test (docs/performance.md). */
function profileArgs(): string[] {
  return (process.env["BENCH_NODE_ARGS"] ?? "").split(" ").filter(Boolean);
}
