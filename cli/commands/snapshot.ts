import { type Command } from "commander";
import type { SnapshotReport } from "../../store/index.js";
import { type Io, write } from "../io.js";
import { requireDataDir, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { formatBytes, formatCount } from "../output/values.js";

interface SnapshotOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** `snapshot`: one DuckDB file of everything, for tools that open such files. */
export function addSnapshotCommand(program: Command, io: Io): void {
  withDataDir(program.command("snapshot"))
    .description("write every view of the mirror as a table of one DuckDB file, for BI tools")
    .argument("<file>", "the file, for example estate.duckdb; it must not exist yet")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
A copy of one moment: run it again for a newer one. Works with or without a running server. What comes back by import is
what \`export\` writes, not this.

Examples:
  counterfoil snapshot estate.duckdb`,
    )
    .action((file: string, options: SnapshotOptions) => run(file, options, io));
}

async function run(out: string, { dataDir, json }: SnapshotOptions, io: Io): Promise<void> {
  requireDataDir(dataDir);
  const [{ writeSnapshot }, { settleMirror }] = await Promise.all([
    import("../../store/bundle/write-snapshot.js"),
    import("../bundle/doors.js"),
  ]);
  const progress = createProgress({ label: "writing", stream: io.stderr });
  let report: SnapshotReport;
  try {
    await settleMirror(dataDir, io.signal);
    const onProgress = (done: number, total: number): void => progress.update(done, total);
    report = await writeSnapshot({ dataDir, out, signal: io.signal, onProgress });
  } finally {
    progress.end();
  }
  const lines = report.tables
    .filter(({ rows }) => rows > 0)
    .map(({ name, rows }) => `  ${name.padEnd(24)} ${formatCount(rows).padStart(12)}\n`);
  await write(
    io.stdout,
    json === true
      ? `${JSON.stringify({ out, ...report }, null, 2)}\n`
      : `${lines.join("")}Wrote ${formatBytes(report.bytes)} to ${out}.\n`,
  );
}
