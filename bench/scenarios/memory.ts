import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { runLoad } from "../load/run-load.js";
import { treeMemoryBytes } from "../measure/process-usage.js";
import { RssWatch, type RssSummary } from "../measure/rss-watch.js";
import { SealedCount } from "../measure/sealed-count.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";
import { startBenchServer } from "../server.js";

const HELD_RATE = 5_000;
const IDLE_MS = 10_000;
const LONG_SECONDS = 600;
const MIB = 1024 * 1024;

interface Phase {
  readonly seconds: number;
  readonly rate: number;
}

/** One server through its life: held rate, as much as fits, and then nothing. */
async function live(
  context: BenchContext,
): Promise<{ started: number; held: RssSummary; full: RssSummary; idle: number; fullSeconds: number }> {
  const server = await startBenchServer({ dataDir: join(context.folder, "data"), workers: context.workers });
  const sealed = new SealedCount(server.mirrorDir);
  let spans = 0;
  const phase = async ({ seconds, rate }: Phase): Promise<RssSummary> => {
    const bodies = bodySet(context, "content");
    const watch = new RssWatch(server.pid, { sharedOnce: true });
    const load = await runLoad({
      port: server.port,
      protocol: "http",
      path: "/v1/traces",
      bodies,
      connections: 8,
      seconds,
      rate,
    });
    spans += load.spans;
    await sealed.reach(spans);
    return watch.stop();
  };
  try {
    const started = treeMemoryBytes(server.pid) / MIB;
    context.log(`memory: ${HELD_RATE} spans/s`);
    const held = await phase({ seconds: context.seconds, rate: HELD_RATE });
    const fullSeconds = context.long ? LONG_SECONDS : context.seconds;
    context.log(`memory: saturated for ${fullSeconds} s`);
    const full = await phase({ seconds: fullSeconds, rate: 0 });
    context.log("memory: idle");
    await sleep(context.quick ? 1_000 : IDLE_MS);
    return { started, held, full, idle: treeMemoryBytes(server.pid) / MIB, fullSeconds };
  } finally {
    sealed.close();
    await server.stop();
  }
}

/** Memory of the server and its processes. */
export const memory: Scenario = {
  name: "memory",
  about:
    "Resident memory of one server with its sealing and compacting processes, pages they share counted once, at 5,000 content spans/s, then saturated (with --long for ten minutes), then idle for 10 s.",
  async run(context) {
    const { started, held, full, idle, fullSeconds } = await live(context);
    const floor = [{ name: "the same server just after its start", value: started }];
    const row = (id: string, measure: string, value: number, most: number, note?: string): Row => ({
      id: `memory.${id}`,
      measure,
      value,
      unit: "MiB",
      target: { at: "most", value: most },
      floors: floor,
      ...(note === undefined ? {} : { note }),
    });
    const own = (summary: RssSummary): string =>
      `the server's own process ${Math.round(summary.maxMib)} MiB at most`;
    return {
      rows: [
        row("idle", "RSS idle after load", idle, 250),
        row("held", "RSS at 5,000 content spans/s, largest", held.treeMaxMib, 350, own(held)),
        row(
          "full",
          `RSS saturated for ${fullSeconds} s, largest`,
          full.treeMaxMib,
          800,
          `slope over the second half ${full.treeSlopeMibPerMinute.toFixed(1)} MiB/min; ${own(full)}`,
        ),
      ],
      facts: { memory_slope_mib_per_min: full.treeSlopeMibPerMinute, memory_full_seconds: fullSeconds },
    };
  },
};
