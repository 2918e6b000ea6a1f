import { readFileSync } from "node:fs";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import { buildConfig } from "./build.js";
import { parseConfigText, type Environment } from "./parse.js";
import { formatProblems, type ConfigProblem } from "./problem.js";
import type { CollectorConfig } from "./types.js";
import { Problems, validateText } from "./validate.js";

/** A configuration text and what it was called, for messages. */
export interface ConfigText {
  readonly text: string;
  readonly file: string;
}

/** What reading a configuration gave: `config` exactly when `errors` is empty. */
export interface ConfigReading {
  readonly file: string;
  readonly config: CollectorConfig | undefined;
  readonly errors: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Reads a configuration and reports every problem at once. Never throws for what the text says. */
export function readConfig({ text, file }: ConfigText, env: Environment): ConfigReading {
  const parsed = parseConfigText(text, env);
  const { document, problems } = validateText(parsed);
  if (document === undefined) return { file, config: undefined, errors: problems, warnings: [] };
  const errors = new Problems(parsed);
  const warnings = new Problems({ ...parsed, problems: [] });
  const config = buildConfig(document, {
    error: (path, message, key) => errors.add(path, message, key),
    warn: (path, message, key) => warnings.add(path, message, key),
  });
  const valid = errors.list.length === 0;
  return { file, config: valid ? config : undefined, errors: errors.list, warnings: warnings.list };
}

/**
 * Reads a configuration file, or a text. Throws CF_CONFIG_INVALID with every problem, one a line, each with file, line,
 * column and path.
 */
export function loadConfig(
  source: string | ConfigText,
  env: Environment,
): ConfigReading & { config: CollectorConfig } {
  const reading = readConfig(typeof source === "string" ? readText(source) : source, env);
  if (reading.config === undefined) {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `The configuration is not valid:\n${formatProblems(reading.file, reading.errors)}`,
    );
  }
  return { ...reading, config: reading.config };
}

function readText(file: string): ConfigText {
  try {
    return { file, text: readFileSync(file, "utf8") };
  } catch (cause) {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `The configuration file ${file} can't be read: ${errorMessage(cause)}.`,
      { cause },
    );
  }
}
