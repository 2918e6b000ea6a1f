import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CounterfoilError, errorMessage, SIGNALS } from "../../schema/index.js";
import {
  buildConfig,
  checkPush,
  buildGrpc,
  buildHttp,
  idsOf,
  readPipelines,
  warnUnused,
  type Report,
} from "./build.js";
import { parseConfigText, type Environment } from "./parse.js";
import { formatProblems, type ConfigProblem } from "./problem.js";
import { COMPONENTS, type ConfigDocument } from "./schema.js";
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
  const file = recordOf(value);
  const defined = idsOf(file);
  const pipelines = readPipelines(writtenPipelines(file["service"]), defined, report);
  warnUnused(defined, pipelines, report);
  checkFolders(recordOf(file["exporters"]), report);
  checkPush(recordOf(file["exporters"]), pipelines, report);
  const otlp = COMPONENTS.receivers.otlp.safeParse(recordOf(file["receivers"])["otlp"]);
  if (!otlp.success) return;
  const { http, grpc } = otlp.data.protocols;
  if (http !== undefined) buildHttp(http, SIGNALS, report);
  if (grpc !== undefined) buildGrpc(grpc, report);
}

/** Two exporters that write the same files would overwrite each other's lines. */
function checkFolders(exporters: Record<string, unknown>, report: Report): void {
  const owners = new Map<string, string>();
  for (const [id, settings] of Object.entries(exporters)) {
    const { path } = recordOf(settings);
    if (!/^file(\/|$)/.test(id) || typeof path !== "string") continue;
    const folder = resolve(path);
    const owner = owners.get(folder);
    if (owner !== undefined) {
      report.error(["exporters", id, "path"], `is the folder of ${owner} already; each needs its own`);
    }
    owners.set(folder, id);
  }
}

/** The pipelines as far as they can be understood, whatever else is wrong in the section. */
function writtenPipelines(service: unknown): ConfigDocument["service"]["pipelines"] {
  const entries = Object.entries(recordOf(recordOf(service)["pipelines"])).map(([id, pipeline]) => {
    const { receivers, processors, exporters } = recordOf(pipeline);
    return [
      id,
      { receivers: textsOf(receivers), processors: textsOf(processors), exporters: textsOf(exporters) },
    ];
  });
  return Object.fromEntries(entries) as ConfigDocument["service"]["pipelines"];
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
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
