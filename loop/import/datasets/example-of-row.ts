import type { JsonObject, JsonValue } from "../../../schema/index.js";
import { objectIn } from "../object-in.js";

/** What rows are. `auto`: the shape of each row decides. */
export type RowShape = "auto" | "examples" | "openai-chat" | "openai-evals" | "columns";

/** How rows become examples. With `inputs` each row is one of columns. */
export interface RowMapping {
  readonly shape: RowShape;
  /** Names of columns. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly metadata: readonly string[];
}

/** An example as a row has it, or why the row is none. */
export type ExampleOrProblem =
  | { readonly id?: string; readonly data: JsonObject }
  | { readonly problem: string };

/** Fields of a row that is an example, which are kept as they are. */
const KEPT = ["attachments", "source_run_id", "provenance", "created_at"];

/** Examples without a split are said to be in this one. */
const BASE_SPLIT = "base";

/** The example in a row. `split` is that of its file, for rows that name none. */
export function exampleOfRow(
  row: JsonObject,
  mapping: RowMapping,
  split: string | undefined,
): ExampleOrProblem {
  const shape =
    mapping.inputs.length > 0 ? "columns" : mapping.shape === "auto" ? shapeOf(row) : mapping.shape;
  const found = readers[shape](row, mapping);
  return "problem" in found
    ? found
    : withSplit(found, splitsOf(row["split"]) ?? splitsOf(split === BASE_SPLIT ? undefined : split));
}

function shapeOf(row: JsonObject): Exclude<RowShape, "auto"> {
  if (isMessages(row["messages"]) || isMessages(objectIn(row["input"])?.["messages"])) return "openai-chat";
  if ("ideal" in row && "input" in row) return "openai-evals";
  if ("prompt" in row && "completion" in row) return "openai-chat";
  return objectIn(row["inputs"]) === undefined && !hasPrefix(row, "inputs.") ? "columns" : "examples";
}

type Reader = (row: JsonObject, mapping: RowMapping) => ExampleOrProblem;

const readers: Readonly<Record<Exclude<RowShape, "auto">, Reader>> = {
  columns: ofColumns,
  examples: ofExample,
  "openai-chat": ofChat,
  "openai-evals": ofEval,
};

function ofColumns(row: JsonObject, { inputs, outputs, metadata }: RowMapping): ExampleOrProblem {
  const names = Object.keys(row).join(", ");
  if (inputs.length === 0) {
    return { problem: `name the columns that go in with --inputs, out with --outputs (it has ${names})` };
  }
  const missing = [...inputs, ...outputs, ...metadata].find((name) => !Object.hasOwn(row, name));
  if (missing !== undefined) return { problem: `it has no ${JSON.stringify(missing)} (it has ${names})` };
  const pick = (columns: readonly string[]): JsonObject =>
    Object.fromEntries(columns.map((name) => [name, row[name] ?? null]));
  return example(row, {
    inputs: pick(inputs),
    ...(outputs.length === 0 ? {} : { outputs: pick(outputs) }),
    ...(metadata.length === 0 ? {} : { metadata: pick(metadata) }),
  });
}

/** A row as Counterfoil and LangSmith write examples; CSV has a column for each key (`inputs.question`). */
function ofExample(row: JsonObject): ExampleOrProblem {
  const inputs = fieldOf(row, "inputs");
  if (inputs === undefined) return { problem: "its inputs are no JSON object" };
  const outputs = fieldOf(row, "outputs");
  const metadata = fieldOf(row, "metadata");
  const named = (name: string): boolean => (row[name] ?? "") !== "";
  if (outputs === undefined && named("outputs")) return { problem: "its outputs are no JSON object" };
  if (metadata === undefined && named("metadata")) return { problem: "its metadata are no JSON object" };
  return example(row, {
    inputs,
    ...(outputs === undefined ? {} : { outputs }),
    ...(metadata === undefined ? {} : { metadata }),
    ...Object.fromEntries(KEPT.flatMap((name) => (named(name) ? [[name, row[name] ?? null]] : []))),
  });
}

/** OpenAI's fine-tuning: what the assistant says last is the output. Preferences keep the answer that was not preferred. */
function ofChat(row: JsonObject): ExampleOrProblem {
  if ("prompt" in row && "completion" in row && row["messages"] === undefined) {
    return example(row, {
      inputs: { prompt: row["prompt"] ?? null },
      outputs: { completion: row["completion"] ?? null },
    });
  }
  const from = row["messages"] === undefined ? (objectIn(row["input"]) ?? {}) : row;
  const messages = from["messages"];
  if (!isMessages(messages)) return { problem: "its messages are no list of messages with a role" };
  const preferred = row["preferred_output"];
  const last = messages.at(-1);
  const answer = isMessages(preferred) ? preferred.at(-1) : last?.["role"] === "assistant" ? last : undefined;
  const inputs = {
    messages: answer === last ? messages.slice(0, -1) : [...messages],
    ...Object.fromEntries(Object.entries(from).filter(([name]) => name === "tools" || name === "functions")),
  };
  const rejected = row["non_preferred_output"];
  return example(row, {
    inputs,
    ...(answer === undefined ? {} : { outputs: { message: answer } }),
    ...(rejected === undefined ? {} : { metadata: { non_preferred_output: rejected } }),
  });
}

/** OpenAI's evals: `{input, ideal}`. */
function ofEval(row: JsonObject): ExampleOrProblem {
  const { input, ideal } = row;
  if (input === undefined) return { problem: "it has no input" };
  return example(row, {
    inputs: isMessages(input) ? { messages: [...input] } : { input },
    ...(ideal === undefined || ideal === null ? {} : { outputs: { ideal } }),
  });
}

function example(row: JsonObject, data: JsonObject): ExampleOrProblem {
  const { id } = row;
  const text = typeof id === "number" ? String(id) : id;
  return typeof text === "string" && text !== "" ? { id: text, data } : { data };
}

/** A field that is an object, is JSON text of one, or has a column for each of its keys. Empty cells are none. */
function fieldOf(row: JsonObject, name: string): JsonObject | undefined {
  const whole = objectIn(row[name]);
  if (whole !== undefined || !hasPrefix(row, `${name}.`)) return whole;
  const cells = Object.entries(row).flatMap(([key, value]): [string, JsonValue][] =>
    key.startsWith(`${name}.`) && value !== "" ? [[key.slice(name.length + 1), value]] : [],
  );
  return cells.length === 0 && name !== "inputs" ? undefined : Object.fromEntries(cells);
}

function hasPrefix(row: JsonObject, prefix: string): boolean {
  return Object.keys(row).some((key) => key.startsWith(prefix));
}

/** The splits that an example's metadata name stay; else it gets these. */
function withSplit<T extends { readonly data: JsonObject }>(
  found: T,
  splits: readonly string[] | undefined,
): T {
  const metadata = objectIn(found.data["metadata"]) ?? {};
  if (splits === undefined || metadata["dataset_split"] !== undefined) return found;
  return { ...found, data: { ...found.data, metadata: { ...metadata, dataset_split: [...splits] } } };
}

function splitsOf(value: JsonValue | undefined): readonly string[] | undefined {
  if (typeof value === "string") return value === "" ? undefined : [value];
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string")
    ? value
    : undefined;
}

function isMessages(value: JsonValue | undefined): value is readonly JsonObject[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((item: JsonValue) => typeof objectIn(item)?.["role"] === "string")
  );
}
