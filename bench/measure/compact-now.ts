import {
  lockDataDir,
  openCatalog,
  startMaintenance,
  dataDirPaths,
  type MaintenanceReport,
} from "../../store/index.js";

const HOURS_AHEAD_MS = 2 * 60 * 60 * 1000;

/** Compacts a mirror whose server has stopped, by the product's own housekeeping, as if its hours were over. */
export async function compactNow(dataDir: string): Promise<MaintenanceReport> {
  const lock = await lockDataDir(dataDir);
  try {
    const catalog = await openCatalog({ mirrorDir: dataDirPaths(dataDir).mirror });
    const maintenance = startMaintenance({ dataDir, catalog, now: () => Date.now() + HOURS_AHEAD_MS });
    const report = await maintenance.runOnce();
    await maintenance.shutdown();
    await catalog.close();
    return report;
  } finally {
    await lock.release();
  }
}
