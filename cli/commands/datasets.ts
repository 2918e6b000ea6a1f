import { type Command } from "commander";
import type { DatasetLogEntry, ExampleDifference, ExampleRevision } from "../../loop/index.js";
import { DATASET_LOG_PAGE_MAX, type JsonObject } from "../../schema/index.js";
import type { SqlParameter } from "../../store/index.js";
import { type Io, terminalWidth, write } from "../io.js";
import { requireDataDir, wholeNumber, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { inert } from "../output/text.js";
import { formatCount } from "../output/values.js";
import { mirrorRows, rowsToJson } from "../query.js";
import { addDatasetsChangeCommands } from "./datasets-change.js";
import { addDatasetsMergeCommand } from "./datasets-merge.js";

const LOG_LIMIT = 20;
/** Digits of a hash that lists show. */
const HASH_DIGITS = 12;

interface Options {
  readonly dataDir: string;
  readonly json?: boolean;
}

interface ListRow {
  readonly id: string;
  readonly name: string;
  readonly examples: number | bigint;
  readonly splits: readonly string[] | null;
  readonly changed: string | null;
}

const LIST_SQL = `SELECT d.id, d.name, count(e.id) AS examples,
  list_sort(list_distinct(flatten(list(CASE json_type(e.metadata, '$.dataset_split')
    WHEN 'ARRAY' THEN from_json(json_extract(e.metadata, '$.dataset_split'), '["VARCHAR"]')
    WHEN 'VARCHAR' THEN [json_extract_string(e.metadata, '$.dataset_split')] ELSE [] END)))) AS splits,
  max(e.time) AS changed
FROM datasets AS d LEFT JOIN examples AS e ON e.dataset_id = d.id GROUP BY d.id, d.name ORDER BY d.name`;

/** `datasets`: versions by content, what changed between them, and who changed what. */
export function addDatasetsCommand(program: Command, io: Io): void {
  const datasets = program
    .command("datasets")
    .description(
      "datasets and their versions by content: what changed, when and by whom; add runs, tag, merge",
    );
  withDataDir(datasets.command("list"))
    .description("list the datasets")
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nExamples:\n  counterfoil datasets list")
    .action((options: Options) => list(options, io));
  withDataDir(datasets.command("log"))
    .description("show the versions of a dataset, newest first, each with the hash of its content")
    .argument("<dataset>", "name or id")
    .option("--limit <n>", "at most this many", wholeNumber(1, DATASET_LOG_PAGE_MAX), LOG_LIMIT)
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
The hash is the same wherever the same examples are: docs/golden-examples.md says how it is made.

Examples:
  counterfoil datasets log golden-support
  counterfoil datasets log golden-support --limit 1 --json`,
    )
    .action((dataset: string, options: Options & { readonly limit: number }) => log(dataset, options, io));
  withDataDir(datasets.command("diff"))
    .description("show which examples differ between two versions")
    .argument("<dataset>", "name or id")
    .argument("<from>", "a version: its time, a tag, or the first digits of its hash")
    .argument("[to]", "another one", "latest")
    .option("--json", "print a JSON array, with the examples whole")
    .addHelpText(
      "after",
      "\nExamples:\n  counterfoil datasets diff golden-support 2026-11-23T10:00:00Z latest",
    )
    .action((dataset: string, from: string, to: string, options: Options) =>
      diff({ dataset, from, to }, options, io),
    );
  withDataDir(datasets.command("blame"))
    .description("show every change of an example: when, by whom, and which fields")
    .argument("<example>", "id of the example")
    .option("--json", "print a JSON array, with the example at each change")
    .addHelpText("after", "\nExamples:\n  counterfoil datasets blame 5ee11f3e-8843-5395-aa31-11de99bbc843")
    .action((example: string, options: Options) => blame(example, options, io));
  addDatasetsMergeCommand(datasets, io);
  addDatasetsChangeCommands(datasets, io);
}

/** The history is read from the mirror itself: no server is needed. */
async function reading(io: Io, { dataDir }: Options) {
  requireDataDir(dataDir);
  const history = await import("../../loop/index.js");
  const rows = (sql: string, params: readonly SqlParameter[]) =>
    mirrorRows<Record<string, never>>(io, dataDir, sql, params);
  return { rows, ...history };
}

async function list(options: Options, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const rows = await mirrorRows<ListRow>(io, options.dataDir, LIST_SQL);
  if (options.json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) return write(io.stderr, "There are no datasets.\n");
  const cells = rows.map(({ id, name, examples, splits, changed }) => [
    name,
    formatCount(Number(examples)),
    (splits ?? []).join(", "),
    (changed ?? "").slice(0, 19).replace("T", " "),
    id,
  ]);
  return table(["name", "examples", "splits", "changed (UTC)", "id"], cells, io);
}

async function log(dataset: string, options: Options & { readonly limit: number }, io: Io): Promise<void> {
  const { rows, findDataset, datasetLog } = await reading(io, options);
  const { id } = await findDataset(rows, dataset);
  const entries = await datasetLog(rows, id, options.limit);
  if (options.json === true) return write(io.stdout, `${rowsToJson(entries, 2)}\n`);
  if (entries.length === 0) return write(io.stderr, "The dataset never had an example.\n");
  return table(["version", "hash", "examples", "change", "by", "tags"], entries.map(logCells), io);
}

function logCells(entry: DatasetLogEntry): string[] {
  const { added, modified, removed } = entry;
  const change = [`+${added}`, `~${modified}`, `-${removed}`].filter(
    (part) => !part.endsWith("0") || part.length > 2,
  );
  return [
    entry.as_of.replace(/0*\+00:00$/, "Z"),
    entry.hash.slice(0, HASH_DIGITS),
    formatCount(entry.examples),
    change.join(" "),
    entry.by.join(", "),
    entry.tags.join(", "),
  ];
}

async function diff(
  { dataset, from, to }: { readonly dataset: string; readonly from: string; readonly to: string },
  options: Options,
  io: Io,
): Promise<void> {
  const { rows, findDataset, datasetDiff } = await reading(io, options);
  const { id } = await findDataset(rows, dataset);
  const found = await datasetDiff(rows, id, { from, to });
  if (options.json === true) return write(io.stdout, `${rowsToJson(found, 2)}\n`);
  if (found.length === 0) return write(io.stdout, "The two versions have the same content.\n");
  return write(io.stdout, found.map((each) => differenceText(each, io)).join(""));
}

const FIELDS = ["inputs", "outputs", "metadata", "attachments"] as const;
const SHOWN_CHARS = 200;

function differenceText({ id, change, before, after }: ExampleDifference, io: Io): string {
  const mark = { added: "+", removed: "-", modified: "~" }[change];
  const lines = FIELDS.flatMap((field) => {
    const [was, is] = [shownField(before, field), shownField(after, field)];
    if (was === is) return [];
    return [
      ...(was === undefined ? [] : [io.paint.bad(`    - ${field}: ${was}`)]),
      ...(is === undefined ? [] : [io.paint.good(`    + ${field}: ${is}`)]),
    ];
  });
  return `${mark} ${io.paint.bold(inert(id))} ${change}\n${lines.map((line) => `${line}\n`).join("")}`;
}

function shownField(data: JsonObject | null, field: string): string | undefined {
  const value = data?.[field];
  if (value === undefined || value === null) return undefined;
  const text = inert(JSON.stringify(value));
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS)}…` : text;
}

async function blame(example: string, options: Options, io: Io): Promise<void> {
  const { rows, exampleRevisions } = await reading(io, options);
  const revisions = await exampleRevisions(rows, example);
  if (options.json === true) return write(io.stdout, `${rowsToJson(revisions, 2)}\n`);
  return table(["time (UTC)", "by", "change", "fields", "hash"], revisions.map(revisionCells), io);
}

function revisionCells({ time, by, op, fields, hash }: ExampleRevision, index: number): string[] {
  const change = op === "delete" ? "deleted" : index === 0 ? "made" : "changed";
  return [time.replace(/0*\+00:00$/, "Z"), by, change, fields.join(", "), (hash ?? "").slice(0, HASH_DIGITS)];
}

function table(names: readonly string[], rows: readonly (readonly string[])[], io: Io): Promise<void> {
  return write(
    io.stdout,
    renderTable({
      columns: names.map((name) => ({ name })),
      rows: rows.map((row) => [...row]),
      width: terminalWidth(io),
      heading: io.paint.bold,
    }),
  );
}
