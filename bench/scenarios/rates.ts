import { measureFloor } from "../floors/floors.js";
import { ingestFacts, measureIngest, orderOf, type IngestPlan } from "../ingest.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";

/** Free connections for requests that come due while others are held up. */
const CONNECTIONS = 32;
const FLOOR_SECONDS = 5;

interface Rate {
  readonly spansPerSecond: number;
  readonly p99Ms: number;
}

const RATES: readonly Rate[] = [
  { spansPerSecond: 25_000, p99Ms: 15 },
  { spansPerSecond: 50_000, p99Ms: 25 },
];

async function measureRate(
  context: BenchContext,
  rate: Rate,
): Promise<{ rows: Row[]; facts: Record<string, number> }> {
  const plan: IngestPlan = {
    bodies: bodySet(context, "content", context.quick ? { count: 2 * CONNECTIONS } : {}),
    connections: CONNECTIONS,
    rate: rate.spansPerSecond,
  };
  const label = rate.spansPerSecond.toLocaleString("en-US");
  context.log(`rates: ${label} spans/s`);
  const seconds = context.quick ? 1 : FLOOR_SECONDS;
  const floor = await measureFloor("durable", { ...orderOf(context, plan), seconds }, context.folder);
  const result = await measureIngest(context, plan);
  const { load } = result;
  const prefix = `rate_${rate.spansPerSecond}`;
  const held = (100 * result.ackedPerSecond) / rate.spansPerSecond;
  return {
    rows: [
      {
        id: `rates.p99_${rate.spansPerSecond}`,
        measure: `p99 ack at ${label} content spans/s`,
        value: load.ack.p99,
        unit: "ms",
        target: { at: "most", value: rate.p99Ms },
        floors: [{ name: "bare node:http server with write and fdatasync", value: floor.load.ack.p99 }],
        note:
          `from the due time; from sending: p99 ${load.service.p99.toFixed(1)} ms; p50 ${load.ack.p50.toFixed(1)}, ` +
          `p99.9 ${load.ack.p999.toFixed(1)}, max ${load.ack.max.toFixed(1)} ms; ${load.ack.count} requests of 512 spans; ` +
          `rate held ${held.toFixed(1)} %; generator's own lateness p99 ${load.lateness.p99.toFixed(1)} ms, ` +
          `${load.cores.toFixed(2)} cores; server ${result.serverCores.toFixed(2)} cores, RSS ${Math.round(result.rss.maxMib)} MiB`,
      },
    ],
    facts: {
      ...ingestFacts(prefix, result),
      [`${prefix}_service_p99_ms`]: load.service.p99,
      [`${prefix}_lateness_p99_ms`]: load.lateness.p99,
      [`${prefix}_floor_p99_ms`]: floor.load.ack.p99,
    },
  };
}

/** Latency of the acknowledgement at held rates. */
export const rates: Scenario = {
  name: "rates",
  about:
    "Content spans at a held rate. Each request has a due time whatever became of those before; latency counts from it.",
  async run(context) {
    const parts = [];
    for (const rate of RATES) parts.push(await measureRate(context, rate));
    return {
      rows: parts.flatMap((part) => part.rows),
      facts: Object.assign({}, ...parts.map((part) => part.facts)) as Record<string, number>,
    };
  },
};
