import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  CounterfoilError,
  type JsonObject,
  parseRunJson,
  type RunFields,
  type RunValue,
} from "../../../schema/index.js";
import { openFileEngine } from "../../../store/index.js";
import type { ImportDoor } from "./door.js";
import { type ImportReport, ImportTally } from "./report.js";
import { runHash, runOfV1, type SourceRun } from "./run-shape.js";

/** What to import: the folder that LangSmith's bulk export wrote to. */
export interface ParquetImportOptions {
  readonly folder: string;
  readonly door: ImportDoor;
  /** Spills, while it reads, below this data directory. */
  readonly dataDir: string;
  readonly signal?: AbortSignal | undefined;
  /** Runs so far, and files of all files. */
  readonly onProgress?: (runs: number, file: number, files: number) => void;
}

const TYPE = "runs";
const BATCH = 500;
/** Columns that hold JSON; LangSmith writes it as text. */
const JSON_COLUMNS = ["inputs", "outputs", "extra", "events", "tags", "serialized"];
const TIMES = ["start_time", "end_time", "first_token_time"];

/**
 * Imports the Parquet files of LangSmith's bulk export. Their rows know a project by its id only: its name is that of a
 * project that is here, imported before or written down, else the id. Files may be imported again: what is here with the
 * same content is not stored. Throws CF_NOT_FOUND when there is no Parquet file, CF_QUERY_FAILED for a damaged one, and
 * CF_IMPORT_FAILED when the server does not answer.
 */
export async function importParquetExport(options: ParquetImportOptions): Promise<ImportReport> {
  const { folder, door, signal } = options;
  const files = parquetFiles(folder);
  const names = await projectNames(door);
  const tally = new ImportTally();
  const engine = await openFileEngine(options.dataDir);
  let done = 0;
  try {
    for (const [at, path] of files.entries()) {
      let batch: SourceRun[] = [];
      const store = async (): Promise<void> => {
        await storeBatch(door, tally, batch);
        done += batch.length;
        batch = [];
        options.onProgress?.(done, at + 1, files.length);
      };
      for await (const rows of engine.rows(path)) {
        signal?.throwIfAborted();
        for (const row of rows) {
          const run = runOfRow(row, names);
          if (run === undefined) tally.skipped(TYPE, path, "a row has no id or no trace_id");
          else batch.push(run);
          if (batch.length >= BATCH) await store();
        }
      }
      await store();
    }
  } finally {
    engine.close();
  }
  return tally.report(folder, 0);
}

function parquetFiles(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    names = [];
  }
  const files = names.filter((name) => name.endsWith(".parquet")).sort();
  if (files.length === 0) {
    throw new CounterfoilError("CF_NOT_FOUND", `There is no Parquet file in ${folder} or below.`);
  }
  return files.map((name) => join(folder, name));
}

async function projectNames(door: ImportDoor): Promise<ReadonlyMap<string, string>> {
  const rows = await door.rows("SELECT id, name FROM projects", []);
  return new Map(
    rows.flatMap(({ id, name }) => (typeof id === "string" && typeof name === "string" ? [[id, name]] : [])),
  );
}

function runOfRow(text: string, names: ReadonlyMap<string, string>): SourceRun | undefined {
  const row: Record<string, RunValue> = { ...(parseRunJson(text) as RunFields) };
  for (const column of JSON_COLUMNS) {
    const value = row[column];
    if (typeof value === "string") row[column] = jsonIn(value);
  }
  for (const column of TIMES) {
    const value = row[column];
    if (typeof value === "string") row[column] = value.replace(/^(\S+) /, "$1T").replace(/\+00$/, "Z");
  }
  const session = row["session_id"];
  const id = typeof session === "string" ? session.toLowerCase() : "";
  if (typeof row["trace_id"] !== "string") return undefined;
  return runOfV1(row as unknown as JsonObject, names.get(id) ?? (id === "" ? "default" : id));
}

/** A text that is no JSON stays a text. */
function jsonIn(text: string): RunValue {
  try {
    return parseRunJson(text);
  } catch {
    return text;
  }
}

async function storeBatch(door: ImportDoor, tally: ImportTally, runs: readonly SourceRun[]): Promise<void> {
  if (runs.length === 0) return;
  tally.found(TYPE, runs.length);
  const here = new Map((await door.runsHere(runs)).map((each) => [each.id, runHash(each.run)]));
  const missing = runs.filter(({ id, run }) => here.get(id) !== runHash(run));
  tally.unchanged(TYPE, runs.length - missing.length);
  const refused = await door.runs(missing.map(({ run }) => ({ run, attachments: [] })));
  tally.stored(TYPE, missing.length - refused.length);
  for (const { id, reason } of refused) tally.skipped(TYPE, id, reason);
}
