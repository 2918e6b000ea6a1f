import { type Command } from "commander";
import { CommandError, EXIT, type ExitCode } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { requireDataDir, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import type { ScrubOutcome } from "../scrub/types.js";
import { findServer } from "../server-client.js";

interface ScrubOptions {
  readonly dataDir: string;
  readonly check?: boolean;
  readonly acceptLoss?: boolean;
  readonly json?: boolean;
}

/** `scrub`: reads every byte, and repairs what is damaged. */
export function addScrubCommand(program: Command, io: Io): void {
  withDataDir(program.command("scrub"))
    .description(
      "compare every file of the mirror and every journal record with its checksum, and repair the mirror",
    )
    .option("--check", "only look, change nothing")
    .option("--accept-loss", "forget the record of rows that are lost (no server may run)")
    .option("--json", "print what was found and done as JSON")
    .addHelpText(
      "after",
      `
A damaged file is moved to quarantine/ in the data directory, and its rows are made anew from the journal. What the
journal has no more is reported with the requests it came from. Works with or without a server; with one, the server
does the repair. A running server also looks by itself, a part of the mirror every minute.

Exit codes: 0 no damage; 9 damage, all of it repaired; 10 damage that is not repaired, or rows are lost.

Examples:
  counterfoil scrub
  counterfoil scrub --check --json`,
    )
    .action((options: ScrubOptions) => run(options, io));
}

async function run(options: ScrubOptions, io: Io): Promise<void> {
  const { dataDir } = options;
  requireDataDir(dataDir);
  const check = options.check === true;
  const acceptLoss = options.acceptLoss === true;
  if (acceptLoss && check)
    throw new CommandError(EXIT.usage, "--accept-loss changes the mirror, --check must not.");
  if (acceptLoss && findServer(dataDir) !== undefined) {
    throw new CommandError(EXIT.dataDirLocked, `A server runs on ${dataDir}. Stop it for --accept-loss.`);
  }
  const [{ scrub }, { renderScrub }] = await Promise.all([
    import("../scrub/scrub.js"),
    import("../scrub/render.js"),
  ]);
  const progress = createProgress({ label: "checking", stream: io.stderr, unit: "bytes" });
  let outcome: ScrubOutcome;
  try {
    const onProgress = (done: number, total: number): void => progress.update(done, total);
    outcome = await scrub({ dataDir, check, acceptLoss, onProgress, signal: io.signal });
  } finally {
    progress.end();
  }
  await write(
    io.stdout,
    options.json ? `${JSON.stringify(outcome, null, 2)}\n` : renderScrub(outcome, io.paint),
  );
  io.exitCode = verdict(outcome);
}

function verdict({ damaged, failed, journal, lost }: ScrubOutcome): ExitCode {
  const journalDamage = journal !== undefined && (journal.error !== undefined || journal.gaps.length > 0);
  if (failed.length > 0 || lost.length > 0 || journalDamage) return EXIT.damaged;
  return damaged.length > 0 ? EXIT.repaired : EXIT.ok;
}
