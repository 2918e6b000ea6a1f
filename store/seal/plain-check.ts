import {
  DIALECTS,
  OPERATION_RUN_TYPES,
  OPERATION_ALIASES,
  PROVIDERS,
  MODEL_MAKERS,
  providerOfModel,
  SPAN_RULES,
  toFinishReason,
} from "../../schema/index.js";
import { type AttributeList, TYPE_ARRAY, TYPE_DOUBLE, TYPE_INT, TYPE_STRING } from "./attribute-list.js";
import { KeyTable } from "./key-table.js";
import { IN_SCRATCH } from "./scratch.js";

/** How far into a text the byte path looks for the marks of the conventions' shape. */
const MARK_BYTES = 256;
const PARTS = Buffer.from('"parts"');
const ID = Buffer.from('"id"');
const FOREIGN_TOOLS = ['"function":', '"function" :', '"inputSchema"', '"input_schema"'].map((text) =>
  Buffer.from(text),
);

const operations = new KeyTable(
  Object.keys(OPERATION_RUN_TYPES).filter((name) => !Object.hasOwn(OPERATION_ALIASES, name)),
);
const providers = new KeyTable(PROVIDERS);
const makers = Object.entries(MODEL_MAKERS).map(([start, provider]) => ({
  start: Buffer.from(start),
  provider,
}));

/** Words of one finish reason, and the whole array of one as the wire writes it. */
const WORDS = [
  "stop",
  "length",
  "content_filter",
  "tool_call",
  "error",
  "tool_calls",
  "tool-calls",
  "end_turn",
  "tool_use",
  "max_tokens",
  "STOP",
  "MAX_TOKENS",
];
const wireArrays = new KeyTable(
  WORDS.map((word) => {
    const n = word.length;
    return Buffer.from([42, n + 4, 10, n + 2, 10, n, ...Buffer.from(word)]).toString("latin1");
  }),
);

/** JSON text of each of {@link WORDS} as the conventions' word, by its number. */
export const FINISH_REASON_TEXTS: readonly string[] = WORDS.map((word) =>
  JSON.stringify([toFinishReason(word)]),
);
/** Whether the text of that word is what the attribute itself says. */
export const IS_FINISH_REASON: readonly boolean[] = WORDS.map((word) => toFinishReason(word) === word);

/** Values by which other dialects are known. */
const tellingAgents = new KeyTable(
  DIALECTS.flatMap(({ detect }) => detect.values?.["gen_ai.agent.name"] ?? []),
);

const CHECKS: Readonly<Record<string, (list: AttributeList, at: number) => boolean>> = {
  operation: (list, at) => isOneOf(operations, list, at),
  provider: (list, at) => isOneOf(providers, list, at),
  agent_name: (list, at) => isSomeText(list, at) && !isOneOf(tellingAgents, list, at),
  finish_reasons: (list, at) => finishReason(list, at) >= 0,
  tags: () => false,
  input_messages: (list, at) => isList(list, at) && hasMark(list, at, PARTS),
  output_messages: (list, at) => isList(list, at) && hasMark(list, at, PARTS),
  retrieval_documents: (list, at) => isList(list, at) && hasMark(list, at, ID),
  system_instructions: (list, at) => isList(list, at),
  tool_definitions: (list, at) => isList(list, at) && !FOREIGN_TOOLS.some((mark) => hasMark(list, at, mark)),
  tool_arguments: isStructured,
  tool_result: isStructured,
};

const checks = SPAN_RULES.map(({ column, shape }) => {
  const own = CHECKS[column];
  if (own !== undefined) return own;
  if (shape === "int")
    return (list: AttributeList, at: number): boolean => list.type[at] === TYPE_INT && list.hi[at] === 0;
  if (shape === "text") return isSomeText;
  return (list: AttributeList, at: number): boolean =>
    list.type[at] === TYPE_DOUBLE || list.type[at] === TYPE_INT;
});

/** Whether the attribute that would fill a rule's column fills it as it is: else the full rules read the span. */
export function isPlain(rule: number, list: AttributeList, at: number): boolean {
  return (checks[rule] as (list: AttributeList, at: number) => boolean)(list, at);
}

