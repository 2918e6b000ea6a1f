import { parseRunJson, type RunFields, type RunValue, writeRunJson } from "./json-text.js";
import { isRunId, isUuidAt, UUID_CHARS } from "./ids.js";
import { scanObject } from "./json-scan.js";
import type { RunAttachment } from "./run-span.js";
import { runTimeNanos } from "./time.js";

const [QUOTE, BACKSLASH, LIST, OBJECT] = [34, 92, 91, 123];
const NULL = 110;

/** Names that runs have: one string for all of them, so that looking for one compares pointers. */
const NAMES = [
  "id",
  "trace_id",
  "dotted_order",
  "parent_run_id",
  "name",
  "run_type",
  "session_name",
  "session_id",
  "start_time",
  "end_time",
  "tags",
  "reference_example_id",
  "error",
  "inputs",
  "outputs",
  "events",
  "extra",
  "serialized",
  "status",
  "manifest_id",
  "child_run_ids",
  "metadata",
  "runtime",
  "thread_id",
  "ls_provider",
  "ls_model_name",
  "ls_model_type",
  "ls_temperature",
  "ls_method",
  "revision_id",
  "usage_metadata",
  "invocation_params",
];
const names = new Map<number, { readonly text: string; readonly bytes: Uint8Array }[]>();
for (const text of NAMES) {
  const bytes = Buffer.from(text);
  const slot = slotOf(bytes, 0, bytes.length);
  names.set(slot, [...(names.get(slot) ?? []), { text, bytes }]);
}

function slotOf(bytes: Uint8Array, start: number, end: number): number {
  return ((end - start) << 16) | ((bytes[start] as number) << 8) | (bytes[end - 1] as number);
}

/** More fields than any run has: then a map is worth its memory, and hostile objects stay linear. */
const LISTED_MAX = 32;
const PLACES = 3;

/**
 * The fields of a JSON object as they came: names, and where in `bytes` each value is. The bytes are not taken apart, so
 * numbers and texts stay what they were. As in JavaScript the last of equal names counts, in the place of the first.
 */
export class RawFields {
  readonly names: string[] = [];
  /** Of each in turn: where its key's quotes begin (-1 when it is elsewhere), and start and end of its value. */
  readonly #places: number[] = [];
  #index: Map<string, number> | undefined;
  #times: readonly [start: bigint | undefined, end: bigint | undefined] | undefined;

  constructor(readonly bytes: Buffer) {}

  /** The number of a field; -1 when there is none. */
  find(name: string): number {
    const { names: own } = this;
    if (own.length <= LISTED_MAX) {
      for (let at = 0; at < own.length; at++) if (own[at] === name) return at;
      return -1;
    }
    this.#index ??= new Map(own.map((each, at) => [each, at]));
    return this.#index.get(name) ?? -1;
  }

  /** `start` and `end` are those of a valid value in {@link bytes}, `key` those of its key with quotes right before it. */
  set(name: string, start: number, end: number, key = -1): void {
    const found = this.find(name);
    const at = found < 0 ? this.names.length : found;
    if (found < 0) {
      this.names.push(name);
      this.#index?.set(name, at);
    }
    this.#places[PLACES * at] = key;
    this.#places[PLACES * at + 1] = start;
    this.#places[PLACES * at + 2] = end;
  }

  /** Bytes of all values. */
  get size(): number {
    let size = 0;
    for (let at = 0; at < this.names.length; at++) size += this.length(at);
    return size;
  }

  /** Where its key begins, when it is right before the value; else -1. */
  key(at: number): number {
    return this.#places[PLACES * at] as number;
  }

  start(at: number): number {
    return this.#places[PLACES * at + 1] as number;
  }

  end(at: number): number {
    return this.#places[PLACES * at + 2] as number;
  }

  length(at: number): number {
    return this.end(at) - this.start(at);
  }

  isNull(at: number): boolean {
    return this.#starts(at, NULL);
  }

  isString(at: number): boolean {
    return this.#starts(at, QUOTE);
  }

  isList(at: number): boolean {
    return this.#starts(at, LIST);
  }

  isObject(at: number): boolean {
    return this.#starts(at, OBJECT);
  }

