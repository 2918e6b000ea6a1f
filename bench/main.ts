import { fork } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dataDirPaths, readCatalog } from "../store/index.js";
import { measureDiskFloor, startDiscardServer } from "./floors.js";
import type { LoadOrder, LoadReport } from "./load.js";
import { processUsage } from "./process-usage.js";
import { startBenchServer } from "./server.js";
import { makeBodies, type WorkloadKind } from "./workload.js";

const { values: args } = parseArgs({
  options: {
    seconds: { type: "string", default: "20" },
    workload: { type: "string", default: "content,lean" },
    connections: { type: "string", default: "8" },
    bodies: { type: "string", default: "48" },
    rate: { type: "string", default: "0" },
    out: { type: "string" },
  },
});

interface Measure {
  readonly workload: WorkloadKind;
  readonly rawBytesPerSpan: number;
  readonly acked: number;
  readonly sealed: number;
  readonly cpuMicrosPerSpan: number;
  readonly p50: number;
  readonly p99: number;
  readonly rssMiB: number;
  readonly parquetBytesPerSpan: number;
  readonly httpFloor: number;
  readonly diskFloor: number;
}

function runLoad(order: LoadOrder): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL("./load.js", import.meta.url));
    child.on("message", (message: { ready?: true; report?: LoadReport; error?: string }) => {
      if (message.ready) child.send(order);
      if (message.error !== undefined) reject(new Error(message.error));
      if (message.report !== undefined) resolve(message.report);
      if (message.ready === undefined) child.kill();
    });
    child.on("error", reject);
  });
}

/** Waits until everything acknowledged lies in Parquet. */
async function waitSealed(mirrorDir: string, spans: number): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (readCatalog(mirrorDir).sealedCounts.traces < spans) {
    if (performance.now() > deadline) throw new Error("the mirror did not catch up within 2 minutes");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function measure(workload: WorkloadKind): Promise<Measure> {
  const folder = mkdtempSync(join(tmpdir(), "counterfoil-bench-"));
  const seconds = Number(args.seconds);
  const load = {
    path: "/v1/traces",
    kind: workload,
    bodies: Number(args.bodies),
    connections: Number(args.connections),
  };
  try {
    const sample = makeBodies(workload, load.bodies);
    const spansPerBody = sample.reduce((sum, body) => sum + body.spans, 0) / sample.length;
    const bytesPerBody = sample.reduce((sum, body) => sum + body.bytes.byteLength, 0) / sample.length;
    const discard = await startDiscardServer();
    const floor = await runLoad({ ...load, port: discard.port, seconds: 4, rate: 0 });
    discard.server.close();
    const disk = await measureDiskFloor(
      folder,
      sample.map((body) => body.bytes),
      { group: load.connections, seconds: 4 },
    );

    const dataDir = join(folder, "data");
    const server = await startBenchServer(dataDir);
    const mirrorDir = dataDirPaths(dataDir).mirror;
    const warm = await runLoad({ ...load, port: server.port, seconds: 3, rate: 0 });
    await waitSealed(mirrorDir, warm.spans);
    const before = processUsage(server.pid);
    const started = performance.now();
    const report = await runLoad({ ...load, port: server.port, seconds, rate: Number(args.rate) });
    await waitSealed(mirrorDir, warm.spans + report.spans);
    const elapsed = (performance.now() - started) / 1000;
    const after = processUsage(server.pid);
    const snapshot = readCatalog(mirrorDir);
    const spanFiles = snapshot.files.filter((file) => file.table === "spans");
    const rows = spanFiles.reduce((sum, file) => sum + file.rows, 0);
    await server.stop();
    return {
      workload,
      rawBytesPerSpan: bytesPerBody / spansPerBody,
      acked: report.spans / report.seconds,
      sealed: report.spans / elapsed,
      cpuMicrosPerSpan: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / report.spans,
      p50: report.p50,
      p99: report.p99,
      rssMiB: after.rssBytes / 1024 / 1024,
      parquetBytesPerSpan: spanFiles.reduce((sum, file) => sum + file.bytes, 0) / rows,
      httpFloor: floor.spans / floor.seconds,
      diskFloor: (disk / bytesPerBody) * spansPerBody,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function printTable(results: readonly Measure[]): void {
  const whole = (value: number): string => Math.round(value).toLocaleString("en-US");
  const ratio = (value: number, floor: number): string => `${((100 * value) / floor).toFixed(0)} %`;
  const lines = [
    [
      "workload",
      "raw B/span",
      "acked/s",
      "acked+sealed/s",
      "of http floor",
      "of disk floor",
      "CPU us/span",
      "p50 ms",
      "p99 ms",
      "RSS MiB",
      "Parquet B/span",
    ],
    ...results.map((result) => [
      result.workload,
      whole(result.rawBytesPerSpan),
      whole(result.acked),
      whole(result.sealed),
      ratio(result.sealed, result.httpFloor),
      ratio(result.sealed, result.diskFloor),
      result.cpuMicrosPerSpan.toFixed(1),
      result.p50.toFixed(1),
      result.p99.toFixed(1),
      whole(result.rssMiB),
      result.parquetBytesPerSpan.toFixed(1),
    ]),
  ];
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  for (const line of lines) {
    console.log(line.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  "));
  }
  console.log(
    "\nFloors, measured in this run with the same bodies and connections: http = a server that discards bodies; disk = one\n" +
      "write + fdatasync per group of bodies. The load generator runs on the same cores as the server.",
  );
}

const results: Measure[] = [];
for (const workload of args.workload.split(",")) results.push(await measure(workload as WorkloadKind));
printTable(results);
if (args.out !== undefined) writeFileSync(args.out, `${JSON.stringify({ results }, null, 2)}\n`);
