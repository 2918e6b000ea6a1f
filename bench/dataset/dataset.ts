import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPACTION_FILE_BYTES, COMPACTION_ROW_GROUP_ROWS, FORMAT_VERSION } from "../../schema/index.js";
import { dataDirPaths } from "../../store/index.js";
import { bodySourcesHash, cacheFolder, type BodySet } from "../load/bodies.js";
import { fillJournal } from "../load/fill-journal.js";
import { compactNow } from "../measure/compact-now.js";
import { SealedCount } from "../measure/sealed-count.js";
import { startBenchServer } from "../server.js";

/** A mirror to query, made once and kept in the cache folder. */
export interface Dataset {
  readonly kind: BodySet["kind"];
  readonly spans: number;
  /** Spread evenly over this many days up to when it was made. */
  readonly days: number;
}

const SPANS_PER_BODY = 512;
const BODIES = 200;
const SEAL_TIMEOUT_MS = 30 * 60_000;
const WORKERS = 2;
const COMPACTION_MB = 4_096;

/** Files that compaction would lay out otherwise make another data set. */
function folderOf(dataset: Dataset): string {
  const layout = `${FORMAT_VERSION}-${COMPACTION_ROW_GROUP_ROWS}-${COMPACTION_FILE_BYTES / 2 ** 20}`;
  const name = `mirror-${dataset.kind}-${dataset.spans}-${dataset.days}d-${layout}-${bodySourcesHash()}`;
  return join(cacheFolder(), name);
}

/**
 * The data directory of a data set. When it is not there it is made the product's own way: journalled, sealed by
 * `counterfoil start`, compacted.
 */
export async function openDataset(dataset: Dataset, log: (text: string) => void): Promise<string> {
  const folder = folderOf(dataset);
  if (existsSync(join(folder, "complete"))) return folder;
  const building = `${folder}.building`;
  for (const old of [folder, building]) rmSync(old, { recursive: true, force: true });
  mkdirSync(building, { recursive: true, mode: 0o700 });
  const { journal } = dataDirPaths(building);
  const bodies: BodySet = {
    kind: dataset.kind,
    count: Math.min(BODIES, Math.ceil(dataset.spans / SPANS_PER_BODY)),
    spansPerBody: SPANS_PER_BODY,
    encoding: "identity",
  };
  log(
    `data set of ${dataset.spans.toLocaleString("en-US")} ${dataset.kind} spans: journalling (kept for the next run)`,
  );
  const backlog = await fillJournal(journal, bodies, dataset);
  log("data set: sealing");
  const server = await startBenchServer({ dataDir: building, workers: WORKERS, compaction: false });
  try {
    const sealed = new SealedCount(server.mirrorDir);
    await sealed.reach(backlog.spans, SEAL_TIMEOUT_MS);
    sealed.close();
  } finally {
    await server.stop();
  }
  log("data set: compacting");
  // A month arrives here within minutes, so one job gets what would have been hundreds, and needs more memory.
  await compactNow(building, COMPACTION_MB);
  rmSync(journal, { recursive: true, force: true });
  writeFileSync(join(building, "complete"), "");
  renameSync(building, folder);
  return folder;
}
