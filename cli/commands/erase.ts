import { type Command, InvalidArgumentError } from "commander";
import { traceIdOf } from "../../schema/index.js";
import type { EraseReport } from "../erase/erase.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { readMirrorOnDisk } from "../offline.js";
import { requireDataDir, shown, withDataDir } from "../options.js";
import { inert } from "../output/text.js";
import { createProgress } from "../output/progress.js";
import { formatCount } from "../output/values.js";
import { mirrorRows } from "../query.js";

interface EraseOptions {
  readonly dataDir: string;
  readonly userId: readonly string[];
  readonly traceId: readonly string[];
  readonly threadId: readonly string[];
  readonly reference?: string;
  readonly resume?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const more = (text: string, before: readonly string[]): readonly string[] => {
  if (text === "") throw new InvalidArgumentError("It is empty.");
  return [...before, text];
};

/** `erase`: removes a person's data, or a trace's or thread's, for good. */
export function addEraseCommand(program: Command, io: Io): void {
  withDataDir(program.command("erase"))
    .description(
      "remove what belongs to a user, a trace or a thread, for good, from everything in the data directory",
    )
    .option("--user-id <id>", "end user, as spans have it in user_id; may be given again", more, [])
    .option("--trace-id <id>", "trace id; may be given again", oneTrace, [])
    .option("--thread-id <id>", "thread (conversation) id; may be given again", more, [])
    .option("--reference <text>", "number of the request or case, for the audit record; no personal data")
    .option("--resume", "finish an erasure that was interrupted, and nothing else")
    .option("--yes", "really erase; without it you see what would go")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Whole traces go, with their logs, their feedback in all its history, the examples made of them, and their dead letters.
The mirror's files that hold them are written anew, the journal is removed (all of it is in the mirror), and a record in
\`erasures\` says that it was done and how much it was, without what it was. No server may run. If it is interrupted, the next
one finishes it first.

It does not reach what left the data directory: destinations, exports, snapshots, backups. It names the destinations.

Examples:
  counterfoil erase --user-id u-4711
  counterfoil erase --user-id u-4711 --reference GDPR-2026-17 --yes
  counterfoil erase --trace-id 4bf92f3577b34da6a3ce929d0e0e4736 --yes
  counterfoil erase --resume --yes`,
    )
    .action((options: EraseOptions) => run(options, io));
}

function oneTrace(text: string, before: readonly string[]): readonly string[] {
  const id = traceIdOf(text);
  if (id === undefined) throw new InvalidArgumentError("It must be 32 hex digits, or the same as a UUID.");
  return [...before, id];
}

async function run(options: EraseOptions, io: Io): Promise<void> {
  const { dataDir, reference, threadId, traceId, userId } = options;
  requireDataDir(dataDir);
  const subject = { userIds: userId, traceIds: traceId, threadIds: threadId };
  const isNothing = userId.length + traceId.length + threadId.length === 0;
  if (isNothing !== (options.resume === true)) {
    throw new CommandError(EXIT.usage, "Say whose: --user-id, --trace-id or --thread-id; or --resume alone.");
  }
  const { erase } = await import("../erase/erase.js");
  const dryRun = options.yes !== true;
  const progress = createProgress({ label: dryRun ? "looking" : "erasing", stream: io.stderr });
  let report: EraseReport;
  try {
    report = await erase({
      dataDir,
      subject: isNothing ? undefined : subject,
      reference,
      dryRun,
      signal: io.signal,
    });
  } finally {
    progress.end();
  }
  const { stillNamed } = await import("../erase/still-named.js");
  const named =
    isNothing || readMirrorOnDisk(dataDir) === undefined
      ? []
      : await stillNamed((sql, params) => mirrorRows(io, dataDir, sql, params), subject);
  if (options.json === true)
    return write(
      io.stdout,
      `${JSON.stringify({ erased: !dryRun, ...report, still_named_by: named }, null, 2)}\n`,
    );
  await write(io.stdout, text(report, dryRun));
  if (named.length === 0) return;
  const hint = `These name what you ask about in texts of theirs, and stay, with their history: ${named.join(", ")}.`;
  await write(io.stderr, `${io.paintError.warn("warning:")} ${hint}\n`);
}

function text({ deadLetters, destinations, resumed, rows, traces }: EraseReport, dryRun: boolean): string {
  const lines = Object.entries(rows).map(
    ([name, count]) => `  ${name.padEnd(24)} ${formatCount(count).padStart(12)}`,
  );
  if (deadLetters > 0) lines.push(`  ${"dead letters".padEnd(24)} ${formatCount(deadLetters).padStart(12)}`);
  const before =
    resumed === 0
      ? ""
      : `${formatCount(resumed)} interrupted earlier ${dryRun ? "would be" : "was"} finished.\n`;
  if (lines.length === 0 && traces === 0)
    return `${before}Nothing ${dryRun ? "to erase" : "else to erase"} was found.\n`;
  const did = dryRun ? "Would erase" : "Erased";
  const body = `${before}${lines.join("\n")}\n${did} ${formatCount(traces)} trace${traces === 1 ? "" : "s"}, rows as above.`;
  const where =
    destinations.length === 0
      ? ""
      : ` ${destinations.map((name) => inert(shown(name))).join(", ")} may have copies: erase them there.`;
  const end = dryRun
    ? " Nothing was changed; add --yes to erase."
    : " Exports, snapshots and backups of before still have it.";
  return `${body}${end}${where}\n`;
}
