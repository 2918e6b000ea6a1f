import { join } from "node:path";
import { freePort, startProgram, stopProgram, waitForHttp, type Peer } from "./peer.js";
import { installPython, sqliteCount } from "./python.js";

const VERSION = "3.17.2";
const START_TIMEOUT_MS = 180_000;

/** MLflow's tracking server on SQLite, its default. */
export const mlflow: Peer = {
  name: "MLflow",
  version: VERSION,
  folder: "mlflow",
  durable: "the SQLite transaction, synced as SQLite's defaults do",
  keeps: "SQLite, one JSON document a span; experiments, models and web UI beside it",
  install: (folder) => installPython(folder, `mlflow==${VERSION}`, "mlflow"),
  async start(folder, dataDir) {
    const port = await freePort();
    const database = join(dataDir, "mlflow.db");
    const args = [
      "server",
      "--backend-store-uri",
      `sqlite:///${database}`,
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
    ];
    const child = startProgram(join(folder, "venv", "bin", "mlflow"), args, {
      cwd: dataDir,
      env: {
        PATH: `${join(folder, "venv", "bin")}:${process.env["PATH"] ?? ""}`,
        MLFLOW_DISABLE_TELEMETRY: "true",
      },
    });
    await waitForHttp(child, `http://127.0.0.1:${port}/health`, START_TIMEOUT_MS, dataDir);
    return {
      pid: child.pid ?? 0,
      target: { port, protocol: "http", path: "/v1/traces", headers: { "x-mlflow-experiment-id": "0" } },
      stored: () => sqliteCount(folder, database, "SELECT count(*) FROM spans"),
      stop: () => stopProgram(child),
    };
  },
};
