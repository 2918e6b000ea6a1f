import type { JsonObject } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";
import { readRuleFiles } from "./rule-files.js";

/** Options of `rules preview`. */
export interface PreviewOptions {
  readonly dataDir: string;
  readonly file: readonly string[];
  readonly trace: string;
  readonly rule?: string;
}

/** Prints what the rules of files would make of a trace. */
export async function previewFiles(options: PreviewOptions, io: Io): Promise<void> {
  const all = readRuleFiles(options.file, "rules");
  const rules = options.rule === undefined ? all : all.filter(({ name }) => name === options.rule);
  if (rules.length === 0)
    throw new CommandError(EXIT.notFound, `The files have no rule named ${options.rule ?? ""}.`);
  const server = requireServer(options.dataDir);
  const found: JsonObject[] = [];
  for (const rule of rules) {
    const body = { rule, trace_id: options.trace };
    const request = { method: "POST" as const, path: "/api/v1/rules/preview", body, signal: io.signal };
    const runs = (await callServer(server, request)) as JsonObject[];
    found.push({ rule: rule["name"] ?? null, runs });
  }
  await write(io.stdout, `${rowsToJson(found, 2)}\n`);
}
