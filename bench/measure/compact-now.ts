import {
  lockDataDir,
  openCatalog,
  startMaintenance,
  dataDirPaths,
  type MaintenanceReport,
} from "../../store/index.js";

const HOURS_AHEAD_MS = 2 * 60 * 60 * 1000;

/**
 * Compacts a mirror whose server has stopped, by the product's own housekeeping, as if its hours were over. Throws what
 * the housekeeping warns of: a mirror that is compacted by half must not be measured. `memoryMb`: the engine's memory,
 * undefined for the product's own bound.
 */
export async function compactNow(dataDir: string, memoryMb?: number): Promise<MaintenanceReport> {
  const lock = await lockDataDir(dataDir);
  try {
    const catalog = await openCatalog({ mirrorDir: dataDirPaths(dataDir).mirror });
    const warnings: string[] = [];
    const logger = {
      info: (): void => undefined,
      warn: (fields: object, message: string): void =>
        void warnings.push(`${message}: ${JSON.stringify(fields)}`),
    };
    const maintenance = startMaintenance({
      dataDir,
      catalog,
      logger,
      now: () => Date.now() + HOURS_AHEAD_MS,
      ...(memoryMb === undefined ? {} : { compaction: { memoryMb } }),
    });
    const report = await maintenance.runOnce();
    await maintenance.shutdown();
    await catalog.close();
    if (warnings.length > 0) throw new Error(warnings.join("; "));
    return report;
  } finally {
    await lock.release();
  }
}
