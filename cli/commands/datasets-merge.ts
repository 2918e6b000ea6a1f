import { type Command } from "commander";
import type { MergeConflict, MergePlan } from "../../loop/index.js";
import type { JsonObject } from "../../schema/index.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { requireDataDir, withDataDir } from "../options.js";
import { inert } from "../output/text.js";
import { callServer, findServer } from "../server-client.js";
import { formatCount } from "../output/values.js";

interface MergeOptions {
  readonly dataDir: string;
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
  readonly asOf?: string;
  readonly unrelated?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** A merge of a million examples takes a while. */
const STORE_MS = 600_000;
const HASH_DIGITS = 12;
const SHOWN_CHARS = 200;
const ids = (text: string, before: readonly string[]): readonly string[] => [...before, ...text.split(",")];

/** `datasets merge`: takes what another line of a dataset changed into this one. */
export function addDatasetsMergeCommand(datasets: Command, io: Io): void {
  withDataDir(datasets.command("merge"))
    .description(
      "take what another line of a dataset changed into this one; conflicts are shown, not guessed",
    )
    .argument("<dataset>", "name or id of the dataset that is changed")
    .argument(
      "<from>",
      "name or id of the other line: a clone, or a copy that was changed elsewhere and imported",
    )
    .option(
      "--ours <examples>",
      "conflicts in which this line wins: ids separated by commas, or all",
      ids,
      [],
    )
    .option("--theirs <examples>", "conflicts in which the other line wins: ids, or all", ids, [])
    .option(
      "--as-of <version>",
      "a version of the other line: its time, a tag, or the first digits of its hash",
    )
    .option("--unrelated", "merge datasets that never had the same content: adds what is missing")
    .option("--dry-run", "show what would become of it; change nothing")
    .option("--json", "print the result as JSON, with the examples in conflict whole")
    .addHelpText(
      "after",
      `
Three ways: against the newest version that both lines had, which is known by its content hash, not by ids or times. What
only one line changed, added or deleted is taken from it. Where both changed an example, parts that only one changed are taken
(inputs and outputs together, metadata, attachments). The rest is a conflict: nothing is stored until each one is decided.
Merging again takes only what is new since. All of it is one version.

Ends with 1 when there are conflicts.

Examples:
  counterfoil datasets merge golden-support golden-support-review --dry-run
  counterfoil datasets merge golden-support golden-support-review --ours all
  counterfoil datasets merge golden-support golden-support-review --theirs 5ee11f3e-8843-5395-aa31-11de99bbc843`,
    )
    .action((dataset: string, from: string, options: MergeOptions) => run({ dataset, from }, options, io));
}

async function run(
  { dataset, from }: { readonly dataset: string; readonly from: string },
  options: MergeOptions,
  io: Io,
): Promise<void> {
  const { asOf, dataDir, ours, theirs } = options;
  requireDataDir(dataDir);
  const [{ planDecidedMerge, storeVersion }, { createMirrorReader }, { openDoor, settleMirror }] =
    await Promise.all([
      import("../../loop/index.js"),
      import("../../store/index.js"),
      import("../bundle/doors.js"),
    ]);
  await settleMirror(dataDir, io.signal);
  const reader = createMirrorReader({ dataDir });
  try {
    const rows = (sql: string, params: Parameters<typeof reader.query>[1]) => reader.query(sql, params);
    const unrelated = options.unrelated === true;
    const plan = await planDecidedMerge({ rows, dataset, from, asOf, ours, theirs, unrelated });
    const isDone = plan.conflicts.length === 0 && options.dryRun !== true;
    if (isDone && plan.changes.length > 0) {
      const server = findServer(dataDir);
      if (server === undefined) {
        const door = await openDoor(dataDir, io.signal);
        await storeVersion(door, plan.changes).finally(() => door.close());
      } else {
        // The server makes the merge anew, in turn with all other changes, and refuses another result than the one shown.
        const body = { from, as_of: asOf, ours, theirs, unrelated, version: plan.version };
        const path = `/api/v1/datasets/${encodeURIComponent(dataset)}/merge`;
        const request = { method: "POST" as const, path, body, timeoutMs: STORE_MS, signal: io.signal };
        await callServer(server, request);
      }
    }
    if (plan.conflicts.length > 0) io.exitCode = EXIT.failure;
    await write(io.stdout, options.json === true ? json(plan, isDone) : text(plan, isDone, io));
  } finally {
    await reader.close();
  }
}

function json({ changes: _changes, ...plan }: MergePlan, stored: boolean): string {
  return `${JSON.stringify({ stored, ...plan }, null, 2)}\n`;
}

function text(plan: MergePlan, stored: boolean, io: Io): string {
  const { added, common, conflicts, modified, removed, version } = plan;
  const base =
    common === null
      ? "Merged as unrelated.\n"
      : `Both had version ${common.hash.slice(0, HASH_DIGITS)} (${common.ours_as_of.slice(0, 19)}Z).\n`;
  const counts = `${formatCount(added)} added, ${formatCount(modified)} modified, ${formatCount(removed)} removed`;
  if (conflicts.length > 0) {
    const shownConflicts = conflicts.map((conflict) => conflictText(conflict, io)).join("");
    const many = `${formatCount(conflicts.length)} conflict${conflicts.length === 1 ? "" : "s"}`;
    return `${base}${shownConflicts}${many}; without them: ${counts}. Nothing was stored. Decide each with --ours or --theirs.\n`;
  }
  if (plan.changes.length === 0) return `${base}Nothing to merge.\n`;
  return `${base}${counts}. ${stored ? "The version is" : "Nothing was stored. The version would be"} ${version.slice(0, HASH_DIGITS)}.\n`;
}

const FIELDS = ["inputs", "outputs", "metadata", "attachments"] as const;

function conflictText({ base, id, ours, parts, theirs }: MergeConflict, io: Io): string {
  const what =
    ours === null
      ? "deleted here, changed there"
      : theirs === null
        ? "changed here, deleted there"
        : parts.join(", ");
  const lines = FIELDS.flatMap((field) => {
    const values = [base, ours, theirs].map((data) => shownField(data, field));
    if (values[1] === values[2]) return [];
    const line = (name: string, value: string | undefined): string[] =>
      value === undefined ? [] : [`    ${name.padEnd(7)}${field}: ${value}\n`];
    return [...line("base", values[0]), ...line("ours", values[1]), ...line("theirs", values[2])];
  });
  return `! ${io.paint.bold(inert(id))} ${what}\n${lines.join("")}`;
}

function shownField(data: JsonObject | null, field: string): string | undefined {
  const value = data?.[field];
  if (value === undefined || value === null) return undefined;
  const whole = inert(JSON.stringify(value));
  return whole.length > SHOWN_CHARS ? `${whole.slice(0, SHOWN_CHARS)}…` : whole;
}
