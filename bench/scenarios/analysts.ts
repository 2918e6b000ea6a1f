import { fork } from "node:child_process";
import { once } from "node:events";
import { measureIngest, type IngestResult } from "../ingest.js";
import { treeUsage } from "../measure/process-usage.js";
import { median, percentilesOf } from "../measure/percentiles.js";
import { bodySet, type BenchContext, type Scenario } from "../scenario.js";

const ANALYSTS = 16;
const RATE = 25_000;
const ROUNDS = 2;

interface AnalystReport {
  readonly times: readonly number[];
  readonly failed: number;
  readonly failure?: string;
}

interface Asked extends AnalystReport {
  readonly cores: number;
}

async function measureWith(
  context: BenchContext,
  analysts: number,
): Promise<{ ingest: IngestResult; asked: Asked | undefined }> {
  let asked: Asked | undefined;
  const ingest = await measureIngest(context, {
    bodies: bodySet(context, "content", context.quick ? { count: 64 } : {}),
    connections: 32,
    rate: RATE,
    ...(analysts === 0
      ? {}
      : {
          beside(server) {
            const child = fork(new URL("../analysts.child.js", import.meta.url), [
              server.dataDir,
              String(analysts),
            ]);
            const started = performance.now();
            return {
              async stop() {
                const cores = treeUsage(child.pid ?? 0).cpuSeconds / ((performance.now() - started) / 1000);
                child.send({ stop: true });
                const [report] = (await once(child, "message")) as [AnalystReport];
                asked = { ...report, cores };
              },
            };
          },
        }),
  });
  return { ingest, asked };
}

/** Reading beside writing (invariant I8). */
export const analysts: Scenario = {
  name: "analysts",
  about:
    "25,000 content spans/s held, with and without 16 analysts whose SQL queries follow one another without a pause (the product runs 4 at once for one process), in turn, twice.",
  async run(context) {
    const p99 = { with: [] as number[], without: [] as number[] };
    const asked: Asked[] = [];
    for (let round = 0; round < (context.quick ? 1 : ROUNDS); round++) {
      context.log(`analysts: round ${round + 1}`);
      p99.without.push((await measureWith(context, 0)).ingest.load.ack.p99);
      const beside = await measureWith(context, ANALYSTS);
      p99.with.push(beside.ingest.load.ack.p99);
      if (beside.asked !== undefined) asked.push(beside.asked);
    }
    const [alone, beside] = [median(p99.without), median(p99.with)];
    const times = percentilesOf(asked.flatMap((each) => each.times));
    const failed = asked.reduce((sum, each) => sum + each.failed, 0);
    const reason = asked.find((each) => each.failure !== undefined)?.failure;
    return {
      rows: [
        {
          id: "analysts.p99",
          measure: "p99 ack with 16 analysts' queries beside ingest",
          value: 100 * (beside / alone - 1),
          unit: "% more",
          target: { at: "most", value: 20 },
          note:
            `p99 ack ${beside.toFixed(1)} ms with, ${alone.toFixed(1)} ms without; ${times.count} queries answered, p50 ${Math.round(times.p50)} ms, ` +
            `p99 ${Math.round(times.p99)} ms, using ${median(asked.map(({ cores }) => cores)).toFixed(2)} cores; ${failed} failed${reason === undefined ? "" : ` (${reason})`}`,
        },
      ],
      facts: {
        analysts_p99_with_ms: beside,
        analysts_p99_without_ms: alone,
        analysts_queries: times.count,
        analysts_failed: failed,
      },
    };
  },
};
