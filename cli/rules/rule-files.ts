import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { type JsonObject, type JsonValue } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";

/** Bytes of one file of rules. */
const FILE_BYTES_MAX = 1024 * 1024;

/**
 * Rules of YAML or JSON files: each has a list `rules`. A folder stands for its .yaml, .yml and .json files. Ends the
 * command with "usage" when a file has anything else, and says where.
 */
export function readRuleFiles(paths: readonly string[]): JsonObject[] {
  const rules = paths.flatMap(filesAt).flatMap(readRules);
  if (rules.length === 0) throw new CommandError(EXIT.usage, `There are no rules in ${paths.join(", ")}.`);
  return rules;
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

function readRules(file: string): JsonObject[] {
  const refuse = (why: string): CommandError => new CommandError(EXIT.usage, `${file}: ${why}`);
  if (statSync(file).size > FILE_BYTES_MAX) throw refuse(`is larger than ${FILE_BYTES_MAX} bytes.`);
  const documents = parseAllDocuments(readFileSync(file, "utf8"), { uniqueKeys: true });
  return [...documents].flatMap((document): JsonObject[] => {
    const [error] = document.errors;
    if (error !== undefined) throw refuse(error.message);
    // An alias that stands for more and more of itself must not fill memory.
    const value = document.toJS({ maxAliasCount: 100 }) as JsonValue;
    if (value === null) return [];
    const rules = isObject(value) ? value["rules"] : undefined;
    if (!isObject(value) || !Array.isArray(rules)) throw refuse("needs a list `rules`.");
    const other = Object.keys(value).find((key) => key !== "rules");
    if (other !== undefined) throw refuse(`has the key ${JSON.stringify(other)} beside \`rules\`.`);
    return rules.map((rule: JsonValue, index): JsonObject => {
      if (!isObject(rule)) throw refuse(`rules[${index}] must be a mapping.`);
      return rule;
    });
  });
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
