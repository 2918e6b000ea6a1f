import { readFileSync } from "node:fs";
import { CounterfoilError, errorMessage, SIGNALS } from "../../schema/index.js";
import { buildConfig, buildGrpc, buildHttp, idsOf, readPipelines, warnUnused, type Report } from "./build.js";
import { parseConfigText, type Environment } from "./parse.js";
import { formatProblems, type ConfigProblem } from "./problem.js";
import { COMPONENTS, serviceSchema } from "./schema.js";
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
  const errors = new Problems(parsed);
  const warnings = new Problems({ ...parsed, problems: [] });
  checkMeaning(parsed.value, {
    error: (path, message, key) => errors.add(path, message, key),
    warn: (path, message, key) => warnings.add(path, message, key),
  });
  const all = [...problems, ...errors.list.slice(parsed.problems.length)];
  const config = document === undefined || all.length > 0 ? undefined : buildConfig(document, SILENT);
  return { file, config, errors: all, warnings: warnings.list };
}

const SILENT: Report = { error: () => undefined, warn: () => undefined };

/** Checks what the schema can't, on whatever parts of the file are sound: so that one mistake does not hide another. */
function checkMeaning(value: unknown, report: Report): void {
  if (typeof value !== "object" || value === null) return;
  const file = value as Record<string, unknown>;
  const defined = idsOf(file);
  const service = serviceSchema.safeParse(file["service"]);
  if (service.success) {
    const pipelines = readPipelines(service.data.pipelines, defined, report);
    warnUnused(defined, pipelines, report);
  }
  const receivers = file["receivers"];
  if (typeof receivers !== "object" || receivers === null) return;
  const otlp = COMPONENTS.receivers.otlp.safeParse((receivers as Record<string, unknown>)["otlp"]);
  if (!otlp.success) return;
  const { http, grpc } = otlp.data.protocols;
  if (http !== undefined) buildHttp(http, SIGNALS, report);
  if (grpc !== undefined) buildGrpc(grpc, report);
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
