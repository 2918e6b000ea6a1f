import { type Command } from "commander";
import type { ImportReport } from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { formatCount } from "../output/values.js";

interface ImportOptions {
  readonly dataDir: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** `import`: takes in a bundle that `export` wrote. */
export function addImportCommand(program: Command, io: Io): Command {
  return withDataDir(program.command("import"))
    .description("take in a bundle that export wrote: what is here already is not added again")
    .argument("[bundle]", "the bundle's folder")
    .option("--check", "only check the bundle, to the last row; change nothing")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
The whole bundle is checked first: version, checksums, columns, counts, rows. Nothing is stored of one that is not whole.
Then it goes through the same journal as everything that is received. Interrupt it at any time and run it again to go on.
Works with or without a running server; destinations of a running server get what is imported, too.

Examples:
  counterfoil import estate
  counterfoil import estate --data-dir elsewhere
  counterfoil import estate --check`,
    )
    .action((bundle: string | undefined, options: ImportOptions) => run(bundle, options, io));
}

async function run(folder: string | undefined, options: ImportOptions, io: Io): Promise<void> {
  if (folder === undefined) {
    throw new CommandError(EXIT.usage, "Name the bundle's folder: counterfoil import <bundle>.");
  }
  const [{ checkBundle, importBundle }, { openDoor }] = await Promise.all([
    import("../../store/index.js"),
    import("../bundle/doors.js"),
  ]);
  const checking = createProgress({ label: "checking", stream: io.stderr, unit: "bytes" });
  const onProgress = (done: number, total: number): void => checking.update(done, total);
  const bundle = await checkBundle(folder, { signal: io.signal, onProgress }).finally(() => checking.end());
  if (options.check === true) {
    const rows = bundle.manifest.tables.reduce((sum, table) => sum + table.rows, 0);
    await write(
      io.stdout,
      options.json === true
        ? `${JSON.stringify({ valid: true, rows }, null, 2)}\n`
        : `The bundle is whole: ${formatCount(rows)} rows.\n`,
    );
    return;
  }
  const { dataDir } = options;
  const importing = createProgress({ label: "importing", stream: io.stderr });
  let report: ImportReport;
  const door = await openDoor(dataDir, io.signal);
  try {
    report = await importBundle(bundle, {
      dataDir,
      door,
      signal: io.signal,
      onProgress: (done, total) => importing.update(done, total),
    });
  } finally {
    importing.end();
    await door.close();
  }
  await write(
    io.stdout,
    options.json === true ? `${JSON.stringify(report, null, 2)}\n` : text(report, dataDir),
  );
}

function text({ olderChanges, tables }: ImportReport, dataDir: string): string {
  const lines = tables
    .filter(({ rows }) => rows > 0)
    .map(
      ({ name, rows, imported }) =>
        `  ${name.padEnd(24)} ${formatCount(imported).padStart(12)} imported ${formatCount(rows - imported).padStart(12)} left out`,
    );
  const imported = tables.reduce((sum, table) => sum + table.imported, 0);
  const older =
    olderChanges === 0
      ? ""
      : `${formatCount(olderChanges)} changes were left out because the same things were changed here later.\n`;
  return `${[...lines, `Imported ${formatCount(imported)} rows into ${dataDir}.`].join("\n")}\n${older}`;
}
