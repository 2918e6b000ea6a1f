import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type ItemCounts, openJournalReader, zeroCounts } from "../journal/index.js";
import { nodeFileSystem } from "../journal/index.js";
import { listSegments } from "../journal/segment-listing.js";
import { type CatalogSnapshot, dataDirPaths, readCatalog } from "../store/index.js";
import { CounterfoilError } from "../schema/index.js";

/** What the journal folder shows without a server. */
export interface JournalOnDisk {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Items of each signal up to `lastSeq`, since the journal began. */
  readonly counts: ItemCounts;
  readonly bytes: number;
  readonly segments: number;
  /** Damaged records in the newest segment. */
  readonly damagedRecords: number;
}

const READ_BYTES = 8 * 1024 * 1024;

/**
 * Reads where the journal ends: one segment, the newest. Undefined when there is no journal yet. Throws the journal's
 * own errors when it can't be read. Safe beside a running server, which may have gone on meanwhile.
 */
export function readJournalOnDisk(dataDir: string): JournalOnDisk | undefined {
  const { journal: dir } = dataDirPaths(dataDir);
  if (!existsSync(dir)) return undefined;
  const segments = listSegments(nodeFileSystem.sync, dir);
  const last = segments.at(-1);
  if (last === undefined) return undefined;
  const reader = openJournalReader({ dir, afterSeq: last.firstSeq - 1 });
  let end = { lastSeq: last.firstSeq - 1, counts: zeroCounts() };
  let damagedRecords = 0;
  try {
    for (;;) {
      const batch = reader.read({ maxBytes: READ_BYTES, upToSeq: Number.MAX_SAFE_INTEGER });
      end = batch;
      for (const gap of batch.gaps) damagedRecords += gap.toSeq - gap.fromSeq + 1;
      if (batch.records.length === 0 && batch.gaps.length === 0) break;
    }
  } finally {
    reader.close();
  }
  return {
    firstSeq: segments[0]?.firstSeq ?? 1,
    lastSeq: end.lastSeq,
    counts: end.counts,
    bytes: segments.reduce(
      (sum, file) => sum + (statSync(join(dir, file.name), { throwIfNoEntry: false })?.size ?? 0),
      0,
    ),
    segments: segments.length,
    damagedRecords,
  };
}

/** The mirror's state from its manifest; undefined when there is no mirror yet. */
export function readMirrorOnDisk(dataDir: string): CatalogSnapshot | undefined {
  try {
    return readCatalog(dataDirPaths(dataDir).mirror);
  } catch (error) {
    if (error instanceof CounterfoilError && error.code === "CF_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Files of a folder and below, with their paths; none when the folder is missing. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
