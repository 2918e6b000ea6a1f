import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { type JsonObject, type JsonValue } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";

/** Bytes of one file of rules. */
const FILE_BYTES_MAX = 1024 * 1024;

/** What such files may list. */
export type FileKey = "rules" | "evaluators";
const KEYS: readonly string[] = ["rules", "evaluators"];

/**
 * Rules or evaluators of YAML or JSON files: each has a list `rules`, `evaluators`, or both. A folder stands for its .yaml,
 * .yml and .json files. Ends the command with "usage" when a file has anything else, and says where.
 */
export function readRuleFiles(paths: readonly string[], key: FileKey): JsonObject[] {
  const found = paths.flatMap(filesAt).flatMap((file) => readFile(file, key));
  if (found.length === 0) throw new CommandError(EXIT.usage, `There are no ${key} in ${paths.join(", ")}.`);
  return found;
}

function filesAt(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) throw new CommandError(EXIT.notFound, `There is no file or folder ${path}.`);
  if (!stats.isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.(?:ya?ml|json)$/i.test(name))
    .sort()
    .map((name) => join(path, name));
}

function readFile(file: string, key: FileKey): JsonObject[] {
  const refuse = (why: string): CommandError => new CommandError(EXIT.usage, `${file}: ${why}`);
  if (statSync(file).size > FILE_BYTES_MAX) throw refuse(`is larger than ${FILE_BYTES_MAX} bytes.`);
  const documents = parseAllDocuments(readFileSync(file, "utf8"), { uniqueKeys: true });
  return [...documents].flatMap((document): JsonObject[] => {
    const [error] = document.errors;
    if (error !== undefined) throw refuse(error.message);
    // An alias that stands for more and more of itself must not fill memory.
    const value = document.toJS({ maxAliasCount: 100 }) as JsonValue;
    if (value === null) return [];
    if (!isObject(value) || !KEYS.some((each) => Array.isArray(value[each])))
      throw refuse("needs a list `rules` or `evaluators`.");
    const other = Object.keys(value).find((each) => !KEYS.includes(each));
    if (other !== undefined) throw refuse(`has the key ${JSON.stringify(other)} beside \`${key}\`.`);
    const list = value[key] ?? [];
    if (!Array.isArray(list)) throw refuse(`needs ${key} to be a list.`);
    return list.map((each: JsonValue, index): JsonObject => {
      if (!isObject(each)) throw refuse(`${key}[${index}] must be a mapping.`);
      return each;
    });
  });
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