/** The number of the word in an array of one finish reason; -1 when it is anything else. */
export function finishReason(list: AttributeList, at: number): number {
  if (list.type[at] !== TYPE_ARRAY) return -1;
  return wireArrays.find(list.reader.bytes, list.valueOffset[at] as number, list.valueLength[at] as number);
}

/** Providers by the number that {@link makerOf} gives. */
export const MAKERS: readonly string[] = makers.map(({ provider }) => provider);

/**
 * The provider that a model's name tells: an index into {@link MAKERS}, -1 when it tells none, -2 for what only the rules
 * can read.
 */
export function makerOf(list: AttributeList, at: number): number {
  const offset = list.valueOffset[at] as number;
  const length = list.valueLength[at] as number;
  if (list.type[at] !== TYPE_STRING || offset >= IN_SCRATCH || length > MODEL_BYTES_MAX) return -2;
  const { bytes } = list.reader;
  for (let i = 0; i < makers.length; i++) {
    const { start } = makers[i] as (typeof makers)[number];
    if (length >= start.length && isAt(bytes, offset, start)) return i;
  }
  return makerOfOther(bytes, offset, length);
}

/** Models that no maker's own spelling begins, and what the rules say of them: asked once, as a rule costs 20 us. */
const others: { readonly name: Uint8Array; readonly maker: number }[] = [];
/** Few are in use at a time; senders must not be able to fill memory with them, nor time with looking through them. */
const OTHERS_MAX = 64;
const MODEL_BYTES_MAX = 256;

function makerOfOther(bytes: Uint8Array, offset: number, length: number): number {
  for (const { name, maker } of others) {
    if (name.length === length && isAt(bytes, offset, name)) return maker;
  }
  const name = Buffer.from(bytes.subarray(offset, offset + length));
  const maker = MAKERS.indexOf(providerOfModel(name.toString()) ?? "");
  if (others.length === OTHERS_MAX) others.length = 0;
  others.push({ name, maker });
  return maker;
}

/** Compares from the end, where names differ. */
function isAt(bytes: Uint8Array, offset: number, text: Uint8Array): boolean {
  let at = text.length - 1;
  while (at >= 0 && bytes[offset + at] === text[at]) at--;
  return at < 0;
}

function isOneOf(table: KeyTable, list: AttributeList, at: number): boolean {
  const offset = list.valueOffset[at] as number;
  return (
    list.type[at] === TYPE_STRING &&
    offset < IN_SCRATCH &&
    table.find(list.reader.bytes, offset, list.valueLength[at] as number) >= 0
  );
}

/** An empty text may say nothing, and leave the column to another source. */
function isSomeText(list: AttributeList, at: number): boolean {
  return list.type[at] === TYPE_STRING && (list.valueLength[at] as number) > 0;
}

/** A text between the brackets of a list of objects. What is cut off or no JSON does not end like that. */
function isList(list: AttributeList, at: number): boolean {
  const start = list.valueOffset[at] as number;
  const end = start + (list.valueLength[at] as number);
  if (list.type[at] !== TYPE_STRING || start >= IN_SCRATCH || end - start < 4) return false;
  const { bytes } = list.reader;
  return bytes[start] === 91 && bytes[start + 1] === 123 && bytes[end - 2] === 125 && bytes[end - 1] === 93;
}

function isStructured(list: AttributeList, at: number): boolean {
  const start = list.valueOffset[at] as number;
  const end = start + (list.valueLength[at] as number);
  if (list.type[at] !== TYPE_STRING || start >= IN_SCRATCH || end - start < 2) return false;
  const { bytes } = list.reader;
  return (bytes[start] === 123 && bytes[end - 1] === 125) || (bytes[start] === 91 && bytes[end - 1] === 93);
}

function hasMark(list: AttributeList, at: number, mark: Uint8Array): boolean {
  const { bytes } = list.reader;
  const start = list.valueOffset[at] as number;
  const last = start + Math.min(list.valueLength[at] as number, MARK_BYTES) - mark.length;
  for (let from = start; from <= last; from++) {
    let i = 0;
    while (i < mark.length && bytes[from + i] === mark[i]) i++;
    if (i === mark.length) return true;
  }
  return false;
}
