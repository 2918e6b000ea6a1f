import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { dataDirPaths } from "../../store/index.js";
import { KILL_POINTS } from "./kill-points.js";
import { createProgressLine } from "./progress-line.js";
import type { SoakRun } from "./run.js";

const TWO_HOURS_SECONDS = 7_200;

/** A server is only ever asked to write its manifest whole when it has none, or after 2,000 commits. */
const FIRST = ["manifest-before-rename", "manifest-after-rename"];

/** Makes files two hours older: compaction takes closed hours, the sweep takes what was left behind long ago. */
function age(paths: readonly string[]): void {
  const then = Date.now() / 1000 - TWO_HOURS_SECONDS;
  for (const path of paths) utimesSync(path, then, then);
}

function parquetFiles(mirror: string): string[] {
  if (!existsSync(mirror)) return [];
  return readdirSync(mirror, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".parquet"))
    .map((name) => join(mirror, name));
}

/** What a point needs before it can be reached. */
function prepare(run: SoakRun, point: string): void {
  const { mirror } = dataDirPaths(run.dataDir);
  if (point.startsWith("compaction-")) age(parquetFiles(mirror));
  if (!point.startsWith("sweep-")) return;
  const folder = join(mirror, "spans", "date=2026-01-01");
  mkdirSync(folder, { recursive: true });
  const left = ["0-1-2.parquet", "0-3-4.parquet", "0-5-6.parquet.tmp"].map((name) => join(folder, name));
  for (const path of left) writeFileSync(path, "left behind");
  age(left);
}

/** Kills one server after another at each kill point in turn. Throws when one is not reached. */
export async function everyKillPoint(run: SoakRun): Promise<void> {
  const points = [...FIRST, ...Object.keys(KILL_POINTS).filter((name) => !FIRST.includes(name))];
  const progress = createProgressLine(points.length);
  for (const [index, point] of points.entries()) {
    prepare(run, point);
    await run.pointRound(point);
    progress.update(index + 1, point);
  }
  progress.end();
}
