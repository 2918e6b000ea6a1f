import { type JsonObject } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

/** Examples are compared with what the dataset has. */
const TIMEOUT_MS = 120_000;

/** Options of `rules approve` and `rules reject`. */
export interface DecideOptions {
  readonly dataDir: string;
  readonly all?: boolean;
  readonly by?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What the server answers about one run. */
interface Result {
  readonly id: string;
  readonly outcome: string;
  readonly reason: string | null;
}

/** Decides about runs in quarantine and prints what came of each. */
export async function runDecision(
  { rule, verb, ids }: { readonly rule: string; readonly verb: string; readonly ids: readonly string[] },
  { dataDir, all = false, by, dryRun = false, json = false }: DecideOptions,
  io: Io,
): Promise<void> {
  if (all === ids.length > 0) throw new CommandError(EXIT.usage, "Give ids of the rule's log, or --all.");
  const body = { ...(all ? { all } : { ids }), dry_run: dryRun, ...(by === undefined ? {} : { by }) };
  const path = `/api/v1/rules/${encodeURIComponent(rule)}/${verb}`;
  const request = { method: "POST" as const, path, body, timeoutMs: TIMEOUT_MS, signal: io.signal };
  const results = (await callServer(requireServer(dataDir), request)) as (Result & JsonObject)[];
  if (json) return write(io.stdout, `${rowsToJson(results, 2)}\n`);
  if (results.length === 0) return write(io.stderr, "Nothing is in the quarantine of this rule.\n");
  const would = dryRun ? "would be " : "";
  for (const { id, outcome, reason } of results) {
    await write(io.stdout, `${id} ${would}${inert(outcome)}${reason === null ? "" : `: ${inert(reason)}`}\n`);
  }
}
