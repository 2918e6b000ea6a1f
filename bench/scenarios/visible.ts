import { SEAL_INTERVAL_MS } from "../../schema/index.js";
import { queryRows } from "../../store/index.js";
import { measureIngest } from "../ingest.js";
import { percentilesOf } from "../measure/percentiles.js";
import { SealedLog, visibleAfter } from "../measure/sealed-log.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";

interface Rate {
  readonly id: string;
  readonly what: string;
  readonly spansPerSecond: number;
  readonly spansPerBody: number;
}

const RATES: readonly Rate[] = [
  { id: "low", what: "500 content spans/s, 50 a request", spansPerSecond: 500, spansPerBody: 50 },
  { id: "high", what: "25,000 content spans/s, 512 a request", spansPerSecond: 25_000, spansPerBody: 512 },
];
const P99_MS = 1_500;

async function measureVisible(context: BenchContext, rate: Rate): Promise<Row> {
  context.log(`visible: ${rate.what}`);
  let log: SealedLog | undefined;
  let before = 0;
  let visible: readonly (readonly [number, number])[] = [];
  let counted = 0;
  const result = await measureIngest(context, {
    bodies: bodySet(context, "content", {
      spansPerBody: rate.spansPerBody,
      ...(context.quick ? { count: 32 } : {}),
    }),
    connections: 16,
    rate: rate.spansPerSecond,
    acks: true,
    beside(server, spansBefore) {
      before = spansBefore;
      log = new SealedLog(server.mirrorDir);
      return {
        async stop() {
          visible = log?.stop() ?? [];
        },
      };
    },
    async after(server) {
      const [row] = await queryRows({ dataDir: server.dataDir, sql: "SELECT count(*) AS n FROM spans" });
      counted = Number(row?.["n"]);
    },
  });
  const { load } = result;
  if (counted !== before + load.spans) {
    throw new Error(`SQL counts ${counted} spans, ${before + load.spans} were acknowledged`);
  }
  const { p50, p99, max } = percentilesOf(visibleAfter(load.acks ?? [], visible, before));
  return {
    id: `visible.${rate.id}`,
    measure: `visible in SQL after the ack, p99, ${rate.what}`,
    value: p99,
    unit: "ms",
    target: { at: "most", value: P99_MS },
    floors: [{ name: "longest wait that sealing allows by design", value: SEAL_INTERVAL_MS }],
    note: `p50 ${p50.toFixed(0)}, max ${max.toFixed(0)} ms over ${load.requests} requests; a SQL count then gave exactly what was acknowledged`,
  };
}

/** Time from the acknowledgement to the manifest's naming the rows, which is when a new query sees them. */
export const visible: Scenario = {
  name: "visible",
  about:
    "Time from each acknowledgement until the manifest lists its spans: from then on a new SQL query sees them.",
  async run(context) {
    const rows: Row[] = [];
    for (const rate of RATES) rows.push(await measureVisible(context, rate));
    return { rows };
  },
};
