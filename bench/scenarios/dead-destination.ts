import { createServer, type Server } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { measureIngest } from "../ingest.js";
import { median } from "../measure/percentiles.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";

/**
 * A dead destination's backlog stays in the journal, which holds 8 GiB: a run must end before that, or back-pressure is
 * what it measures.
 */
const SECONDS_MAX = 15;
const ROUNDS = 3;
const PERCENT_MAX = 5;

type State = "without" | "refusing" | "silent";

function langsmith(port: number): string {
  return `{ api_key: bench-key, endpoint: "http://127.0.0.1:${port}" }`;
}

/** Takes connections and never answers. */
async function startSilentServer(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on("error", () => undefined).resume());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const { server, port } = await startSilentServer();
  server.close();
  await once(server, "close");
  return port;
}

async function measureState(context: BenchContext, exporter: string | undefined): Promise<number> {
  const result = await measureIngest(context, {
    bodies: bodySet(context, "content"),
    seconds: Math.min(SECONDS_MAX, context.seconds),
    server: exporter === undefined ? { compaction: true } : { exporters: { langsmith: exporter } },
  });
  return result.sealedPerSecond;
}

/** What LangSmith's failure costs the mirror. */
export const deadDestination: Scenario = {
  name: "dead",
  about:
    "Saturated content load with no LangSmith, with one that refuses connections and with one that never answers, in turn, three times.",
  async run(context) {
    const silent = await startSilentServer();
    const exporters: Record<State, string | undefined> = {
      without: undefined,
      refusing: langsmith(await closedPort()),
      silent: langsmith(silent.port),
    };
    const seen: Record<State, number[]> = { without: [], refusing: [], silent: [] };
    try {
      for (let round = 0; round < (context.quick ? 1 : ROUNDS); round++) {
        for (const state of ["without", "refusing", "silent"] as const) {
          context.log(`dead: round ${round + 1}, ${state}`);
          seen[state].push(await measureState(context, exporters[state]));
        }
      }
    } finally {
      silent.server.close();
    }
    const without = median(seen.without);
    const spread = (100 * (Math.max(...seen.without) - Math.min(...seen.without))) / without;
    const row = (state: State, what: string): Row => ({
      id: `dead.${state}`,
      measure: `cost to the mirror of a LangSmith that ${what}`,
      value: 100 * (1 - median(seen[state]) / without),
      unit: "%",
      target: { at: "most", value: PERCENT_MAX },
      note: `sealed spans/s, median of ${seen[state].length}: ${Math.round(median(seen[state])).toLocaleString("en-US")} beside ${Math.round(without).toLocaleString("en-US")} without; the runs without differ by ${spread.toFixed(1)} % among themselves`,
    });
    return {
      rows: [row("refusing", "refuses connections"), row("silent", "never answers")],
      facts: { dead_spread_percent: spread },
    };
  },
};
