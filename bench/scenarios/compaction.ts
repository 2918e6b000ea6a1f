import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { readCatalog, dataDirPaths } from "../../store/index.js";
import { runLoad } from "../load/run-load.js";
import type { LoadReport } from "../load/order.js";
import { SealedCount } from "../measure/sealed-count.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";
import { startBenchServer } from "../server.js";
import { setTimeout as sleep } from "node:timers/promises";

const OLD_SPANS = 300_000;
const RATE = 25_000;
const DELAY_MS = 10;
const AGE_SECONDS = 2 * 60 * 60;
const POLL_MS = 200;

interface Outcome {
  readonly load: LoadReport;
  readonly sealedPerSecond: number;
  /** Old spans compacted a second while the load ran; 0 when compaction was off. */
  readonly compactedPerSecond: number;
}

/** Files of the mirror look as if their hour were over: compaction goes by when they were written. */
function age(dataDir: string): number {
  const { mirror } = dataDirPaths(dataDir);
  const then = Date.now() / 1000 - AGE_SECONDS;
  const files = readCatalog(mirror).files.filter(({ level }) => level === 0);
  for (const { path } of files) utimesSync(join(mirror, path), then, then);
  return files.filter(({ table }) => table === "spans").reduce((sum, { rows }) => sum + rows, 0);
}

/** A mirror with sealed spans of an hour that is over, then load beside (or without) compaction of those. */
async function measure(context: BenchContext, compaction: boolean, rate: number): Promise<Outcome> {
  const dataDir = join(context.folder, `${compaction ? "with" : "without"}-${rate}`);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const bodies = bodySet(context, "content", context.quick ? { count: 64 } : {});
  const order = { protocol: "http", path: "/v1/traces", bodies, connections: rate > 0 ? 32 : 8 } as const;
  const first = await startBenchServer({ dataDir, workers: context.workers, compaction: false });
  let old = 0;
  const before = new SealedCount(first.mirrorDir);
  try {
    const wanted = context.quick ? bodies.count * bodies.spansPerBody : OLD_SPANS;
    while (old < wanted)
      old += (await runLoad({ ...order, port: first.port, seconds: 0, rate: 0, once: true })).spans;
    await before.reach(old);
  } finally {
    before.close();
    await first.stop();
  }
  age(dataDir);
  const server = await startBenchServer({
    dataDir,
    workers: context.workers,
    compaction,
    compactionInterval: "1s",
  });
  const sealed = new SealedCount(server.mirrorDir);
  try {
    const started = performance.now();
    const watch = compaction ? watchCompaction(server.mirrorDir, old, context.seconds * 1000) : undefined;
    const load = await runLoad({ ...order, port: server.port, seconds: context.seconds, rate });
    const until = await sealed.reach(old + load.spans);
    return {
      load,
      sealedPerSecond: load.spans / ((until - started) / 1000),
      compactedPerSecond: (await watch) ?? 0,
    };
  } finally {
    sealed.close();
    await server.stop();
  }
}

/** Old spans compacted a second: until all are, or the load has ended. */
async function watchCompaction(mirrorDir: string, old: number, timeMs: number): Promise<number> {
  const started = performance.now();
  let done = 0;
  let at = started;
  while (done < old && performance.now() - started < timeMs) {
    await sleep(POLL_MS);
    const files = readCatalog(mirrorDir).files.filter(({ table, level }) => table === "spans" && level > 0);
    const now = files.reduce((sum, { rows }) => sum + rows, 0);
    if (now > done) at = performance.now();
    done = Math.max(done, now);
  }
  return done === 0 ? 0 : done / ((at - started) / 1000);
}

function rowsOf(held: { with: Outcome; without: Outcome }, full: Outcome): Row[] {
  const { with: beside, without } = held;
  return [
    {
      id: "compaction.p99",
      measure: "compaction beside 25,000 content spans/s: p99 ack more than without it",
      value: beside.load.ack.p99 - without.load.ack.p99,
      unit: "ms",
      target: { at: "most", value: DELAY_MS },
      note: `p99 ${beside.load.ack.p99.toFixed(1)} ms with, ${without.load.ack.p99.toFixed(1)} ms without; compacted ${Math.round(beside.compactedPerSecond).toLocaleString("en-US")} spans/s`,
    },
    {
      id: "compaction.max",
      measure: "the same, slowest ack",
      value: beside.load.ack.max - without.load.ack.max,
      unit: "ms",
      target: { at: "most", value: DELAY_MS },
      note: `slowest ${beside.load.ack.max.toFixed(1)} ms with, ${without.load.ack.max.toFixed(1)} ms without: single values, which other work on the machine moves`,
    },
    {
      id: "compaction.rate",
      measure: "spans compacted beside full load, of those sealed meanwhile",
      value: (100 * full.compactedPerSecond) / full.sealedPerSecond,
      unit: "%",
      target: { at: "least", value: 100 },
      note: `${Math.round(full.compactedPerSecond).toLocaleString("en-US")} spans/s compacted from the first second on, ${Math.round(full.sealedPerSecond).toLocaleString("en-US")}/s sealed`,
    },
  ];
}

/** Compaction beside ingest. */
export const compaction: Scenario = {
  name: "compaction",
  about:
    "300,000 content spans of an hour that is over are compacted beside held and full load; the held load also without compaction.",
  async run(context) {
    context.log("compaction: held load without");
    const without = await measure(context, false, RATE);
    context.log("compaction: held load with");
    const beside = await measure(context, true, RATE);
    context.log("compaction: full load with");
    const full = await measure(context, true, 0);
    return { rows: rowsOf({ with: beside, without }, full) };
  },
};
