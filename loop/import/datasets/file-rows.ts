import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import {
  CounterfoilError,
  DATASET_FILE_BYTES_MAX,
  DATASET_ROWS_MAX,
  type JsonObject,
  type JsonValue,
} from "../../../schema/index.js";
import { type FileEngine, openFileEngine } from "../../../store/index.js";
import { csvRows, type RowOrReason } from "../csv-rows.js";
import { invalidFile } from "../invalid-file.js";

/** A kind of file that rows are read from. */
export type RowFormat = "csv" | "jsonl" | "parquet";

/** A file, and the split that its rows are in. */
export interface RowFile {
  readonly path: string;
  readonly split?: string | undefined;
}

/** A row, and where it is for the user: `golden.csv row 3`. */
export interface FileRow {
  readonly where: string;
  readonly row: JsonObject;
  readonly split: string | undefined;
}

/** Every row of a file, or why a line of it is none. */
export type RowOrProblem = FileRow | { readonly where: string; readonly problem: string };

const ENDINGS: ReadonlyMap<string, RowFormat> = new Map([
  ["csv", "csv"],
  ["jsonl", "jsonl"],
  ["ndjson", "jsonl"],
  ["json", "jsonl"],
  ["parquet", "parquet"],
]);

/** What a file is by its name; undefined for other names. */
export function formatOfName(path: string): RowFormat | undefined {
  const ending = /\.(\w+)$/.exec(path)?.[1] ?? "";
  return ENDINGS.get(ending.toLowerCase());
}

/**
 * All rows of files. Texts must be UTF-8; of JSON a list of objects is taken, too. Throws CF_NOT_FOUND for a file that is not
 * there, and CF_IMPORT_FILE_INVALID for one that is too large or not what its name says.
 */
export async function readRows(
  files: readonly RowFile[],
  { dataDir, format }: { readonly dataDir: string; readonly format?: RowFormat | undefined },
): Promise<RowOrProblem[]> {
  const rows: RowOrProblem[] = [];
  let engine: FileEngine | undefined;
  try {
    for (const { path, split } of files) {
      if (!existsSync(path)) throw new CounterfoilError("CF_NOT_FOUND", `There is no file ${path}.`);
      const kind = format ?? formatOfName(path);
      if (kind === undefined) {
        throw invalidFile(path, "its name ends in none of .csv, .jsonl, .json and .parquet; say --format");
      }
      if (kind === "parquet") {
        engine ??= await openFileEngine(dataDir);
        await parquetRows(engine, { path, split }, rows);
      } else {
        const text = textOf(path);
        if (kind === "csv" && text === "") {
          throw invalidFile(path, "it is empty: the first row must name the columns");
        }
        const found = kind === "csv" ? csvRows(path, text) : jsonRows(path, text);
        for (const each of found) rows.push("row" in each ? { ...each, split } : each);
      }
      if (rows.length > DATASET_ROWS_MAX) throw invalidFile(path, `more than ${DATASET_ROWS_MAX} rows`);
    }
  } finally {
    engine?.close();
  }
  return rows;
}

async function parquetRows(engine: FileEngine, file: RowFile, rows: RowOrProblem[]): Promise<void> {
  const { path, split } = file;
  if (!isParquet(path)) throw invalidFile(path, "it does not begin as a Parquet file does, or was cut short");
  let at = 0;
  let chars = 0;
  for await (const texts of engine.rows(path)) {
    for (const text of texts) {
      at++;
      chars += text.length;
      rows.push({ where: `${path} row ${at}`, row: JSON.parse(text) as JsonObject, split });
    }
    if (chars > DATASET_FILE_BYTES_MAX || rows.length > DATASET_ROWS_MAX) {
      throw invalidFile(
        path,
        `its rows are too large; at most ${DATASET_FILE_BYTES_MAX} bytes are taken at once`,
      );
    }
  }
}

/** DuckDB's own message for a file that is none is about something else. */
function isParquet(path: string): boolean {
  const { size } = statSync(path);
  if (size < 12) return false;
  const file = openSync(path, "r");
  try {
    const mark = Buffer.alloc(8);
    readSync(file, mark, 0, 4, 0);
    readSync(file, mark, 4, 4, size - 4);
    return mark.toString("latin1") === "PAR1PAR1";
  } finally {
    closeSync(file);
  }
}

function textOf(path: string): string {
  const found = statSync(path);
  if (!found.isFile()) throw invalidFile(path, "it is no file");
  if (found.size > DATASET_FILE_BYTES_MAX) {
    throw invalidFile(
      path,
      `it has ${found.size} bytes; at most ${DATASET_FILE_BYTES_MAX} are taken at once`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof TypeError) throw invalidFile(path, "its text is not UTF-8", error);
    throw error;
  }
}

function jsonRows(path: string, text: string): RowOrReason[] {
  const whole = /^\s*\[/.test(text) ? jsonIn(text) : undefined;
  if (Array.isArray(whole)) {
    return whole.map((item: JsonValue, at) => objectRow(`${path} item ${at + 1}`, item));
  }
  const rows: RowOrReason[] = [];
  for (const [at, line] of text
    .replace(/^\ufeff/, "")
    .split("\n")
    .entries()) {
    if (line.trim() === "") continue;
    const where = `${path} line ${at + 1}`;
    const value = jsonIn(line);
    rows.push(value === undefined ? { where, problem: "it is no JSON" } : objectRow(where, value));
  }
  // A file of one object over several lines.
  const only = rows.length > 1 && rows.every((row) => "problem" in row) ? jsonIn(text) : undefined;
  return only === undefined ? rows : [objectRow(`${path} line 1`, only)];
}

function objectRow(where: string, value: JsonValue): RowOrReason {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { where, row: value as JsonObject }
    : { where, problem: "it is no JSON object" };
}

function jsonIn(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
