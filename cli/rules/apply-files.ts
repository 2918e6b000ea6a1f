import { type Io, write } from "../io.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";
import { type Plan, renderPlans, summaryOf } from "./render-plan.js";
import { type FileKey, readRuleFiles } from "./rule-files.js";

/** The server tries each SQL condition and pattern in a process of its own. */
const APPLY_TIMEOUT_MS = 300_000;

/** Options of `rules apply` and `evaluators apply`. */
export interface ApplyOptions {
  readonly dataDir: string;
  readonly file: readonly string[];
  readonly json?: boolean;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
}

/** Makes the server's rules, or evaluators, what files say, and prints what changes. */
export async function applyFiles(key: FileKey, options: ApplyOptions, io: Io): Promise<void> {
  const { dryRun = false, prune = false } = options;
  const body = { [key]: readRuleFiles(options.file, key), dry_run: dryRun, prune };
  const request = {
    method: "POST" as const,
    path: `/api/v1/${key}/apply`,
    body,
    timeoutMs: APPLY_TIMEOUT_MS,
    signal: io.signal,
  };
  const plans = (await callServer(requireServer(options.dataDir), request)) as Plan[];
  if (options.json === true) return write(io.stdout, `${rowsToJson(plans, 2)}\n`);
  const note = dryRun ? " (dry run: nothing was changed)" : "";
  return write(io.stdout, `${renderPlans(plans, io.paint)}${summaryOf(plans, dryRun)}${note}\n`);
}
