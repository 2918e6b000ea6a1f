import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { dataDirOwner, dataDirPaths } from "../../store/index.js";
import { filesBelow, readJournalOnDisk, readMirrorOnDisk } from "../offline.js";
import { inert } from "../output/text.js";
import { formatBytes, formatCount } from "../output/values.js";
import { readServerFile } from "../server-file.js";
import { type Check, fail, ok, warn } from "./check.js";

/** Records waiting for the mirror above which something is wrong: it normally keeps up within a second. */
const BACKLOG_WARN_RECORDS = 10_000;

/** Who holds the data directory. */
export function lockCheck(dataDir: string): Check {
  return {
    name: "lock",
    async run() {
      const owner = existsSync(dataDir) ? await dataDirOwner(dataDir) : undefined;
      if (owner === undefined) return ok("nobody holds the data directory");
      const holder = `process ${owner.pid} on ${inert(owner.hostname)} since ${inert(owner.since)}`;
      const server = readServerFile(dataDir);
      if (server !== undefined)
        return ok(`held by the server at ${server.url ?? server.grpc_url ?? "?"} (${holder})`);
      return warn(
        `held by ${holder}, which serves no address`,
        "It may be starting or stopping. If it stays, look at its log.",
      );
    },
  };
}

/** Whether the journal can be read to its end. */
export function journalCheck(dataDir: string): Check {
  return {
    name: "journal",
    run() {
      const journal = readJournalOnDisk(dataDir);
      if (journal === undefined) return ok("no journal yet");
      const size = `${formatCount(journal.lastSeq)} records, ${formatBytes(journal.bytes)} in ${journal.segments} file(s)`;
      if (journal.damagedRecords === 0) return ok(size);
      return fail(
        `${formatCount(journal.damagedRecords)} damaged record(s) in the newest file; ${size}`,
        "The disk returned wrong bytes. Check it; the destinations count these records as dead letters (journal_corrupt).",
      );
    },
  };
}

/** Whether the manifest can be read, every file it names is there in full, and the mirror keeps up. */
export function mirrorCheck(dataDir: string): Check {
  return {
    name: "mirror",
    run() {
      const mirror = readMirrorOnDisk(dataDir);
      if (mirror === undefined) return ok("no mirror yet");
      const folder = dataDirPaths(dataDir).mirror;
      const broken = mirror.files.filter(
        (file) => statSync(join(folder, file.path), { throwIfNoEntry: false })?.size !== file.bytes,
      );
      const [first] = broken;
      if (first !== undefined) {
        return fail(
          `${broken.length} of ${mirror.files.length} files are missing or cut short, the first: ${inert(first.path)}`,
          "Restore them from a backup of mirror/, or replay the journal from before their first seq.",
        );
      }
      const rows = mirror.files.reduce((sum, file) => sum + file.rows, 0);
      const detail = `${formatCount(rows)} rows in ${formatCount(mirror.files.length)} file(s), sealed to record ${formatCount(mirror.sealedSeq)}`;
      const backlog = (readJournalOnDisk(dataDir)?.lastSeq ?? mirror.sealedSeq) - mirror.sealedSeq;
      if (backlog < BACKLOG_WARN_RECORDS) return ok(detail);
      return warn(
        `${detail}; ${formatCount(backlog)} records wait`,
        "Start the server so that it can catch up; if it runs, look for seal errors in its log.",
      );
    },
  };
}

/** Whether destinations gave up on anything. */
export function deadLetterCheck(dataDir: string): Check {
  return {
    name: "dead letters",
    run() {
      const files = filesBelow(dataDirPaths(dataDir).deadLetters).filter((path) => path.endsWith(".jsonl"));
      const bytes = files.reduce(
        (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
        0,
      );
      if (bytes === 0) return ok("none");
      return warn(
        `${formatBytes(bytes)} in ${files.length} file(s) under ${dataDirPaths(dataDir).deadLetters}`,
        "See why with `counterfoil status`; send them again with `counterfoil replay --dead-letters --to <exporter>`.",
      );
    },
  };
}
