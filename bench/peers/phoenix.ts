import { join } from "node:path";
import { freePort, startProgram, stopProgram, waitForHttp, type Peer } from "./peer.js";
import { installPython, sqliteCount } from "./python.js";

const VERSION = "20.26.1";
const START_TIMEOUT_MS = 180_000;

/** Arize Phoenix on SQLite, its default. */
export const phoenix: Peer = {
  name: "Phoenix",
  version: VERSION,
  folder: "phoenix",
  durable: "nothing: spans wait in memory until a background task commits them to SQLite",
  keeps: "SQLite, rows with JSON attributes; web UI and evaluations beside it",
  install: (folder) => installPython(folder, `arize-phoenix==${VERSION}`, "phoenix"),
  async start(folder, dataDir) {
    const [port, grpcPort] = [await freePort(), await freePort()];
    const child = startProgram(join(folder, "venv", "bin", "phoenix"), ["serve"], {
      cwd: dataDir,
      env: {
        PHOENIX_WORKING_DIR: dataDir,
        PHOENIX_HOST: "127.0.0.1",
        PHOENIX_PORT: String(port),
        PHOENIX_GRPC_PORT: String(grpcPort),
        PHOENIX_TELEMETRY_ENABLED: "false",
      },
    });
    await waitForHttp(child, `http://127.0.0.1:${port}/healthz`, START_TIMEOUT_MS, dataDir);
    return {
      pid: child.pid ?? 0,
      target: { port, protocol: "http", path: "/v1/traces" },
      stored: () => sqliteCount(folder, join(dataDir, "phoenix.db"), "SELECT count(*) FROM spans"),
      stop: () => stopProgram(child),
    };
  },
};
