import type { RewriteReport } from "../../store/index.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { requireDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import type { RenormaliseRequest } from "./renormalise.js";

/** What the user asked of a command that rewrites history. */
export interface RewriteOptions {
  readonly dataDir: string;
  readonly since?: Date;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** What is particular to one such command. */
export interface RewriteCommand {
  readonly rewrite: RenormaliseRequest["rewrite"];
  /** Also files that the rules of this version filled already. */
  readonly all: boolean;
  /** What the progress line calls the work. */
  readonly label: string;
  /** What `--json` prints beside the report. */
  readonly facts: () => Readonly<Record<string, string | number>>;
  readonly text: (report: RewriteReport) => string;
}

/** Rewrites with a progress line and prints the report; damaged files set the exit code. Throws what the rewriting throws. */
export async function runRewrite(options: RewriteOptions, command: RewriteCommand, io: Io): Promise<void> {
  const { dataDir, since } = options;
  requireDataDir(dataDir);
  const { renormalise } = await import("./renormalise.js");
  const dryRun = options.dryRun === true;
  const progress = createProgress({ label: command.label, stream: io.stderr, unit: "bytes" });
  let report: RewriteReport;
  try {
    report = await renormalise({
      rewrite: command.rewrite,
      dataDir,
      all: command.all,
      sinceUnixNano: since === undefined ? undefined : BigInt(since.getTime()) * 1_000_000n,
      dryRun,
      onProgress: (done, total) => progress.update(done, total),
      signal: io.signal,
    });
  } finally {
    progress.end();
  }
  await write(
    io.stdout,
    options.json === true
      ? `${JSON.stringify({ dry_run: dryRun, ...command.facts(), ...report }, null, 2)}\n`
      : `${command.text(report)}${damagedLines(report)}`,
  );
  if (report.damaged.length > 0) io.exitCode = EXIT.damaged;
}

function damagedLines({ damaged }: RewriteReport): string {
  return damaged
    .map((path) => `${path} is damaged and was left alone. \`counterfoil scrub\` repairs what can be.\n`)
    .join("");
}
