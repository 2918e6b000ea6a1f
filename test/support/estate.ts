import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCompactionJob } from "../../store/compaction/compact.js";
import { planCompaction } from "../../store/compaction/plan.js";
import { type BundleFileFormat, dataDirPaths, type ImportDoor, writeBundle } from "../../store/index.js";
import type { MirrorHarness } from "./mirror-harness.js";

const WEEK_MS = 7 * 86_400_000;

/** A folder for bundles, and what takes it away. */
export function bundleFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "counterfoil-bundles-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The door of a harness, as `import` uses it. */
export function doorOf(harness: MirrorHarness): ImportDoor {
  return {
    append: async (entries) => {
      await Promise.all(
        entries.map(({ receivedUnixNano, ...entry }) =>
          harness.append({ ...entry, ...(receivedUnixNano === undefined ? {} : { receivedUnixNano }) }),
        ),
      );
    },
    settle: () => harness.mirror.flush(60_000),
  };
}

/** Writes all of a data directory. */
export function exportAll(dataDir: string, out: string, fileFormat: BundleFileFormat = "parquet") {
  return writeBundle({ dataDir, out, fileFormat, producer: { name: "counterfoil", version: "test" } });
}

/** The SHA-256 of every file of a folder, to compare folders. */
export function hashesOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name)).sort();
  return Object.fromEntries(
    paths.map((path) => [
      path.slice(folder.length + 1),
      createHash("sha256").update(readFileSync(path)).digest("hex"),
    ]),
  );
}

/** Compacts what can be, as if a week had passed, by so many jobs, each a process of its own. */
export async function compactAll({ catalog, dir }: MirrorHarness, jobsMax = Infinity): Promise<void> {
  mkdirSync(dataDirPaths(dir).temp, { recursive: true });
  for (let job = 0; job < jobsMax; job++) {
    const times = { nowMs: Date.now() + WEEK_MS, writtenMs: () => 0 };
    const plan = planCompaction(catalog.snapshot().files, times);
    if (plan === undefined) return;
    await runCompactionJob({ dataDir: dir, catalog, job: plan });
  }
}
