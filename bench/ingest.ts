import { rmSync } from "node:fs";
import { join } from "node:path";
import { readCatalog, type FileEntry } from "../store/index.js";
import type { BodySet } from "./load/bodies.js";
import { prepareLoad, runLoad } from "./load/run-load.js";
import type { LoadOrder, LoadReport } from "./load/order.js";
import { treeUsage } from "./measure/process-usage.js";
import { RssWatch, type RssSummary } from "./measure/rss-watch.js";
import { SealedCount } from "./measure/sealed-count.js";
import type { BenchContext } from "./scenario.js";
import { startBenchServer, type BenchServer, type BenchServerOptions } from "./server.js";

/** A load on a fresh Counterfoil. */
export interface IngestPlan {
  readonly bodies: BodySet;
  readonly protocol?: "http" | "grpc";
  readonly connections?: number;
  /** Spans a second to hold; 0, the default, for as many as possible. */
  readonly rate?: number;
  readonly seconds?: number;
  readonly warmupSeconds?: number;
  /** Also note when each request was acknowledged. */
  readonly acks?: boolean;
  readonly server?: Omit<BenchServerOptions, "dataDir">;
  /** Runs beside the load; stopped before the result is taken. */
  readonly beside?: (server: BenchServer, spansBefore: number) => { stop(): Promise<void> };
  /** Runs after everything is sealed, before the server stops and its folder goes. */
  readonly after?: (server: BenchServer, files: readonly FileEntry[]) => Promise<void>;
}

/** What came of it. */
export interface IngestResult {
  readonly load: LoadReport;
  readonly ackedPerSecond: number;
  /** Spans, divided by the time until the last of them was visible in the mirror. */
  readonly sealedPerSecond: number;
  /** CPU of the server with its children, over the time until everything was sealed. */
  readonly cpuMicrosPerSpan: number;
  readonly serverCores: number;
  readonly rss: RssSummary;
  /** Files of the table `spans`. */
  readonly files: readonly FileEntry[];
  readonly parquetBytesPerSpan: number;
  readonly rawBytesPerSpan: number;
}

const CONNECTIONS = 8;
const WARMUP_SECONDS = 3;

/** The load order of a plan, without its port. */
export function orderOf(context: BenchContext, plan: IngestPlan): Omit<LoadOrder, "port"> {
  return {
    protocol: plan.protocol ?? "http",
    path: "/v1/traces",
    bodies: plan.bodies,
    connections: plan.connections ?? CONNECTIONS,
    seconds: plan.seconds ?? context.seconds,
    rate: plan.rate ?? 0,
    ...(plan.acks === true ? { acks: true } : {}),
  };
}

/**
 * Starts a Counterfoil with an empty data directory, warms it up, sends the load and waits until everything
 * acknowledged can be queried.
 */
export async function measureIngest(context: BenchContext, plan: IngestPlan): Promise<IngestResult> {
  const dataDir = join(context.folder, `data-${Math.random().toString(36).slice(2)}`);
  const server = await startBenchServer({ dataDir, workers: context.workers, ...plan.server });
  const sealed = new SealedCount(server.mirrorDir);
  try {
    const order = {
      ...orderOf(context, plan),
      port: plan.protocol === "grpc" ? server.grpcPort : server.port,
    };
    const warmupSeconds = plan.warmupSeconds ?? (context.quick ? 1 : WARMUP_SECONDS);
    const warm = await runLoad({ ...order, seconds: warmupSeconds });
    await sealed.reach(warm.spans);
    const load = await prepareLoad(order);
    const beside = plan.beside?.(server, warm.spans);
    const rss = new RssWatch(server.pid);
    const before = treeUsage(server.pid);
    const started = performance.now();
    const report = await load.run();
    const until = await sealed.reach(warm.spans + report.spans);
    const used = treeUsage(server.pid).cpuSeconds - before.cpuSeconds;
    const summary = rss.stop();
    await beside?.stop();
    const files = readCatalog(server.mirrorDir).files.filter((file) => file.table === "spans");
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    await plan.after?.(server, files);
    const seconds = (until - started) / 1000;
    return {
      load: report,
      ackedPerSecond: report.spans / report.seconds,
      sealedPerSecond: report.spans / seconds,
      cpuMicrosPerSpan: (used * 1e6) / report.spans,
      serverCores: used / seconds,
      rss: summary,
      files,
      parquetBytesPerSpan: files.reduce((sum, file) => sum + file.bytes, 0) / rows,
      rawBytesPerSpan: report.rawBytes / report.spans,
    };
  } finally {
    sealed.close();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Numbers of a load worth keeping beside the rows. */
export function ingestFacts(prefix: string, result: IngestResult): Record<string, number> {
  const { load } = result;
  return {
    [`${prefix}_acked_per_s`]: result.ackedPerSecond,
    [`${prefix}_sealed_per_s`]: result.sealedPerSecond,
    [`${prefix}_raw_bytes_per_span`]: result.rawBytesPerSpan,
    [`${prefix}_parquet_bytes_per_span`]: result.parquetBytesPerSpan,
    [`${prefix}_server_cores`]: result.serverCores,
    [`${prefix}_generator_cores`]: load.cores,
    [`${prefix}_generator_us_per_span`]: load.cpuMicrosPerSpan,
    [`${prefix}_ack_p50_ms`]: load.ack.p50,
    [`${prefix}_ack_p99_ms`]: load.ack.p99,
    [`${prefix}_ack_max_ms`]: load.ack.max,
    [`${prefix}_rss_max_mib`]: result.rss.maxMib,
    [`${prefix}_refused`]: load.refused,
    [`${prefix}_failed`]: load.failed,
  };
}
