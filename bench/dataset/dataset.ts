import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  COMPACTED_FORMAT_VERSION,
  COMPACTION_FILE_BYTES,
  COMPACTION_ROW_GROUP_BYTES,
} from "../../schema/index.js";
import { dataDirPaths, readCatalog } from "../../store/index.js";
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
/** Spans of one part: compaction gets no more at once than it would from an hour of heavy traffic. */
const SLICE_SPANS = 1_000_000;
const COMPACTION_MB = 2_048;

/** Files that compaction would lay out otherwise make another data set. */
function folderOf(dataset: Dataset): string {
  const layout = `${COMPACTED_FORMAT_VERSION}-${COMPACTION_ROW_GROUP_BYTES / 2 ** 20}-${COMPACTION_FILE_BYTES / 2 ** 20}`;
  const name = `mirror-${dataset.kind}-${dataset.spans}-${dataset.days}d-${layout}-${bodySourcesHash()}`;
  return join(cacheFolder(), name);
}

/** Whether it was made before. */
export function datasetIsThere(dataset: Dataset): boolean {
  return existsSync(join(folderOf(dataset), "complete"));
}

interface Slice {
  readonly slice: number;
  readonly slices: number;
  readonly log: (text: string) => void;
}

/** One part of the time: journalled, sealed and compacted, as a server would have done in that time. */
async function addSlice(dataDir: string, dataset: Dataset, { slice, slices, log }: Slice): Promise<void> {
  const { journal, mirror } = dataDirPaths(dataDir);
  const bodies: BodySet = {
    kind: dataset.kind,
    count: Math.min(BODIES, Math.ceil(dataset.spans / SPANS_PER_BODY)),
    spansPerBody: SPANS_PER_BODY,
    encoding: "identity",
  };
  const days = dataset.days / slices;
  const sealed = new SealedCount(mirror);
  const before = sealed.spans();
  rmSync(journal, { recursive: true, force: true });
  const backlog = await fillJournal(journal, bodies, {
    spans: Math.ceil(dataset.spans / slices),
    days,
    endDaysAgo: days * (slices - 1 - slice),
    ...(before === 0 ? {} : { after: readCatalog(mirror) }),
  });
  const server = await startBenchServer({
    dataDir,
    workers: WORKERS,
    compaction: false,
    startTimeoutMs: SEAL_TIMEOUT_MS,
  });
  try {
    await sealed.reach(backlog.spans, SEAL_TIMEOUT_MS);
    sealed.close();
  } finally {
    await server.stop();
  }
  await compactNow(dataDir, COMPACTION_MB);
  log(`data set: part ${slice + 1} of ${slices}`);
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
  const slices = Math.ceil(dataset.spans / SLICE_SPANS);
  log(
    `data set of ${dataset.spans.toLocaleString("en-US")} ${dataset.kind} spans: made in ${slices} parts, once`,
  );
  for (let slice = 0; slice < slices; slice++) await addSlice(building, dataset, { slice, slices, log });
  rmSync(journal, { recursive: true, force: true });
  writeFileSync(join(building, "complete"), "");
  renameSync(building, folder);
  return folder;
}
