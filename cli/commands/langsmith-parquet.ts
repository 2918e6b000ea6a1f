import { type Command } from "commander";
import { type Io } from "../io.js";
import { pointInTime, withDataDir } from "../options.js";
import type { ExportLangSmithOptions, ImportParquetOptions } from "../import/langsmith-parquet.js";

/** `import langsmith-export`, below `import`: runs out of the Parquet files of LangSmith's bulk export. */
export function addImportLangSmithExportCommand(command: Command, io: Io): void {
  withDataDir(command.command("langsmith-export"))
    .description("take in the Parquet files that LangSmith's bulk export wrote")
    .argument("<folder>", "the folder that has them, at any depth")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `
The files have runs, and know projects by their ids only. Import from LangSmith first (projects, feedback, datasets), then
runs get the names of their projects; without, the id is the name. What is here already is not stored again.

Examples:
  counterfoil import langsmith-export ./export_id=0f9b2c1e-5a53-4b71-9b0b-0d2f6e1a7c11`,
    )
    .action(async (folder: string, options: ImportParquetOptions) => {
      const { runImportParquet } = await import("../import/langsmith-parquet.js");
      await runImportParquet(folder, options, io);
    });
}

/** `export-langsmith`: runs as LangSmith's bulk export writes them. */
export function addExportLangSmithCommand(program: Command, io: Io): void {
  withDataDir(program.command("export-langsmith"))
    .description("write runs as Parquet with the columns and folders of LangSmith's bulk export")
    .requiredOption("--out <folder>", "the folder; export_id=.../ is made in it")
    .option("--projects <names...>", "only these projects and experiments, by name or id")
    .option(
      "--since <time>",
      "only runs that started at or after: ISO time, date, or how long ago (7d)",
      pointInTime,
    )
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
For queries that people have already. Everything that Counterfoil holds is written by \`counterfoil export\`.

Examples:
  counterfoil export-langsmith --out ./runs --since 30d`,
    )
    .action(async (options: ExportLangSmithOptions) => {
      const { runExportLangSmith } = await import("../import/langsmith-parquet.js");
      await runExportLangSmith(options, io);
    });
}
