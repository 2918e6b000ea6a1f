import { type JsonObject } from "../../schema/index.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { createProgress } from "../output/progress.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";
import { dataDirFlag, shellWord } from "../start/banner.js";

/** A part of the history goes on for two seconds; the server may be slow. */
const STEP_TIMEOUT_MS = 120_000;

/** Options of `rules backfill`. */
export interface BackfillOptions {
  readonly dataDir: string;
  readonly since?: Date;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Outcome {
  readonly outcome: string;
  readonly reason: string | null;
  readonly runs: number;
}

/** What the server answers for one part. */
interface Step {
  readonly looked: number;
  readonly not_sampled: number;
  readonly not_matched: number;
  readonly open: number;
  readonly before: number;
  readonly outcomes: readonly Outcome[];
  readonly total?: number;
  readonly up_to?: string;
  readonly next?: string;
}

/** What became of the history so far. */
interface Sum {
  looked: number;
  not_sampled: number;
  not_matched: number;
  open: number;
  before: number;
  outcomes: Map<string, Outcome>;
}

/** Takes the history part by part until its end. Stopped before, it says where to go on. */
export async function runBackfill(rule: string, options: BackfillOptions, io: Io): Promise<void> {
  const server = requireServer(options.dataDir);
  const path = `/api/v1/rules/${encodeURIComponent(rule)}/backfill`;
  const progress = createProgress({ label: "backfilling", stream: io.stderr, unit: "things" });
  const sum: Sum = { looked: 0, not_sampled: 0, not_matched: 0, open: 0, before: 0, outcomes: new Map() };
  const { since } = options;
  let upTo = since?.toISOString();
  let total: number | undefined;
  try {
    for (let after: string | undefined, isEnd = false; !isEnd;) {
      const body = {
        dry_run: options.dryRun === true,
        ...(after === undefined ? (since === undefined ? {} : { since: since.toISOString() }) : { after }),
      };
      const request = { method: "POST" as const, path, body, timeoutMs: STEP_TIMEOUT_MS, signal: io.signal };
      const step = (await callServer(server, request)) as Step;
      add(sum, step);
      total ??= step.total;
      upTo = step.up_to ?? upTo;
      after = step.next;
      isEnd = after === undefined;
      progress.update(sum.looked, total);
    }
  } catch (error) {
    progress.end();
    if (sum.looked > 0) {
      const more = `counterfoil rules backfill ${inert(shellWord(rule))}${dataDirFlag(options.dataDir)} --since ${upTo ?? ""}`;
      await write(
        io.stderr,
        `Stopped after ${sum.looked} of ${total ?? "?"} runs. To go on there: ${more}\n`,
      );
    }
    throw error;
  } finally {
    progress.end();
  }
  if ([...sum.outcomes.values()].some(({ outcome }) => outcome === "error")) io.exitCode = EXIT.failure;
  const whole = { ...sum, outcomes: [...sum.outcomes.values()] };
  if (options.json === true) return write(io.stdout, `${rowsToJson([whole as unknown as JsonObject], 2)}\n`);
  return write(io.stdout, reportText(whole, options.dryRun === true));
}

function add(sum: Sum, step: Step): void {
  for (const name of ["looked", "not_sampled", "not_matched", "open", "before"] as const)
    sum[name] += step[name];
  for (const { outcome, reason, runs } of step.outcomes) {
    const key = JSON.stringify([outcome, reason]);
    sum.outcomes.set(key, { outcome, reason, runs: (sum.outcomes.get(key)?.runs ?? 0) + runs });
  }
}

function reportText(
  sum: Omit<Sum, "outcomes"> & { readonly outcomes: readonly Outcome[] },
  dryRun: boolean,
): string {
  const lines = [
    `${sum.looked} runs match${dryRun ? " (dry run: nothing was changed)" : ""}`,
    ...sum.outcomes.map(
      ({ outcome, reason, runs }) =>
        `${runs} ${dryRun ? "would be " : ""}${inert(outcome)}${reason === null ? "" : `: ${inert(reason)}`}`,
    ),
    ...(sum.before === 0 ? [] : [`${sum.before} were done before`]),
    ...(sum.not_sampled === 0 ? [] : [`${sum.not_sampled} are not in the sample`]),
    ...(sum.not_matched === 0
      ? []
      : [`${sum.not_matched} are none of those that its SQL (where) or its scope takes`]),
    ...(sum.open === 0
      ? []
      : [`${sum.open} are in traces that are not complete yet; the rule takes them when they are`]),
  ];
  return lines.map((line, at) => `${at === 0 ? "" : "  "}${line}\n`).join("");
}
