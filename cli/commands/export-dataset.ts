import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type Command, Option } from "commander";
import type { Dataset, Example } from "../../loop/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { requireDataDir, shown, withDataDir } from "../options.js";
import { formatCount } from "../output/values.js";

const FORMATS = ["jsonl", "csv", "openai-chat", "openai-evals", "huggingface"] as const;

interface ExportDatasetOptions {
  readonly dataDir: string;
  readonly out: string;
  readonly format: (typeof FORMATS)[number];
  readonly asOf?: string;
  readonly split?: readonly string[];
}

/** `export dataset`: one dataset, at a version, in a form that other programs train or evaluate with. */
export function addExportDatasetCommand(parent: Command, io: Io): void {
  withDataDir(parent.command("dataset"))
    .description("write one dataset as a file or folder that other programs take")
    .argument("<dataset>", "name or id")
    .requiredOption("--out <path>", "the file, for huggingface the folder; it must not exist yet")
    .addOption(new Option("--format <format>", "what to write").choices(FORMATS).default("jsonl"))
    .option("--as-of <version>", "a time or a tag (otherwise the newest version)")
    .option("--split <names>", "only these splits, separated by commas", (text) => text.split(","))
    .addHelpText(
      "after",
      `
  jsonl          {id, inputs, outputs, metadata} a line
  csv            a column for each key; what a spreadsheet would run as a formula is made inert
  openai-chat    {messages} a line, for fine-tuning; examples without outputs are left out
  openai-evals   {input, ideal} a line
  huggingface    a folder with data/<split>.jsonl and a README.md, as load_dataset("<folder>") reads it

These are for other programs: every version of every dataset, to come back with, is in what \`export\` writes.

Examples:
  counterfoil export dataset golden-support --out golden.jsonl
  counterfoil export dataset golden-support --out train.jsonl --format openai-chat --split train
  counterfoil export dataset golden-support --out golden --format huggingface --as-of prod`,
    )
    .action((name: string, options: ExportDatasetOptions) => run(name, options, io));
}

async function run(name: string, options: ExportDatasetOptions, io: Io): Promise<void> {
  const { dataDir, out } = options;
  requireDataDir(dataDir);
  if (existsSync(out)) {
    throw new CommandError(EXIT.usage, `${out} is there already. Name a path that is not.`);
  }
  const { settleMirror } = await import("../bundle/doors.js");
  await settleMirror(dataDir, io.signal);
  const { dataset, examples } = await read(name, options);
  const files = await filesOf(dataset, examples, options.format);
  await put(resolve(out), files, options.format === "huggingface");
  await write(
    io.stdout,
    `Wrote ${formatCount(examples.length)} example${examples.length === 1 ? "" : "s"} to ${out}.\n`,
  );
}

async function read(
  name: string,
  { asOf, dataDir, split }: ExportDatasetOptions,
): Promise<{ dataset: Dataset; examples: readonly Example[] }> {
  const [{ DatasetService }, { createMirrorReader, createRecordWriter }] = await Promise.all([
    import("../../loop/index.js"),
    import("../../store/index.js"),
  ]);
  const reader = createMirrorReader({ dataDir });
  // Reading is all that is asked of the service here.
  const sink = {
    append: () => Promise.reject(new CommandError(EXIT.failure, "An export writes no records.")),
    sealed: async () => undefined,
  };
  const service = new DatasetService({
    writer: createRecordWriter(sink, { source: "api" }),
    rows: (sql, params) => reader.query(sql, params),
  });
  try {
    const [byName] = await service.list({ name });
    const [dataset] = byName === undefined ? await service.list({ ids: [name] }) : [byName];
    if (dataset === undefined) {
      throw new CommandError(EXIT.notFound, `There is no dataset ${JSON.stringify(shown(name))}.`);
    }
    const examples = await service.listExamples({
      datasetId: dataset.id,
      limit: Number.MAX_SAFE_INTEGER,
      offset: 0,
      ...(asOf === undefined ? {} : { asOf }),
      ...(split === undefined ? {} : { splits: split }),
    });
    return { dataset, examples };
  } finally {
    await reader.close();
  }
}

/** Texts by path; a single file has the empty path. */
async function filesOf(
  { data, id }: Dataset,
  examples: readonly Example[],
  format: ExportDatasetOptions["format"],
): Promise<ReadonlyMap<string, string>> {
  const loop = await import("../../loop/index.js");
  const one = (text: string): ReadonlyMap<string, string> => new Map([["", text]]);
  switch (format) {
    case "jsonl":
      return one(loop.examplesToJsonl(examples));
    case "csv":
      return one(loop.examplesToCsv(examples));
    case "openai-chat":
      return one(loop.examplesToOpenaiFineTuning(examples));
    case "openai-evals":
      return one(loop.examplesToOpenaiEvals(examples));
    case "huggingface": {
      const { description, name } = data;
      const about = {
        name: typeof name === "string" ? name : id,
        ...(typeof description === "string" ? { description } : {}),
      };
      return loop.examplesToHuggingFace(about, examples);
    }
  }
}

/** Under a temporary name first: there is all of it, or nothing. */
async function put(out: string, files: ReadonlyMap<string, string>, isFolder: boolean): Promise<void> {
  const temporary = join(dirname(out), `.${basename(out)}.${process.pid}.tmp`);
  try {
    for (const [path, text] of files) {
      const target = isFolder ? join(temporary, path) : temporary;
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      await writeFile(target, text, { mode: 0o600 });
    }
    await rename(temporary, out);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
