import { readFileSync } from "node:fs";
import {
  checkRecord,
  CounterfoilError,
  errorMessage,
  type JsonObject,
  type Price,
  priceIdOf,
  priceOfData,
  PRICES,
  withTiers,
} from "../../schema/index.js";
import { type Environment, parseConfigText } from "../config/parse.js";
import { type ConfigPath, formatProblems } from "../config/problem.js";
import { Problems } from "../config/validate.js";

/**
 * Reads a file of prices: YAML or JSON with a list `prices`, each entry with the fields of a record of type `price`,
 * optionally an `id`, and rates beside them where there is one tier. Throws CF_CONFIG_INVALID with every problem, one a
 * line, each with file, line, column and path; also when the file can't be read.
 */
export function readPriceFile(path: string, env: Environment): Price[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `The price file ${path} can't be read: ${errorMessage(cause)}.`,
      { cause },
    );
  }
  const parsed = parseConfigText(text, env);
  const problems = new Problems(parsed);
  const prices = parsed.problems.length > 0 ? [] : pricesOf(parsed.value, problems);
  if (problems.list.length === 0) return prices;
  throw new CounterfoilError(
    "CF_CONFIG_INVALID",
    `The price file is not valid:\n${formatProblems(path, problems.list)}`,
  );
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function pricesOf(value: unknown, problems: Problems): Price[] {
  const list = isObject(value) ? value["prices"] : undefined;
  if (!isObject(value) || !Array.isArray(list)) {
    problems.add([], "a price file has a list `prices`; see docs/cost.md");
    return [];
  }
  for (const key of Object.keys(value)) {
    if (key !== "prices") problems.add([key], "there is only the key prices here", true);
  }
  const ids = new Map<string, number>();
  return (list as readonly unknown[]).flatMap((entry, index) => {
    const path: ConfigPath = ["prices", index];
    const price = priceOfEntry(entry, path, problems);
    if (price === undefined) return [];
    const other = ids.get(price.id);
    if (other !== undefined) {
      problems.add(path, `prices[${other}] has the id ${price.id}, too; give one of them another \`id\``);
    }
    ids.set(price.id, index);
    return [price];
  });
}

function priceOfEntry(entry: unknown, path: ConfigPath, problems: Problems): Price | undefined {
  if (!isObject(entry)) {
    problems.add(path, "must be a price: provider, models, input, output, ...");
    return undefined;
  }
  const { id, ...rest } = entry;
  if (id !== undefined && (typeof id !== "string" || id === ""))
    problems.add([...path, "id"], "must be a text");
  const data = withTiers(rest);
  try {
    checkRecord(PRICES, data, { unknownFields: "refuse" });
  } catch (error) {
    problems.add(path, errorMessage(error));
    return undefined;
  }
  return priceOfData(typeof id === "string" ? id : priceIdOf(data), data);
}
