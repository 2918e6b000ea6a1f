import { type Command } from "commander";
import { RULE_SET_VERSION } from "../../schema/index.js";
import type { RewriteReport } from "../../store/index.js";
import { type Io, terminalWidth } from "../io.js";
import { pointInTime, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { formatCount } from "../output/values.js";
import { type RewriteOptions, runRewrite } from "../renormalise/run-rewrite.js";

interface RenormaliseOptions extends RewriteOptions {
  readonly all?: boolean;
}

/** `renormalise`: derives the GenAI columns of what is in the mirror anew, by the rules of this version. */
export function addRenormaliseCommand(program: Command, io: Io): void {
  withDataDir(program.command("renormalise"))
    .description("fill the GenAI columns of older spans anew, by the rules of this version")
    .option(
      "--since <time>",
      "only files with a span that started at or after: ISO time, date, or how long ago (2h, 7d)",
      pointInTime,
    )
    .option("--all", "also files that the rules of this version filled already")
    .option("--dry-run", "only count what would change, by column")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Files of \`spans\` with rows of an older rule set are rewritten from the attributes, events and links that they keep in
full; those stay as they are, to the byte. Each few files are one change: interrupt it at any time, and run it again to
go on. A second run changes nothing. Works with or without a server; with one, the server does it, a few files at a time.

Exit codes: 0 done; 10 damaged files were left alone (\`counterfoil scrub\` repairs them).

Examples:
  counterfoil renormalise --dry-run
  counterfoil renormalise --since 30d
  counterfoil renormalise --all --json`,
    )
    .action((options: RenormaliseOptions) => run(options, io));
}

async function run(options: RenormaliseOptions, io: Io): Promise<void> {
  const dryRun = options.dryRun === true;
  const command = {
    rewrite: { kind: "renormalise" },
    all: options.all === true,
    label: dryRun ? "comparing" : "renormalising",
    facts: () => ({ rule_set_version: RULE_SET_VERSION }),
    text: (report: RewriteReport) => text(report, dryRun, io),
  } as const;
  await runRewrite(options, command, io);
}

function text({ files, rows, changes }: RewriteReport, dryRun: boolean, io: Io): string {
  if (files === 0) return `Nothing to do: every span was filled by rule set ${RULE_SET_VERSION}.\n`;
  const did = dryRun ? "Would rewrite" : "Rewrote";
  const head = `${did} ${formatCount(rows)} spans in ${formatCount(files)} files by rule set ${RULE_SET_VERSION}.`;
  const changed = Object.entries(changes).sort(([, a], [, b]) => b - a);
  if (changed.length === 0) return `${head} No value ${dryRun ? "would change" : "changed"}.\n`;
  const table = renderTable({
    columns: [{ name: "column" }, { name: dryRun ? "spans to change" : "spans changed", align: "right" }],
    rows: changed.map(([column, count]) => [column, formatCount(count)]),
    width: terminalWidth(io),
    heading: io.paint.bold,
  });
  return `${head}\n\n${table}`;
}
