import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApi } from "../../api/index.js";
import type { ApiHost } from "../../schema/index.js";
import {
  createLogger,
  defaultConfig,
  loadConfig,
  startCollector,
  type Collector,
} from "../../collector/index.js";

/** A whole server with its API on a free port, in this process. */
export interface RunningApi {
  readonly collector: Collector;
  readonly url: string;
  readonly dataDir: string;
  /** Stops it and starts another one on the same data. */
  restart(): Promise<RunningApi>;
  stop(): Promise<void>;
}

/** `config` is the YAML of a configuration file; without it the default one. `hostFor` can change what the API gets. */
export async function runApi(
  config?: string,
  root = mkdtempSync(join(tmpdir(), "counterfoil-api-")),
  hostFor = (host: ApiHost): ApiHost => host,
): Promise<RunningApi> {
  const dataDir = join(root, "data");
  const file = join(root, "counterfoil.yaml");
  if (config !== undefined) writeFileSync(file, config);
  const collector = await startCollector(
    config === undefined ? defaultConfig({}) : loadConfig(file, {}).config,
    {
      dataDir,
      httpPort: 0,
      grpcPort: 0,
      logger: createLogger("silent"),
      createApi: (host) => createApi(hostFor(host)),
    },
  );
  return {
    collector,
    dataDir,
    url: `http://127.0.0.1:${collector.ports.http}`,
    restart: async () => {
      await collector.shutdown(5_000);
      return runApi(config, root, hostFor);
    },
    stop: async () => {
      await collector.shutdown(5_000);
      rmSync(root, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}
