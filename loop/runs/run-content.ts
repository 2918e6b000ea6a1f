import { type NativeRun, nativeRunOf, type RunJson } from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import { INPUTS_SQL, OUTPUTS_SQL } from "../filter/fields.js";

/** Columns that a native run is read from; see {@link nativeRunOfRow}. */
export const NATIVE_COLUMNS = `attributes['langsmith.run'] AS native_run,
  coalesce(attributes['gen_ai.prompt'], input_messages) AS native_inputs,
  coalesce(attributes['gen_ai.completion'], output_messages) AS native_outputs,
  attributes['langsmith.attachments'] AS native_attachments`;

/** Columns of `spans` as `s` that {@link runContentOf} reads. */
export const CONTENT_COLUMNS = `s.source, ${INPUTS_SQL} AS inputs, ${OUTPUTS_SQL} AS outputs, ${NATIVE_COLUMNS}`;

/** What went into a run and what came out; null where it says nothing. */
export interface RunContent {
  readonly inputs: RunJson;
  readonly outputs: RunJson;
}

/** The native run of a row with {@link NATIVE_COLUMNS}; undefined for any other span. */
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
  const native = row["source"] === "langsmith" ? nativeRunOfRow(row)?.run : undefined;
  if (native !== undefined) return { inputs: native["inputs"] ?? null, outputs: native["outputs"] ?? null };
  return { inputs: objectOf(row["inputs"]), outputs: objectOf(row["outputs"]) };
}

/** A column's JSON; the text itself where it is none; undefined where it is empty. */
export function jsonInColumn(text: unknown): RunJson | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return JSON.parse(text) as RunJson;
  } catch {
    return text;
  }
}

/** Runs hold objects: a list or text stands under `messages`. */
function objectOf(text: unknown): RunJson {
  const value = jsonInColumn(text);
  if (value === undefined) return null;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { messages: value };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
