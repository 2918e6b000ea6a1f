import {
  JsonText,
  type NativeRun,
  nativeRunOf,
  objectOf,
  parseRunJson,
  type RunJson,
  type RunValue,
  writeRunJson,
} from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import { INPUTS_SQL, OUTPUTS_SQL } from "../filter/fields.js";

/** Columns that a native run is read from, without its files; see {@link nativeRunOfRow}. */
export const NATIVE_COLUMNS = `attributes['langsmith.run'] AS native_run,
  coalesce(attributes['gen_ai.prompt'], input_messages) AS native_inputs,
  coalesce(attributes['gen_ai.completion'], output_messages) AS native_outputs`;

/** The files of a native run. */
export const ATTACHMENTS_COLUMN = "attributes['langsmith.attachments'] AS native_attachments";

/** Columns of `spans` as `s` that {@link runContentOf} reads. */
export const CONTENT_COLUMNS = `s.source, ${INPUTS_SQL} AS inputs, ${OUTPUTS_SQL} AS outputs, ${NATIVE_COLUMNS}`;

/** What went into a run and what came out; null where it says nothing. */
export interface RunContent<Json = RunJson> {
  readonly inputs: Json;
  readonly outputs: Json;
}

/** The native run of a row with {@link NATIVE_COLUMNS}, with its files if they are there; undefined for any other span. */
export function nativeRunOfRow(row: ReaderRow): NativeRun | undefined {
  const held = textOf(row["native_run"]);
  if (held === undefined) return undefined;
  const texts: Record<string, string | undefined> = {
    "langsmith.run": held,
    "gen_ai.prompt": textOf(row["native_inputs"]),
    "gen_ai.completion": textOf(row["native_outputs"]),
    "langsmith.attachments": textOf(row["native_attachments"]),
  };
  return nativeRunOf((key) => texts[key]);
}

/** Inputs and outputs of a row with {@link CONTENT_COLUMNS}: as they were sent, else what the columns have, as objects. */
export function runContentOf(row: ReaderRow): RunContent {
  const { inputs, outputs } = keptRunContentOf(row);
  return { inputs: plain(inputs), outputs: plain(outputs) };
}

/** The same, not taken apart, with numbers as they were sent: for who passes it on. */
export function keptRunContentOf(row: ReaderRow): RunContent<RunValue> {
  const native = row["source"] === "langsmith" ? nativeRunOfRow(row)?.run : undefined;
  if (native !== undefined) return { inputs: native["inputs"] ?? null, outputs: native["outputs"] ?? null };
  return { inputs: contentOf(row["inputs"]), outputs: contentOf(row["outputs"]) };
}

function plain(value: RunValue): RunJson {
  return JSON.parse(writeRunJson(value)) as RunJson;
}

/** A column's JSON; the text itself where it is none; undefined where it is empty. */
export function jsonInColumn(text: unknown): RunValue | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return parseRunJson(text);
  } catch {
    return text;
  }
}

/** Runs hold objects: a list or text stands under `messages`. */
function contentOf(text: unknown): RunValue {
  const value = jsonInColumn(text);
  if (value === undefined) return null;
  const kept = typeof value === "object" && value !== null ? new JsonText(text as string) : value;
  return objectOf(value) === undefined ? { messages: kept } : kept;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
