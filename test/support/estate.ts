import { createHash } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
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
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 20 }) };
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

/** What tests change in a manifest. */
export interface TestManifest {
  version: number;
  tables: { name: string; rows: number; columns: { name: string; type: string }[]; files: TestFile[] }[];
}
export interface TestFile {
  path: string;
  rows: number;
  bytes: number;
  sha256: string;
}

export const sha256 = (bytes: string | Uint8Array): string =>
  createHash("sha256").update(bytes).digest("hex");

/**
 * A copy of a bundle with spans; `change` may rewrite its manifest, which then has the right checksum again, as an attacker's
 * would.
 */
export function copyBundle(
  from: string,
  to: string,
  change: (folder: string, manifest: TestManifest, spans: TestFile) => void = () => undefined,
): string {
  cpSync(from, to, { recursive: true });
  const path = join(to, "manifest.json");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as TestManifest & { sha256?: string };
  delete manifest.sha256;
  const [spans] = manifest.tables.find(({ name }) => name === "spans")?.files ?? [];
  if (spans === undefined) throw new Error("the bundle has no spans");
  change(to, manifest, spans);
  const open = JSON.stringify(manifest, null, 1).slice(0, -2);
  writeFileSync(path, `${open},\n "sha256": "${sha256(open)}"\n}\n`);
  return to;
}

/** Puts other bytes at a file's place, and says so in the manifest. */
export function replaceFile(folder: string, file: TestFile, bytes: string | Uint8Array): void {
  writeFileSync(join(folder, file.path), bytes);
  file.bytes = statSync(join(folder, file.path)).size;
  file.sha256 = sha256(bytes);
}
