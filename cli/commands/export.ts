import { type Command, Option } from "commander";
import { BUNDLE_FILE_FORMATS, type BundleFileFormat, type ExportReport } from "../../store/index.js";
import { TABLE_WORDS, tablesOf } from "../../store/bundle/tables.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { pointInTime, requireDataDir, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { formatBytes, formatCount } from "../output/values.js";
import { VERSION } from "../version.js";

/** Beside the two of a bundle: OTLP JSON Lines, which is telemetry only and no bundle. */
const OTLP = "otlp";
/** Trajectories of agents: traces with a call of a model, and no bundle either. */
const ATIF = "atif";

interface ExportOptions {
  readonly dataDir: string;
  readonly out?: string;
  readonly what?: readonly string[];
  readonly since?: Date;
  readonly format: BundleFileFormat | typeof OTLP | typeof ATIF;
  readonly json?: boolean;
}

/** `export`: everything that the mirror holds, as a folder that anything can read and `import` takes back. */
export function addExportCommand(program: Command, io: Io): Command {
  return withDataDir(program.command("export"))
    .description("write everything, or a part of it, as a bundle of open files that import takes back")
    .option("--out <folder>", "the bundle's folder; it must not exist yet (needed)")
    .option("--what <tables>", "only these, separated by commas (otherwise everything)", (text) =>
      tablesOf(text.split(",").map((word) => word.trim())),
    )
    .option(
      "--since <time>",
      "only telemetry at or after: ISO time, date, or how long ago (2h, 7d); records are always whole",
      pointInTime,
    )
    .addOption(
      new Option("--format <format>", "how tables are written")
        .choices([...BUNDLE_FILE_FORMATS, OTLP, ATIF])
        .default("parquet"),
    )
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Works with or without a running server. The folder gets its name when all of it is on disk. The same data gives the same
bytes. \`docs/format.md\` describes every table and column. With --format otlp it is no bundle: one file a signal, a request a
line, as any OTLP backend takes it. With --format atif it is one file of trajectories (ATIF 1.7), one for each trace that has a
call of a model.

What: ${TABLE_WORDS.join(", ")}.

Examples:
  counterfoil export --out estate
  counterfoil export --out golden --what datasets --format jsonl
  counterfoil export --out week --since 7d
  counterfoil export --out otlp --format otlp --what spans,logs
  counterfoil export --out trajectories --format atif --since 7d`,
    )
    .action((options: ExportOptions) => run(options, io));
}

async function run(options: ExportOptions, io: Io): Promise<void> {
  const { dataDir, out, since } = options;
  // Not required by the parser, which would then ask for it before the commands below this one, too.
  if (out === undefined) throw new CommandError(EXIT.usage, "Name the bundle's folder with --out <folder>.");
  requireDataDir(dataDir);
  if (options.format === ATIF) return exportTrajectories({ ...options, out }, io);
  const [{ writeBundle }, { writeOtlp }, { settleMirror }] = await Promise.all([
    import("../../store/bundle/write-bundle.js"),
    import("../../store/bundle/write-otlp.js"),
    import("../bundle/doors.js"),
  ]);
  const progress = createProgress({ label: "exporting", stream: io.stderr });
  const what = {
    dataDir,
    out,
    tables: options.what,
    sinceUnixNano: since === undefined ? undefined : BigInt(since.getTime()) * 1_000_000n,
    signal: io.signal,
    onProgress: (done: number, total: number) => progress.update(done, total),
  };
  let report: ExportReport;
  try {
    await settleMirror(dataDir, io.signal);
    const { format: fileFormat } = options;
    const producer = { name: "counterfoil", version: VERSION };
    report =
      fileFormat === OTLP ? await writeOtlp(what) : await writeBundle({ ...what, fileFormat, producer });
  } finally {
    progress.end();
  }
  for (const path of report.lostFiles) {
    await write(
      io.stderr,
      `${io.paintError.warn("warning:")} ${path} was damaged and is not in the mirror: what it held is missing here, too (\`counterfoil scrub\`).\n`,
    );
  }
  await write(
    io.stdout,
    options.json === true ? `${JSON.stringify({ out, ...report }, null, 2)}\n` : text(report, out),
  );
}

async function exportTrajectories(options: ExportOptions & { readonly out: string }, io: Io): Promise<void> {
  const { dataDir, out, since, what } = options;
  if (what !== undefined) throw new CommandError(EXIT.usage, "--what does not go with --format atif.");
  const [{ writeTrajectories }, { createMirrorReader }, { writeWholeFolder }, { settleMirror }] =
    await Promise.all([
      import("../../loop/index.js"),
      import("../../store/index.js"),
      import("../../store/bundle/whole-folder.js"),
      import("../bundle/doors.js"),
    ]);
  await settleMirror(dataDir, io.signal);
  const reader = createMirrorReader({ dataDir });
  const progress = createProgress({ label: "exporting", stream: io.stderr, unit: "things" });
  try {
    const report = await writeWholeFolder({ out, signal: io.signal }, (folder) =>
      writeTrajectories({
        rows: (sql, params) => reader.query(sql, params),
        folder,
        since: since?.toISOString(),
        signal: io.signal,
        onProgress: (done, total) => progress.update(done, total),
      }),
    ).finally(() => progress.end());
    const { bytes, spans, trajectories, without_model_call: others } = report;
    const left =
      others === 0 ? "" : `${formatCount(others)} traces have no call of a model and are not in it.\n`;
    await write(
      io.stdout,
      options.json === true
        ? `${JSON.stringify({ out, ...report }, null, 2)}\n`
        : `Wrote ${formatCount(trajectories)} trajectories of ${formatCount(spans)} spans, ${formatBytes(bytes)}, to ${out}.\n${left}`,
    );
  } finally {
    await reader.close();
  }
}

function text({ bytes, tables }: ExportReport, out: string): string {
  const lines = tables
    .filter(({ rows }) => rows > 0)
    .map(({ name, rows }) => `  ${name.padEnd(24)} ${formatCount(rows).padStart(12)}`);
  const total = tables.reduce((sum, { rows }) => sum + rows, 0);
  return `${[...lines, `Wrote ${formatCount(total)} rows, ${formatBytes(bytes)}, to ${out}.`].join("\n")}\n`;
}
