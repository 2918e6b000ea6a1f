import { type Command, Option } from "commander";
import { BUNDLE_FILE_FORMATS, type BundleFileFormat, type TableDifference } from "../../store/index.js";
import type { DrillOutcome, DrillStep } from "../bundle/drill.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { requireDataDir, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { formatBytes, formatCount } from "../output/values.js";

interface DrillOptions {
  readonly dataDir: string;
  readonly format: BundleFileFormat;
  readonly work?: string;
  readonly json?: boolean;
}

const STEPS: readonly DrillStep[] = ["exporting", "checking", "importing", "exporting again", "comparing"];

/** `drill`: proves that one can leave, with the data that is there. */
export function addDrillCommand(program: Command, io: Io): void {
  withDataDir(program.command("drill"))
    .description("prove that you can leave: export, import elsewhere, export again, compare")
    .addOption(
      new Option("--format <format>", "how bundles are written")
        .choices(BUNDLE_FILE_FORMATS)
        .default("parquet"),
    )
    .option(
      "--work <folder>",
      "where to put the bundles and the second data directory (otherwise the system's folder for temporary files)",
    )
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Reads the data directory and changes nothing in it; works beside a running server. Needs about three times the space of the
bundle in the working folder, which is empty again afterwards. Made to be run on a schedule.

Exit codes: 0 what came back is what went out; 10 it is not, and the report says which table, rows and columns.

Examples:
  counterfoil drill
  counterfoil drill --format jsonl --json`,
    )
    .action((options: DrillOptions) => run(options, io));
}

async function run(options: DrillOptions, io: Io): Promise<void> {
  const { dataDir } = options;
  requireDataDir(dataDir);
  const { drill } = await import("../bundle/drill.js");
  let progress = createProgress({ label: "drill", stream: io.stderr });
  let outcome: DrillOutcome;
  try {
    outcome = await drill({
      dataDir,
      fileFormat: options.format,
      workDir: options.work,
      signal: io.signal,
      onStep: (step) => {
        progress.end();
        progress = createProgress({ label: step, stream: io.stderr });
        progress.update(STEPS.indexOf(step), STEPS.length);
      },
    });
  } finally {
    progress.end();
  }
  const isWhole = outcome.tables.every(({ onlyDerived }) => onlyDerived);
  await write(
    io.stdout,
    options.json === true
      ? `${JSON.stringify({ identical: outcome.tables.length === 0, ...outcome }, null, 2)}\n`
      : text(outcome),
  );
  if (!isWhole) io.exitCode = EXIT.damaged;
}

function text({ bytes, lostFiles, rows, tables }: DrillOutcome): string {
  const lost = lostFiles.map(
    (path) => `${path} was damaged before, and is in neither bundle (\`counterfoil scrub\`).\n`,
  );
  if (tables.length === 0) {
    return `${lost.join("")}Identical: ${formatCount(rows)} rows, ${formatBytes(bytes)}, went out, came back, and went out again the same.\n`;
  }
  const lines = tables.map((table) => `${describe(table)}\n`);
  const verdict = tables.every(({ onlyDerived }) => onlyDerived)
    ? "Everything that was sent is the same. The columns above were filled by older rules and came back by those of this version; `counterfoil renormalise` makes the mirror itself so."
    : "What came back is not what went out.";
  return `${lost.join("")}${lines.join("")}${verdict}\n`;
}

function describe({ columns, first, second, table, unmatched }: TableDifference): string {
  const rows =
    first === second
      ? `${formatCount(first)} rows`
      : `${formatCount(first)} rows, then ${formatCount(second)}`;
  const places = unmatched === 0 ? "" : `, ${formatCount(unmatched)} of them at another place or missing`;
  const changed = Object.entries(columns).map(([name, count]) => `${name} in ${formatCount(count)}`);
  return `${table}: ${rows}${places}${changed.length === 0 ? "" : `; differ: ${changed.join(", ")}`}.`;
}
