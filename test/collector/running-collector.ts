import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, defaultConfig, startCollector, type Collector } from "../../collector/index.js";

/** A whole collector on free ports, in this process, with a data directory of its own. */
export interface RunningCollector {
  readonly collector: Collector;
  readonly dataDir: string;
  readonly stop: () => Promise<void>;
}

export async function runCollector(): Promise<RunningCollector> {
  const root = mkdtempSync(join(tmpdir(), "counterfoil-collector-"));
  const dataDir = join(root, "data");
  const collector = await startCollector(defaultConfig({}), {
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    logger: createLogger("silent"),
  });
  return {
    collector,
    dataDir,
    stop: async () => {
      await collector.shutdown(5_000);
      rmSync(root, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}
