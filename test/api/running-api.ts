import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApi } from "../../api/index.js";
import { createLogger, defaultConfig, startCollector, type Collector } from "../../collector/index.js";

/** A whole server with its API on a free port, in this process. */
export interface RunningApi {
  readonly collector: Collector;
  readonly url: string;
  readonly dataDir: string;
  /** Stops it and starts another one on the same data. */
  restart(): Promise<RunningApi>;
  stop(): Promise<void>;
}

export async function runApi(root = mkdtempSync(join(tmpdir(), "counterfoil-api-"))): Promise<RunningApi> {
  const dataDir = join(root, "data");
  const collector = await startCollector(defaultConfig({}), {
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    logger: createLogger("silent"),
    createApi,
  });
  return {
    collector,
    dataDir,
    url: `http://127.0.0.1:${collector.ports.http}`,
    restart: async () => {
      await collector.shutdown(5_000);
      return runApi(root);
    },
    stop: async () => {
      await collector.shutdown(5_000);
      rmSync(root, { recursive: true, force: true });
    },
  };
}
