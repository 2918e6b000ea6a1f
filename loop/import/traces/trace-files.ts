import { createReadStream, readdirSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { createGunzip } from "node:zlib";
import {
  BUNDLE_LINE_BYTES_MAX,
  CounterfoilError,
  DATASET_FILES_MAX,
  errorMessage,
  isDeeper,
  type JsonObject,
  type JsonValue,
  parseJson,
  RUN_JSON_DEPTH_MAX,
} from "../../../schema/index.js";
import type { FileEngine } from "../../../store/index.js";
import { csvRows, type RowOrReason } from "../csv-rows.js";
import { invalidFile } from "../invalid-file.js";

/** Why a row is not taken that would overflow the stack of whatever walks through it. */
export const tooDeep = `it is nested more than ${RUN_JSON_DEPTH_MAX} deep`;

/** Names of files that have rows, and of logs of Inspect, in a folder. */
export const ROW_NAMES = /\.(?:json|jsonl|ndjson|csv|parquet)(?:\.gz)?$/i;
export const INSPECT_NAMES = /\.(?:eval|json)$/i;

/** The files at a path: itself, or those of a folder, at any depth, in order. Links out of the folder are not followed. */
export function traceFiles(path: string, names: RegExp): string[] {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch {
    throw new CounterfoilError("CF_NOT_FOUND", `There is nothing at ${path}.`);
  }
  if (!isFolder) return [path];
  const root = realpathSync(path);
  const files = readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => names.test(name))
    .sort()
    .map((name) => join(path, name))
    .filter((file) => isFileWithin(file, root));
  if (files.length > DATASET_FILES_MAX)
    throw invalidFile(path, `it has more than ${DATASET_FILES_MAX} files`);
  if (files.length > 0) return files;
  throw new CounterfoilError("CF_NOT_FOUND", `There is no file of these kinds in ${path} or below.`);
}

function isFileWithin(file: string, root: string): boolean {
  try {
    return realpathSync(file).startsWith(root + sep) && statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * The objects of a file: of JSON the one that it is or those of its list, of JSON Lines one a line, of CSV and Parquet one a
 * row. Integers that a double can't hold are texts of their digits. Throws CF_IMPORT_FILE_INVALID.
 */
export async function* rowsOfFile(
  path: string,
  engine: () => Promise<FileEngine>,
): AsyncGenerator<RowOrReason> {
  const name = path.replace(/\.gz$/i, "").toLowerCase();
  if (name.endsWith(".parquet")) {
    let at = 0;
    for await (const texts of (await engine()).rows(path)) {
      for (const text of texts) yield objectRow(`${path} row ${++at}`, text);
    }
  } else if (name.endsWith(".csv")) {
    yield* csvRows(path, (await wholeText(path)).replace(/^\ufeff/, ""));
  } else yield* jsonRows(path);
}

/** Line by line as long as each one is whole; the rest of a file whose first line is not is read at once. */
async function* jsonRows(path: string): AsyncGenerator<RowOrReason> {
  let at = 0;
  for await (const line of linesOf(path)) {
    at++;
    if (line.trim() === "") continue;
    const value = jsonIn(line);
    if (value === undefined && at === 1) {
      yield* documentRows(path);
      return;
    }
    const where = `${path} line ${at}`;
    if (value === undefined) yield { where, problem: "it is no JSON" };
    else if (Array.isArray(value)) yield* listRows(where, value);
    else yield asRow(where, value);
  }
}

async function* documentRows(path: string): AsyncGenerator<RowOrReason> {
  const value = jsonIn(await wholeText(path));
  if (value === undefined) yield { where: path, problem: "it is no JSON, nor JSON Lines, or was cut short" };
  else if (Array.isArray(value)) yield* listRows(path, value);
  else yield asRow(path, value);
}

function* listRows(where: string, list: readonly JsonValue[]): Generator<RowOrReason> {
  for (const [at, item] of list.entries()) yield asRow(`${where} item ${at + 1}`, item);
}

function objectRow(where: string, text: string): RowOrReason {
  const value = jsonIn(text);
  return value === undefined ? { where, problem: "it is no JSON" } : asRow(where, value);
}

function asRow(where: string, value: JsonValue): RowOrReason {
  if (isDeeper(value, RUN_JSON_DEPTH_MAX)) return { where, problem: tooDeep };
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? { where, row: value as JsonObject }
    : { where, problem: "it is no JSON object" };
}

function jsonIn(text: string): JsonValue | undefined {
  try {
    return parseJson(text) as JsonValue;
  } catch {
    return undefined;
  }
}

async function wholeText(path: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of bytesOf(path)) {
    bytes += part.length;
    if (bytes > BUNDLE_LINE_BYTES_MAX) throw tooLarge(path);
    parts.push(part);
  }
  return textOf(path, Buffer.concat(parts));
}

async function* linesOf(path: string): AsyncGenerator<string> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const part of bytesOf(path)) {
    let from = 0;
    for (let end = part.indexOf(10); end >= 0; end = part.indexOf(10, from)) {
      yield textOf(path, Buffer.concat([...waiting, part.subarray(from, end)]));
      [waiting, bytes, from] = [[], 0, end + 1];
    }
    waiting.push(part.subarray(from));
    bytes += part.length - from;
    if (bytes > BUNDLE_LINE_BYTES_MAX) throw tooLarge(path);
  }
  if (bytes > 0) yield textOf(path, Buffer.concat(waiting));
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  const stream = path.toLowerCase().endsWith(".gz") ? file.pipe(createGunzip()) : file;
  file.once("error", (error) => stream.destroy(error));
  try {
    for await (const part of stream) yield part as Buffer;
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw invalidFile(path, errorMessage(error), error);
  } finally {
    file.destroy();
  }
}

function textOf(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw invalidFile(path, "its text is not UTF-8", error);
  }
}

function tooLarge(path: string): CounterfoilError {
  return invalidFile(path, `a line or the whole of it has more than ${BUNDLE_LINE_BYTES_MAX} bytes`);
}
