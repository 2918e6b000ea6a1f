import { readCatalog } from "../../store/index.js";
import { startBenchServer } from "../server.js";
import type { Peer } from "./peer.js";

/** Counterfoil itself, as installed. */
export const counterfoil: Peer = {
  name: "Counterfoil",
  version: "this commit",
  folder: "counterfoil",
  durable: "in the journal, fdatasync'd",
  keeps: "Parquet with GenAI columns beside the lossless attributes, a manifest with checksums, SQL",
  install: () => Promise.resolve(),
  async start(_folder, dataDir) {
    const server = await startBenchServer({ dataDir });
    return {
      pid: server.pid,
      target: { port: server.port, protocol: "http", path: "/v1/traces" },
      stored: () => Promise.resolve(readCatalog(server.mirrorDir).sealedCounts.traces),
      stop: () => server.stop(),
    };
  },
};
