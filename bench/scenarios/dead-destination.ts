import { createServer, type Server } from "node:net";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { measureIngest } from "../ingest.js";
import { median } from "../measure/percentiles.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";
import type { BenchServerOptions } from "../server.js";

/**
 * A dead destination's backlog stays in the journal, which holds 8 GiB: a run must end before that, or back-pressure is
 * what it measures.
 */
const SECONDS_MAX = 15;
const ROUNDS = 3;
const PERCENT_MAX = 5;

/**
 * `kept` has no LangSmith either, but a journal that is never trimmed. What the exporter itself costs is the difference to
 * it; the rest is what keeping the data costs on this machine.
 */
const STATES = ["without", "kept", "refusing", "silent"] as const;
type State = (typeof STATES)[number];

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

interface Seen {
  readonly sealedPerSecond: number;
  readonly cpuMicrosPerSpan: number;
}

function measureState(context: BenchContext, server: Omit<BenchServerOptions, "dataDir">): Promise<Seen> {
  return measureIngest(context, {
    bodies: bodySet(context, "content"),
    seconds: Math.min(SECONDS_MAX, context.seconds),
    server,
  });
}

/** What LangSmith's failure costs the mirror. */
export const deadDestination: Scenario = {
  name: "dead",
  about:
    "Saturated content load with no LangSmith, with none and a journal that keeps everything, with one that refuses connections and with one that never answers, in turn, three times.",
  async run(context) {
    const silent = await startSilentServer();
    const servers: Record<State, Omit<BenchServerOptions, "dataDir">> = {
      without: { compaction: true },
      kept: { compaction: true, keptFor: "langsmith" },
      refusing: { exporters: { langsmith: langsmith(await closedPort()) } },
      silent: { exporters: { langsmith: langsmith(silent.port) } },
    };
    const seen: Record<State, Seen[]> = { without: [], kept: [], refusing: [], silent: [] };
    try {
      for (let round = 0; round < (context.quick ? 1 : ROUNDS); round++) {
        for (const state of STATES) {
          context.log(`dead: round ${round + 1}, ${state}`);
          seen[state].push(await measureState(context, servers[state]));
        }
      }
    } finally {
      silent.server.close();
    }
    const rates = (state: State): number[] => seen[state].map((each) => each.sealedPerSecond);
    const rate = (state: State): number => median(rates(state));
    const cpu = (state: State): string => median(seen[state].map((each) => each.cpuMicrosPerSpan)).toFixed(1);
    const share = (state: State): number => 100 * (1 - rate(state) / rate("without"));
    const spread = (100 * (Math.max(...rates("without")) - Math.min(...rates("without")))) / rate("without");
    const row = (state: State, what: string): Row => ({
      id: `dead.${state}`,
      measure: `cost to the mirror of a LangSmith that ${what}`,
      value: share(state),
      unit: "%",
      target: { at: "most", value: PERCENT_MAX },
      floors: [
        { name: "no LangSmith, and a journal that keeps everything all the same", value: share("kept") },
      ],
      note:
        `sealed spans/s, median of ${seen[state].length}: ${Math.round(rate(state)).toLocaleString("en-US")} beside ${Math.round(rate("without")).toLocaleString("en-US")} without; ` +
        `the runs without differ by ${spread.toFixed(1)} % among themselves; CPU ${cpu(state)} us a span, ${cpu("kept")} with the journal kept, ${cpu("without")} without`,
    });
    return {
      rows: [row("refusing", "refuses connections"), row("silent", "never answers")],
      facts: { dead_spread_percent: spread },
    };
  },
};