  #starts(at: number, byte: number): boolean {
    return at >= 0 && this.bytes[this.start(at)] === byte;
  }

  /** The same fields, in bytes of their own, and this one. */
  with(name: string, value: RunValue): RawFields {
    return mergeRawFields([this, rawFieldsOf({ [name]: value })]);
  }

  /** A field's JSON. */
  json(at: number): string {
    return this.bytes.toString("utf8", this.start(at), this.end(at));
  }

  /** A field's value, numbers kept. */
  value(name: string): RunValue | undefined {
    const at = this.find(name);
    if (at < 0) return undefined;
    const number = smallInteger(this.bytes, this.start(at), this.end(at));
    if (number >= 0) return number;
    return this.isString(at) ? this.text(name) : parseRunJson(this.json(at));
  }

  /** A field that is a string; undefined for any other, and when it is not there. */
  text(name: string): string | undefined {
    const at = this.find(name);
    if (at < 0 || !this.isString(at)) return undefined;
    const start = this.start(at) + 1;
    const end = this.end(at) - 1;
    if (hasEscape(this.bytes, start, end)) return JSON.parse(this.json(at)) as string;
    return this.bytes.toString("utf8", start, end);
  }

  /** A field that is a time, nanoseconds since 1970; undefined for anything else. Worked out once. */
  time(name: "start_time" | "end_time"): bigint | undefined {
    this.#times ??= [this.#time("start_time"), this.#time("end_time")];
    return this.#times[name === "start_time" ? 0 : 1];
  }

  #time(name: string): bigint | undefined {
    const value = this.value(name);
    return value === undefined || value === null ? undefined : runTimeNanos(value);
  }

  /** Whether a field is a UUID. */
  isUuid(at: number): boolean {
    if (!this.isString(at)) return false;
    const start = this.start(at) + 1;
    if (this.end(at) - 1 - start === UUID_CHARS && isUuidAt(this.bytes, start)) return true;
    return isRunId(this.text(this.names[at] as string));
  }
}

/** A run as it came. */
export interface RawRun {
  /** With `id` and `trace_id`, both UUIDs; everything else may be missing. */
  readonly fields: RawFields;
  readonly attachments: readonly RunAttachment[];
  /** The run, or its create, was in a record before this one. */
  readonly update?: boolean;
  /** It was imported out of LangSmith, so it does not go there. */
  readonly imported?: boolean;
}

/** Digits of an integer that a double surely keeps. */
const INT_DIGITS_MAX = 15;

/** The number that a range of digits is; -1 when it has anything else, or too many. */
export function smallInteger(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > INT_DIGITS_MAX) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Whether a string's content, without its quotes, is not the text itself. */
export function hasEscape(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] === BACKSLASH) return true;
  return false;
}

/**
 * The fields of the object in a range of valid UTF-8; undefined when it is another value. Throws SyntaxError when it is no
 * JSON, and CF_REQUEST_INVALID for what is nested too deep.
 */
export function readRawFields(bytes: Buffer, start: number, end: number): RawFields | undefined {
  const fields = new RawFields(bytes);
  const isObject = scanObject(bytes, start, end, (keyStart, keyEnd, valueStart, valueEnd) => {
    fields.set(fieldNameAt(bytes, keyStart, keyEnd), valueStart, valueEnd, keyStart - 1);
  });
  return isObject ? fields : undefined;
}

/** The name that is there without quotes: of known fields always the same string. */
export function fieldNameAt(bytes: Buffer, start: number, end: number): string {
  for (const { text, bytes: known } of names.get(slotOf(bytes, start, end)) ?? []) {
    let at = 0;
    while (at < known.length && known[at] === bytes[start + at]) at++;
    if (at === known.length) return text;
  }
  if (hasEscape(bytes, start, end)) return JSON.parse(bytes.toString("utf8", start - 1, end + 1)) as string;
  return bytes.toString("utf8", start, end);
}

/** The same of values. */
export function rawFieldsOf(fields: RunFields): RawFields {
  const bytes = Buffer.from(writeRunJson(fields));
  return readRawFields(bytes, 0, bytes.length) ?? new RawFields(bytes);
}

/** The same fields; in bytes of their own when they are in those of many runs, which they would keep in memory. */
export function ownRawFields(fields: RawFields): RawFields {
  return fields.bytes.length > 2 * fields.size ? mergeRawFields([fields]) : fields;
}

/** Fields of several objects in one, with bytes of its own: those of later ones win where `wins` says so. */
export function mergeRawFields(
  layers: readonly RawFields[],
  wins: (layer: RawFields, at: number) => boolean = () => true,
): RawFields {
  const chosen = new Map<string, { readonly layer: RawFields; readonly at: number }>();
  let size = 0;
  for (const layer of layers) {
    for (const [at, name] of layer.names.entries()) {
      if (!chosen.has(name) || wins(layer, at)) chosen.set(name, { layer, at });
    }
  }
  for (const { layer, at } of chosen.values()) size += layer.end(at) - layer.start(at);
  const merged = new RawFields(Buffer.allocUnsafeSlow(size));
  let to = 0;
  for (const [name, { layer, at }] of chosen) {
    const start = to;
    to += layer.bytes.copy(merged.bytes, to, layer.start(at), layer.end(at));
    merged.set(name, start, to);
  }
  return merged;
}
