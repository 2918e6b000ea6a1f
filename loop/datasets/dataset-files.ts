import {
  CounterfoilError,
  csvLine,
  EXAMPLES_UPLOAD_MAX,
  type JsonObject,
  type JsonValue,
  parseCsv,
} from "../../schema/index.js";
import type { Example, ExampleDraft } from "./types.js";

/** Split of an example that names none. */
const BASE_SPLIT = "base";

/**
 * Examples as CSV: `id`, a column for each key of inputs (`inputs.question`) and outputs, and `metadata`. Texts as they are,
 * other values as JSON; what a spreadsheet would run as a formula gets an apostrophe before it.
 */
export function examplesToCsv(examples: readonly Example[]): string {
  const keysOf = (field: "inputs" | "outputs"): string[] => [
    ...new Set(examples.flatMap(({ data }) => Object.keys(objectOf(data[field])))),
  ];
  const [inputs, outputs] = [keysOf("inputs"), keysOf("outputs")];
  const head = [
    "id",
    ...inputs.map((key) => `inputs.${key}`),
    ...outputs.map((key) => `outputs.${key}`),
    "metadata",
  ];
  const lines = examples.map(({ id, data }) => [
    id,
    ...inputs.map((key) => cellOf(objectOf(data["inputs"])[key])),
    ...outputs.map((key) => cellOf(objectOf(data["outputs"])[key])),
    cellOf(data["metadata"]),
  ]);
  return [head, ...lines].map((cells) => csvLine(cells, { formulaSafe: true })).join("");
}

/** Examples as JSON Lines: `{id, inputs, outputs, metadata}`. */
export function examplesToJsonl(examples: readonly Example[]): string {
  return lines(
    examples.map(({ id, data }) => ({
      id,
      inputs: data["inputs"] ?? {},
      outputs: data["outputs"] ?? null,
      metadata: data["metadata"] ?? null,
    })),
  );
}

/** Examples for OpenAI's evals: `{input: [messages], ideal: text}`. One without outputs has no ideal. */
export function examplesToOpenaiEvals(examples: readonly Example[]): string {
  return lines(
    examples.map(({ data }) => {
      const answer = answerOf(data["outputs"]);
      return {
        input: questionsOf(data["inputs"]),
        ...(answer === undefined ? {} : { ideal: answer["content"] }),
      };
    }),
  );
}

/** Examples for OpenAI's fine-tuning: `{messages: [..., assistant]}`. One without outputs teaches nothing: left out. */
export function examplesToOpenaiFineTuning(examples: readonly Example[]): string {
  return lines(
    examples.flatMap(({ data }) => {
      const answer = answerOf(data["outputs"]);
      return answer === undefined ? [] : [{ messages: [...questionsOf(data["inputs"]), answer] }];
    }),
  );
}

/** Which columns of a CSV become what. */
export interface CsvColumns {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * Examples of a CSV whose first row names the columns; values are texts. Throws CF_REQUEST_INVALID for a CSV that is not
 * valid, lacks a column, has rows of another length, or more than EXAMPLES_UPLOAD_MAX rows.
 */
export function examplesOfCsv(text: string, columns: CsvColumns): ExampleDraft[] {
  const [head, ...rows] = parseCsv(text);
  if (head === undefined) throw invalid("it is empty: the first row must name the columns");
  if (rows.length > EXAMPLES_UPLOAD_MAX) {
    throw invalid(`it has ${rows.length} rows; upload at most ${EXAMPLES_UPLOAD_MAX} at once`);
  }
  const missing = [...columns.inputs, ...columns.outputs].find((name) => !head.includes(name));
  if (missing !== undefined)
    throw invalid(`it has no column ${JSON.stringify(missing)} (it has ${head.join(", ")})`);
  return rows.map((row, at): ExampleDraft => {
    if (row.length !== head.length) {
      throw invalid(`row ${at + 2} has ${row.length} cells, the first row has ${head.length}`);
    }
    const pick = (names: readonly string[]): JsonObject =>
      Object.fromEntries(names.map((name) => [name, row[head.indexOf(name)] ?? ""]));
    return {
      data: {
        inputs: pick(columns.inputs),
        ...(columns.outputs.length === 0 ? {} : { outputs: pick(columns.outputs) }),
        metadata: { dataset_split: [BASE_SPLIT] },
      },
    };
  });
}

/** Roles of LangChain's messages as OpenAI names them. */
const ROLES: Readonly<Record<string, string>> = { human: "user", ai: "assistant", chat: "user" };

/** The messages of inputs: as they are, or one of the user's with the only text, else with all of it as JSON. */
function questionsOf(inputs: JsonValue | undefined): JsonObject[] {
  const given = objectOf(inputs);
  const list = [given["messages"], given["input"], given["inputs"]].find(isMessages);
  return list === undefined ? [{ role: "user", content: textOf(given) }] : list.map(openaiMessage);
}

/** The last message of outputs, or one of the assistant's; undefined without outputs. */
function answerOf(outputs: JsonValue | undefined): JsonObject | undefined {
  const given = objectOf(outputs);
  if (Object.keys(given).length === 0) return undefined;
  const list = [given["messages"], given["output"], given["outputs"]].find(isMessages);
  const single = [given["output"], given["message"], given].find(isMessage);
  const message = list?.at(-1) ?? single;
  return message === undefined
    ? { role: "assistant", content: textOf(given) }
    : { ...openaiMessage(message), role: "assistant" };
}

function isMessages(value: JsonValue | undefined): value is readonly JsonObject[] {
  return Array.isArray(value) && value.length > 0 && value.every(isMessage);
}

/** OpenAI's `{role, content}`, or LangChain's `{type, data: {content}}` or `{type, content}`. */
function isMessage(value: JsonValue | undefined): value is JsonObject {
  const given = objectOf(value);
  if (typeof given["role"] === "string" && "content" in given) return true;
  return typeof given["type"] === "string" && ("content" in given || "content" in objectOf(given["data"]));
}

function openaiMessage(message: JsonObject): JsonObject {
  if (typeof message["role"] === "string") return message;
  const type = typeof message["type"] === "string" ? message["type"] : "human";
  const inner = "content" in message ? message : objectOf(message["data"]);
  const calls = objectOf(inner["additional_kwargs"])["tool_calls"];
  return {
    role: ROLES[type] ?? type,
    content: inner["content"] ?? "",
    ...(calls === undefined ? {} : { tool_calls: calls }),
    ...(typeof inner["tool_call_id"] === "string" ? { tool_call_id: inner["tool_call_id"] } : {}),
  };
}

/** The only text of an object; else all of it as JSON. */
function textOf(value: JsonObject): string {
  const values = Object.values(value);
  const [only] = values;
  return values.length === 1 && typeof only === "string" ? only : JSON.stringify(value);
}

function cellOf(value: JsonValue | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function lines(values: readonly JsonObject[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

function invalid(why: string): CounterfoilError {
  return new CounterfoilError("CF_REQUEST_INVALID", `The CSV can't be made into examples: ${why}.`);
}
