import { REWRITE_JOB_BYTES_MAX, RULE_SET_VERSION } from "../../schema/index.js";
import { type Compactor, runCompactionJob } from "../compaction/compact.js";
import { planRewrite } from "../compaction/plan.js";
import type { Catalog, FileEntry } from "../types.js";
import { type CostChange, type RewriteReport, type SpanRewrite, sumOfCosts } from "./rewrite-types.js";

/** How {@link rewriteSpans} works. */
export interface RewriteOptions {
  readonly dataDir: string;
  /** Open for writing by the owner of the data directory; for a dry run a snapshot is enough. */
  readonly catalog: Pick<Catalog, "snapshot" | "commit">;
  readonly rewrite: SpanRewrite;
  /** Files of `spans`, as the manifest names them. Those that are not listed any more are passed over. */
  readonly paths: readonly string[];
  /** Only count what would change. */
  readonly dryRun?: boolean;
  /** Is told after each job how many bytes of the files are done. */
  readonly onProgress?: (doneBytes: number) => void;
  /** Aborting kills the running job; what was committed before stays. */
  readonly signal?: AbortSignal;
  /** Bytes of files that one job takes, and so one commit of the manifest. */
  readonly bytesMax?: number;
  /** Writes the new files; by default a child process with DuckDB. */
  readonly compactor?: Compactor;
}

/** The files whose rows were filled by older rules than this build's, or all, with an event at or after `since`. */
export function filesToRenormalise(
  files: readonly FileEntry[],
  { all = false, sinceUnixNano }: { readonly all?: boolean; readonly sinceUnixNano?: bigint | undefined },
): FileEntry[] {
  return files.filter(
    ({ table, ruleSetVersion = 0, maxTimeUnixNano }) =>
      table === "spans" &&
      (all || ruleSetVersion < RULE_SET_VERSION) &&
      // Without a time the rows may be of any time.
      (sinceUnixNano === undefined || maxTimeUnixNano === null || BigInt(maxTimeUnixNano) >= sinceUnixNano),
  );
}

/**
 * Rewrites files of `spans` row by row, a few at a time, each time as one commit: whenever it dies, every file is as it
 * was or rewritten, and doing it again goes on where it stopped. The files come out compacted. Throws CF_SEAL_FAILED
 * (retryable), and the signal's reason when it is aborted.
 */
export async function rewriteSpans(options: RewriteOptions): Promise<RewriteReport> {
  const { catalog, dataDir, rewrite, signal } = options;
  const left = new Set(options.paths);
  const damaged = new Set<string>();
  const changes = new Map<string, number>();
  let cost: CostChange = { beforeUsd: 0, afterUsd: 0 };
  let files = 0;
  let rows = 0;
  let bytes = 0;
  for (;;) {
    signal?.throwIfAborted();
    const job = planRewrite(catalog.snapshot().files, rewrite, {
      wanted: ({ path }) => left.has(path),
      bytesMax: options.bytesMax ?? REWRITE_JOB_BYTES_MAX,
      skip: damaged,
    });
    if (job === undefined) break;
    const done = await runCompactionJob({
      dataDir,
      catalog,
      job,
      ...(options.dryRun === true ? { dryRun: true } : {}),
      ...(signal === undefined ? {} : { signal }),
      ...(options.compactor === undefined ? {} : { compactor: options.compactor }),
    });
    for (const path of done.damaged) damaged.add(path);
    if (done.damaged.length > 0) continue;
    for (const file of job.inputs) {
      left.delete(file.path);
      bytes += file.bytes;
    }
    files += job.inputs.length;
    rows += done.rowsIn;
    if (done.cost !== undefined) cost = sumOfCosts(cost, done.cost);
    for (const [name, count] of Object.entries(done.changes ?? {})) {
      changes.set(name, (changes.get(name) ?? 0) + count);
    }
    options.onProgress?.(bytes);
  }
  return { files, rows, changes: Object.fromEntries(changes), cost, damaged: [...damaged] };
}
