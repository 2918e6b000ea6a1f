import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  addCounts,
  CursorFile,
  type ItemCounts,
  storedCounts,
  subtractCounts,
  zeroCounts,
} from "../../journal/index.js";
import { dataDirPaths } from "../../store/index.js";
import { readJournalOnDisk, readMirrorOnDisk } from "../offline.js";
import { type DestinationStatus, type Status } from "./types.js";

/** What a destination's cursor file holds, see `exporters/core/cursor.ts`. */
interface StoredCursor {
  readonly seq: number;
  readonly counts: ItemCounts;
  readonly totals: {
    readonly delivered: ItemCounts;
    readonly filtered: Readonly<Record<string, ItemCounts>>;
    readonly deadLetter: Readonly<Record<string, ItemCounts>>;
  };
}

/** What the mirror's counter file holds, see `store/seal/dead-letter-counts.ts`. */
interface StoredMirrorCounts {
  readonly settled: Readonly<Record<string, ItemCounts>>;
  readonly latest: { readonly seq: number; readonly counts: Readonly<Record<string, ItemCounts>> };
}

const MIRROR = "mirror";

/** The status as the files tell it, for when no server runs. Reading changes nothing. */
export function readOfflineStatus(dataDir: string): Status {
  const journal = readJournalOnDisk(dataDir);
  const mirror = readMirrorOnDisk(dataDir);
  const tail = journal?.counts ?? zeroCounts();
  const destinations: DestinationStatus[] = [];
  if (mirror !== undefined) {
    const deadLetter = mirrorDeadLetters(dataDir, mirror.sealedSeq);
    const settled = mirror.sealedCounts;
    destinations.push({
      name: MIRROR,
      state: "stopped",
      cursor_seq: mirror.sealedSeq,
      accepted: addCounts(settled, subtractCounts(tail, settled)),
      delivered: subtractCounts(settled, sum(Object.values(deadLetter))),
      filtered: {},
      waiting: subtractCounts(tail, settled),
      dead_letter: deadLetter,
    });
  }
  for (const { name, cursor } of storedCursors(dataDir)) {
    const delivered = storedCounts(cursor.totals.delivered);
    const filtered = storedBuckets(cursor.totals.filtered);
    const deadLetter = storedBuckets(cursor.totals.deadLetter);
    const waiting = subtractCounts(tail, storedCounts(cursor.counts));
    const settled = sum([delivered, ...Object.values(filtered), ...Object.values(deadLetter)]);
    destinations.push({
      name,
      state: "stopped",
      cursor_seq: cursor.seq,
      accepted: addCounts(settled, waiting),
      delivered,
      filtered,
      waiting,
      dead_letter: deadLetter,
    });
  }
  return {
    state: "stopped",
    ...(journal === undefined
      ? {}
      : {
          journal: {
            first_seq: journal.firstSeq,
            durable_seq: journal.lastSeq,
            bytes: journal.bytes,
            segments: journal.segments,
          },
        }),
    ...(mirror === undefined
      ? {}
      : {
          mirror: {
            version: mirror.version,
            files: mirror.files.length,
            rows: mirror.files.reduce((total, file) => total + file.rows, 0),
            bytes: mirror.files.reduce((total, file) => total + file.bytes, 0),
            sealed_seq: mirror.sealedSeq,
          },
        }),
    destinations,
  };
}

function storedCursors(dataDir: string): { name: string; cursor: StoredCursor }[] {
  const { cursors: folder } = dataDirPaths(dataDir);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith(".json") && file !== `${MIRROR}.json` && !file.endsWith(".replay.json"))
    .sort()
    .flatMap((file) => {
      const cursor = new CursorFile<StoredCursor>(join(folder, file)).loadSync();
      return cursor?.totals === undefined
        ? []
        : [{ name: decodeURIComponent(file.slice(0, -".json".length)), cursor }];
    });
}

function mirrorDeadLetters(dataDir: string, sealedSeq: number): Readonly<Record<string, ItemCounts>> {
  const path = join(dataDirPaths(dataDir).cursors, `${MIRROR}.json`);
  const stored = new CursorFile<StoredMirrorCounts>(path).loadSync();
  if (stored === undefined) return {};
  if (stored.latest.seq > sealedSeq) return storedBuckets(stored.settled);
  const all = storedBuckets(stored.settled);
  for (const [reason, counts] of Object.entries(stored.latest.counts)) {
    all[reason] = addCounts(all[reason] ?? zeroCounts(), storedCounts(counts));
  }
  return all;
}

const sum = (all: readonly ItemCounts[]): ItemCounts => all.reduce(addCounts, zeroCounts());

/** Buckets as an earlier version may have stored them. */
function storedBuckets(buckets: Readonly<Record<string, ItemCounts>>): Record<string, ItemCounts> {
  return Object.fromEntries(Object.entries(buckets).map(([name, counts]) => [name, storedCounts(counts)]));
}
