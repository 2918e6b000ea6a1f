import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { WorkloadKind } from "../load/workload.js";
import { quantile } from "../measure/percentiles.js";
import { treeUsage } from "../measure/process-usage.js";
import { RssWatch } from "../measure/rss-watch.js";
import { startBenchServer, type BenchServer } from "../server.js";
import type { OverloadOrder, OverloadReport } from "./load.js";

const { values: args } = parseArgs({
  options: {
    seconds: { type: "string", default: "600" },
    fits: { type: "string", default: "30" },
    factor: { type: "string", default: "10" },
    clients: { type: "string", default: "80" },
    spans: { type: "string", default: "64" },
    workload: { type: "string", default: "content" },
    transport: { type: "string", default: "http,grpc" },
    "ignore-retry-after": { type: "boolean", default: false },
    inflight: { type: "string", default: "16MiB" },
    idle: { type: "string", default: "30" },
  },
});

/** One line of the table. */
interface Phase {
  readonly name: string;
  readonly spansPerSecond: number;
  readonly refusedPerSecond: number;
  readonly failed: number;
  readonly withoutAdvice: number;
  readonly acceptedP99: number;
  readonly refusedP99: number;
  readonly loopMaxMs: number;
  readonly stalls: number;
  readonly rssMiB: number;
  readonly rssSlope: number;
  readonly cpuMicrosPerSpan: number;
}

const LOAD_NICENESS = 10;

interface StatusPart {
  readonly process: {
    readonly event_loop: { readonly delay_ms_max_last_minute: number; readonly stalls: number };
  };
}

/** Undefined when the server did not answer in time: that is a finding, not an error of the measurement. */
async function statusOf(server: BenchServer): Promise<StatusPart | undefined> {
  const url = `http://127.0.0.1:${server.port}/api/v1/status`;
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as StatusPart) : undefined;
}

function runLoad(order: OverloadOrder, onReport: (report: OverloadReport) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL("./load.js", import.meta.url));
    child.on("message", onReport);
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`the load ended with ${code}`))));
    // Clients elsewhere would not take this machine's processor from the server.
    setPriority(child.pid ?? 0, LOAD_NICENESS);
    child.send(order);
  });
}

async function measure(name: string, server: BenchServer, order: OverloadOrder): Promise<Phase> {
  const reports: OverloadReport[] = [];
  const rss = new RssWatch(server.pid);
  const stallsBefore = (await statusOf(server))?.process.event_loop.stalls ?? 0;
  const cpuBefore = treeUsage(server.pid).cpuSeconds;
  let loopMaxMs = 0;
  const noteLoop = async (): Promise<void> => {
    const status = await statusOf(server);
    loopMaxMs = Math.max(loopMaxMs, status?.process.event_loop.delay_ms_max_last_minute ?? 0);
  };
  await runLoad(order, (report) => {
    reports.push(report);
    void noteLoop();
  });
  const memory = rss.stop();
  const after = await statusOf(server);
  const total = (pick: (report: OverloadReport) => number): number =>
    reports.reduce((sum, report) => sum + pick(report), 0);
  const seconds = total((report) => report.seconds);
  const spans = total((report) => report.spans);
  return {
    name,
    spansPerSecond: spans / seconds,
    refusedPerSecond: total((report) => report.refused) / seconds,
    failed: total((report) => report.failed),
    withoutAdvice: total((report) => report.refusedWithoutAdvice),
    acceptedP99: p99(reports.flatMap((report) => report.acceptedMs)),
    refusedP99: p99(reports.flatMap((report) => report.refusedMs)),
    loopMaxMs: Math.max(loopMaxMs, after?.process.event_loop.delay_ms_max_last_minute ?? 0),
    stalls: (after?.process.event_loop.stalls ?? 0) - stallsBefore,
    rssMiB: memory.maxMib,
    rssSlope: memory.slopeMibPerMinute,
    cpuMicrosPerSpan: ((treeUsage(server.pid).cpuSeconds - cpuBefore) * 1e6) / Math.max(1, spans),
  };
}

function p99(values: readonly number[]): number {
  return quantile(Float64Array.from(values).sort(), 0.99);
}

function printTable(phases: readonly Phase[]): void {
  const columns: readonly (readonly [string, (phase: Phase) => string])[] = [
    ["phase", (phase) => phase.name],
    ["acked spans/s", (phase) => Math.round(phase.spansPerSecond).toLocaleString("en-US")],
    ["refused/s", (phase) => Math.round(phase.refusedPerSecond).toLocaleString("en-US")],
    ["failed", (phase) => String(phase.failed)],
    ["no advice", (phase) => String(phase.withoutAdvice)],
    ["p99 acked ms", (phase) => phase.acceptedP99.toFixed(0)],
    ["p99 refused ms", (phase) => phase.refusedP99.toFixed(0)],
    ["loop max ms", (phase) => String(phase.loopMaxMs)],
    ["stalls", (phase) => String(phase.stalls)],
    ["RSS max MiB", (phase) => phase.rssMiB.toFixed(0)],
    ["RSS MiB/min", (phase) => phase.rssSlope.toFixed(1)],
    ["CPU us/span", (phase) => phase.cpuMicrosPerSpan.toFixed(1)],
  ];
  const lines = [
    columns.map(([title]) => title),
    ...phases.map((phase) => columns.map(([, cell]) => cell(phase))),
  ];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  for (const line of lines)
    console.log(line.map((cell, index) => cell.padStart(widths[index] ?? 0)).join("  "));
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "counterfoil-overload-"));
  const phases: Phase[] = [];
  try {
    const server = await startBenchServer({ dataDir: join(folder, "data"), inflight: args.inflight });
    for (const transport of args.transport.split(",") as ("http" | "grpc")[]) {
      const order: OverloadOrder = {
        transport,
        port: transport === "http" ? server.port : server.grpcPort,
        kind: args.workload as WorkloadKind,
        spansPerRequest: Number(args.spans),
        clients: Number(args.clients),
        seconds: Number(args.fits),
        obey: !args["ignore-retry-after"],
      };
      phases.push(await measure(`${transport}, what fits`, server, order));
      const seconds = Number(args.seconds);
      const clients = order.clients * Number(args.factor);
      phases.push(
        await measure(`${transport}, ${args.factor} times as many`, server, { ...order, clients, seconds }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, Number(args.idle) * 1_000));
    printTable(phases);
    const idle = treeUsage(server.pid).rssBytes / 1_048_576;
    console.log(`\nRSS ${args.idle} s after the load: ${idle.toFixed(0)} MiB`);
    await server.stop();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
