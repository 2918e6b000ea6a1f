import { existsSync, statSync } from "node:fs";
import { type Command, Option } from "commander";
import type { DatasetImportReport, RowFile, RowFormat, RowShape } from "../../loop/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { shown, withDataDir } from "../options.js";
import { inert } from "../output/text.js";
import { formatCount } from "../output/values.js";

const FORMATS = ["auto", "csv", "jsonl", "parquet", "huggingface", "openai-chat", "openai-evals"] as const;

interface ImportDatasetOptions {
  readonly dataDir: string;
  readonly dataset: string;
  readonly format: (typeof FORMATS)[number];
  readonly description?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly metadata: readonly string[];
  readonly split?: string;
  readonly config?: string;
  readonly skipInvalid?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

const names = (text: string): readonly string[] => text.split(",").map((name) => name.trim());

/** `import dataset`, below `import`: examples out of a file or folder that other programs wrote. */
export function addImportDatasetCommand(parent: Command, io: Io): void {
  withDataDir(parent.command("dataset"))
    .description("make a file or folder of examples into a dataset, or add to one")
    .argument("<path>", "a .csv, .jsonl, .json or .parquet file, or a folder in Hugging Face's layout")
    .requiredOption("--dataset <name>", "name of the dataset, or id of one; made when there is none")
    .addOption(new Option("--format <format>", "what it is").choices(FORMATS).default("auto"))
    .option("--inputs <columns>", "columns that go in, separated by commas", names, [])
    .option("--outputs <columns>", "columns that should come out", names, [])
    .option("--metadata <columns>", "columns that are metadata", names, [])
    .option("--split <name>", "split of rows that name none")
    .option("--config <name>", "which config of a Hugging Face dataset that has several")
    .option("--description <text>", "description of a dataset that is made")
    .option("--skip-invalid", "leave out rows that can't be taken; otherwise one of them stops the import")
    .option("--dry-run", "say what would be added; change nothing")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `
Rows are told by their shape, so that \`--format\` is seldom needed:
  {id, inputs, outputs, metadata}    as export dataset and LangSmith write examples (CSV: inputs.question, ...)
  {messages}, {input, preferred_output}, {prompt, completion}
                                     OpenAI's fine-tuning: what the assistant says last is the output
  {input, ideal}                     OpenAI's evals
  other columns                      with --inputs and --outputs

All of it is one version of the dataset, or nothing is stored. A row with an id is that example again, and changes it; one
without is known by its content. Imported twice, nothing is added. Works with or without a running server.

Examples:
  counterfoil import dataset golden.jsonl --dataset golden-support
  counterfoil import dataset faq.csv --dataset faq --inputs question --outputs answer --split train
  counterfoil import dataset ./squad --dataset squad --inputs context,question --outputs answers`,
    )
    .action((path: string, options: ImportDatasetOptions) => run(path, options, io));
}

async function run(path: string, options: ImportDatasetOptions, io: Io): Promise<void> {
  if (!existsSync(path)) throw new CommandError(EXIT.notFound, `There is nothing at ${path}.`);
  const { dataDir, format } = options;
  const isFolder = statSync(path).isDirectory();
  if (format === "huggingface" && !isFolder) {
    throw new CommandError(EXIT.usage, `${path} is no folder, as Hugging Face's layout is.`);
  }
  const [{ huggingFaceFiles, importDataset, readRows }, { createMirrorReader }, { openDoor }] =
    await Promise.all([
      import("../../loop/index.js"),
      import("../../store/index.js"),
      import("../bundle/doors.js"),
    ]);
  const files: readonly RowFile[] = isFolder ? huggingFaceFiles(path, options.config) : [{ path }];
  const rows = await readRows(files, { dataDir, format: fileFormatOf(format) });
  const door = await openDoor(dataDir, io.signal);
  const reader = createMirrorReader({ dataDir });
  try {
    const { dataset, description, inputs, metadata, outputs, split } = options;
    const report = await importDataset({
      dataset,
      description,
      rows,
      mapping: { shape: shapeOf(format), inputs, outputs, metadata },
      split,
      skipInvalid: options.skipInvalid === true,
      dryRun: options.dryRun === true,
      read: (sql, params) => reader.query(sql, params),
      door,
    });
    await write(
      io.stdout,
      options.json === true ? `${JSON.stringify(report, null, 2)}\n` : text(report, options.dryRun === true),
    );
  } finally {
    await reader.close();
    await door.close();
  }
}

function fileFormatOf(format: ImportDatasetOptions["format"]): RowFormat | undefined {
  if (format === "csv" || format === "jsonl" || format === "parquet") return format;
  return format.startsWith("openai-") ? "jsonl" : undefined;
}

function shapeOf(format: ImportDatasetOptions["format"]): RowShape {
  return format === "openai-chat" || format === "openai-evals" ? format : "auto";
}

function text(report: DatasetImportReport, dryRun: boolean): string {
  const skipped = report.skipped.reduce((sum, { count }) => sum + count, 0);
  const counts = [
    [report.found, "found"],
    [report.added, "added"],
    [report.modified, "modified"],
    [report.unchanged, "here already"],
    [report.repeated, "repeated"],
    [skipped, "skipped"],
  ] as const;
  const parts = counts.flatMap(([count, word], at) =>
    count > 0 || at === 0 ? [`${formatCount(count)} ${word}`] : [],
  );
  const reasons = report.skipped.map(
    ({ reason, count, where }) =>
      `  ${inert(where.join(", "))}${count > where.length ? ", ..." : ""}: ${inert(reason)}\n`,
  );
  const name = inert(shown(report.dataset));
  const end = dryRun
    ? `Nothing was changed.\n`
    : report.found === 0
      ? `There is nothing to import: nothing was changed.\n`
      : `Dataset ${name}${report.created ? " was made" : ""}: version ${report.version.slice(0, HASH_DIGITS)}.\n`;
  return `${parts.join(", ")}\n${reasons.join("")}${end}`;
}

const HASH_DIGITS = 12;
