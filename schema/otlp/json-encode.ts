import { ANY_VALUE_DEPTH_MAX } from "../limits.js";
import { COMPILED, ROOTS, type Field, type Message, type Plain } from "./compiled.js";
import { WRITE_JSON } from "./json-scalars.js";
import { tooDeep } from "./malformed.js";
import type { MessageName, MessageTypes } from "./messages.js";
import type { KeyValue, Signal, SignalData } from "./types.js";

/** Messages whose one list is written even when empty: `{"resourceSpans":[]}`, `{"arrayValue":{"values":[]}}`. */
const KEEPS_EMPTY_LIST = new Set<MessageName>([
  "TracesData",
  "LogsData",
  "MetricsData",
  "ArrayValue",
  "KeyValueList",
]);

/**
 * Encodes one request as OTLP/JSON on one line (which is also a line of the OTLP file format): lowerCamelCase, ids in
 * hex, enums as numbers, 64-bit integers and NaN or infinite doubles as strings. Default scalars are left out.
 * @throws CF_OTLP_TOO_DEEP beyond ANY_VALUE_DEPTH_MAX nested values.
 */
export function encodeOtlpJson<S extends Signal>(signal: S, data: SignalData[S]): string {
  return messageText(ROOTS[signal], data as unknown as Plain, 0);
}

/** One message of OTLP as OTLP/JSON text: a data point, a resource, an exemplar. */
export function encodeMessageJson<M extends MessageName>(name: M, value: MessageTypes[M]): string {
  return messageText(COMPILED[name], value as unknown as Plain, 0);
}

function messageText(message: Message, value: Plain, depth: number): string {
  const inside = message.container ? depth + 1 : depth;
  if (inside > ANY_VALUE_DEPTH_MAX) throw tooDeep(ANY_VALUE_DEPTH_MAX, "in the data to encode");
  let text = "";
  for (const field of message.fields) {
    const member = value[field.name];
    if (member === undefined || (isDefault(member) && field.implicit)) continue;
    if (field.repeated && (member as unknown[]).length === 0 && !KEEPS_EMPTY_LIST.has(message.name)) continue;
    const written = field.repeated
      ? `[${(member as unknown[]).map((item) => single(field, item, inside)).join(",")}]`
      : single(field, member, inside);
    text += `${text === "" ? "" : ","}"${field.name}":${written}`;
  }
  return `{${text}}`;
}

function single(field: Field, value: unknown, depth: number): string {
  if (field.message === COMPILED.KeyValue) return keyValueText(value as KeyValue, depth);
  if (field.message !== undefined) return messageText(field.message, value as Plain, depth);
  return WRITE_JSON[field.scalar ?? "string"](value as never);
}

/** Attributes are most of a request, and most hold a string: by hand, with the same result as the table's. */
function keyValueText({ key, value }: KeyValue, depth: number): string {
  const keyText = key === "" ? "" : `"key":${JSON.stringify(key)}`;
  if (value === undefined) return `{${keyText}}`;
  const valueText =
    value.stringValue === undefined
      ? messageText(COMPILED.AnyValue, value as unknown as Plain, depth)
      : `{"stringValue":${JSON.stringify(value.stringValue)}}`;
  return `{${keyText}${keyText === "" ? "" : ","}"value":${valueText}}`;
}

function isDefault(value: unknown): boolean {
  return Object.is(value, 0) || value === "" || value === 0n || value === false;
}
