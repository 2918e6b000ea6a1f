import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { errorMessage } from "../../schema/index.js";
import type { WorkloadKind } from "../load/workload.js";
import { machineFacts } from "../machine.js";
import { SCENARIOS } from "../registry.js";
import { PEERS_FILE, readStored, writeDocs } from "../report/docs.js";
import { counterfoil } from "./counterfoil.js";
import { measurePeer, type PeerReport } from "./measure.js";
import { mastra } from "./mastra.js";
import { mlflow } from "./mlflow.js";
import { collectorFile, collectorQueue } from "./otel-collector.js";
import { otlp2parquet } from "./otlp2parquet.js";
import type { Peer } from "./peer.js";
import { phoenix } from "./phoenix.js";
import { mergePeers, peerTable, type PeerResults } from "./report.js";

const PEERS: readonly Peer[] = [
  counterfoil,
  collectorQueue,
  collectorFile,
  otlp2parquet,
  mastra,
  phoenix,
  mlflow,
];
const BODIES = 200;
const SPANS_PER_REQUEST = 512;
const CONNECTIONS = 8;
const SETTLE_MS = 120_000;

function readPeerOptions(): {
  only: readonly string[];
  seconds: number;
  kind: WorkloadKind;
  out: string | undefined;
  writeDocs: boolean;
} {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      seconds: { type: "string", default: "20" },
      workload: { type: "string", default: "content" },
      out: { type: "string" },
      "write-docs": { type: "boolean", default: false },
    },
  });
  if (values.workload !== "content" && values.workload !== "lean")
    throw new Error("--workload is content or lean");
  if (!(Number(values.seconds) > 0)) throw new Error("--seconds takes a number above 0");
  const only = values.only.toLowerCase().split(",").filter(Boolean);
  return {
    only,
    seconds: Number(values.seconds),
    kind: values.workload,
    out: values.out,
    writeDocs: values["write-docs"],
  };
}

async function main(): Promise<void> {
  const { only, seconds, kind, out, writeDocs: docs } = readPeerOptions();
  const chosen = PEERS.filter(
    ({ name }) => only.length === 0 || only.some((part) => name.toLowerCase().includes(part)),
  );
  const machine = machineFacts();
  const reports: PeerReport[] = [];
  for (const peer of chosen) {
    const bodies = { kind, count: BODIES, spansPerBody: SPANS_PER_REQUEST, encoding: "identity" } as const;
    const settings = { bodies, seconds, connections: CONNECTIONS, settleMs: SETTLE_MS };
    reports.push(await measurePeer(peer, settings, (text) => console.error(text)));
  }
  const results: PeerResults = { version: 1, machine, seconds, workload: kind, reports };
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
  if (docs) {
    writeDocs(
      undefined,
      mergePeers(
        readStored<PeerResults>(PEERS_FILE),
        results,
        PEERS.map(({ name }) => name),
      ),
      SCENARIOS.map(({ name }) => name),
    );
  }
  console.log(peerTable(results));
}

try {
  await main();
} catch (error) {
  console.error(`bench:peers: ${errorMessage(error)}`);
  process.exitCode = 2;
}
