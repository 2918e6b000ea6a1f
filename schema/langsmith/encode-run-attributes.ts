import { encodeMessage } from "../otlp/encode.js";
import type { AnyValue } from "../otlp/types.js";
import { WIRE_BYTES, WIRE_VARINT } from "../otlp/wire-reader.js";
import { WireWriter } from "../otlp/wire-writer.js";
import { JsonText, parseRunJson, writeRunJson } from "./json-text.js";
import { scanElements } from "./json-scan.js";
import { type RawFields, type RawRun, readRawFields, smallInteger } from "./raw-fields.js";
import { writeRawString, writeRawText } from "./raw-string.js";
import {
  ATTR_IMPORT,
  ATTR_INPUTS,
  ATTR_LANGSMITH_RUN,
  ATTR_LANGSMITH_SPAN_ID,
  ATTR_METADATA_PREFIX,
  ATTR_MODEL,
  ATTR_OUTPUTS,
  ATTR_TAGS,
  ATTR_TIME_TO_FIRST_CHUNK,
  ATTR_TOOL_NAME,
  ATTR_UPDATE,
  ATTR_USAGE,
  attachmentAttribute,
  firstTokenSeconds,
  RUN_TEXTS,
  scalarValue,
} from "./run-span.js";

const SPAN_ATTRIBUTES = 9;
const ANY_STRING = 1;
const ANY_BOOL = 2;
const ANY_INT = 3;
const ANY_ARRAY = 5;
const ARRAY_VALUES = 1;
const [QUOTE, COMMA, OPEN, CLOSE] = [34, 44, 123, 125];
const [TRUE, FALSE] = [116, 102];

/** A key as a KeyValue has it, with its tag and length. */
function wireKey(key: string): Uint8Array {
  const writer = new WireWriter();
  writer.string(key);
  writer.tag(1, WIRE_BYTES);
  return writer.finish();
}

const KEYS = {
  run: wireKey(ATTR_LANGSMITH_RUN),
  inputs: wireKey(ATTR_INPUTS),
  outputs: wireKey(ATTR_OUTPUTS),
  usage: wireKey(ATTR_USAGE),
  tags: wireKey(ATTR_TAGS),
  update: wireKey(ATTR_UPDATE),
  import: wireKey(ATTR_IMPORT),
  firstChunk: wireKey(ATTR_TIME_TO_FIRST_CHUNK),
  model: wireKey(ATTR_MODEL),
  toolName: wireKey(ATTR_TOOL_NAME),
  id: wireKey(ATTR_LANGSMITH_SPAN_ID),
};
const TEXTS = RUN_TEXTS.map(([field, key]) => ({ field, key: wireKey(key) }));
const METADATA = Buffer.from(ATTR_METADATA_PREFIX);
const USAGE_WORD = Buffer.from('"usage_metadata"');
const FIRST_TOKEN_WORD = Buffer.from('"new_token"');

/** Writes the attributes of a run's span, the last one first; as `runToSpan` has them. */
export function writeRunAttributes(writer: WireWriter, run: RawRun, start: bigint): void {
  const { fields } = run;
  if (run.imported === true) writeValue(writer, KEYS.import, { stringValue: "langsmith" });
  if (run.update === true) writeValue(writer, KEYS.update, { boolValue: true });
  for (const { key, value } of attachmentAttribute(run.attachments)) {
    writeValue(writer, wireKey(key), value ?? {});
  }
  writeJson(writer, KEYS.outputs, fields, fields.find("outputs"));
  writeJson(writer, KEYS.inputs, fields, fields.find("inputs"));
  writeFirstToken(writer, fields, start);
  const extra = objectIn(fields, "extra");
  const metadata = extra && objectIn(extra, "metadata");
  writeUsage(writer, fields, metadata);
  writeModel(writer, fields, extra, metadata);
  if (metadata !== undefined) writeMetadata(writer, metadata);
  writeTags(writer, fields);
  if (fields.text("run_type") === "tool") writeText(writer, KEYS.toolName, fields, fields.find("name"));
  for (let at = TEXTS.length - 1; at >= 0; at--) {
    const { field, key } = TEXTS[at] as (typeof TEXTS)[number];
    writeText(writer, key, fields, fields.find(field));
  }
  const before = writer.written;
  writeRest(writer, fields);
  writer.lengthSince(before);
  writer.tag(ANY_STRING, WIRE_BYTES);
  closeAttribute(writer, KEYS.run, before);
}

/** What comes before an AnyValue of which the content was written since `before`. */
function closeAttribute(writer: WireWriter, key: Uint8Array, before: number): void {
  writer.lengthSince(before);
  writer.tag(2, WIRE_BYTES);
  writer.copy(key, 0, key.length);
  writer.lengthSince(before);
  writer.tag(SPAN_ATTRIBUTES, WIRE_BYTES);
}

function writeValue(writer: WireWriter, key: Uint8Array, value: AnyValue): void {
  const before = writer.written;
  const bytes = encodeMessage("AnyValue", value);
  writer.copy(bytes, 0, bytes.length);
  closeAttribute(writer, key, before);
}

/** A field that is a string as an attribute; any other is none. */
function writeText(writer: WireWriter, key: Uint8Array, fields: RawFields, at: number): void {
  if (!fields.isString(at)) return;
  const before = writer.written;
  writeRawString(writer, fields, at);
  writer.tag(ANY_STRING, WIRE_BYTES);
  closeAttribute(writer, key, before);
}

/** A field's JSON as the text of an attribute; null is none. */
function writeJson(writer: WireWriter, key: Uint8Array, fields: RawFields, at: number): void {
  if (at < 0 || fields.isNull(at)) return;
  const before = writer.written;
  writer.copy(fields.bytes, fields.start(at), fields.end(at));
  writer.varint(fields.length(at));
  writer.tag(ANY_STRING, WIRE_BYTES);
  closeAttribute(writer, key, before);
}

/** The run's JSON without inputs and outputs; a null says something, too, and stays. */
function writeRest(writer: WireWriter, fields: RawFields): void {
  const { bytes } = fields;
  writer.byte(CLOSE);
  let isLast = true;
  for (let at = fields.names.length - 1; at >= 0; at--) {
    if (isElsewhere(fields, at)) continue;
    if (!isLast) writer.byte(COMMA);
    isLast = false;
    const end = fields.end(at);
    // Neighbours that came side by side go as one.
    while (at > 0 && follows(fields, at) && !isElsewhere(fields, at - 1)) at--;
    const start = fields.key(at);
    writer.copy(bytes, start < 0 ? fields.start(at) : start, end);
    if (start >= 0) continue;
    const key = jsonKey(fields.names[at] as string);
    writer.copy(key, 0, key.length);
  }
  writer.byte(OPEN);
}

/** Whether a field is an attribute of its own, and nothing else. */
function isElsewhere(fields: RawFields, at: number): boolean {
  const name = fields.names[at];
  return (name === "inputs" || name === "outputs") && !fields.isNull(at);
}

/** Whether only a comma is between a field and the one before it. */
function follows(fields: RawFields, at: number): boolean {
  const start = fields.key(at);
  return start > 0 && fields.key(at - 1) >= 0 && fields.end(at - 1) === start - 1;
}

/** `"name":` by name. Clients use few; senders must not be able to fill memory with them. */
const jsonKeys = new Map<string, Uint8Array>();
const JSON_KEYS_MAX = 256;

function jsonKey(name: string): Uint8Array {
  const known = jsonKeys.get(name);
  if (known !== undefined) return known;
  const key = Buffer.from(`${JSON.stringify(name)}:`);
  if (jsonKeys.size === JSON_KEYS_MAX) jsonKeys.clear();
  jsonKeys.set(name, key);
  return key;
}

function writeTags(writer: WireWriter, fields: RawFields): void {
  const at = fields.find("tags");
  if (!fields.isList(at)) return;
  const ends: number[] = [];
  scanElements(fields.bytes, fields.start(at), (start, end) => void ends.push(start, end));
  if (ends.length === 0) return;
  const before = writer.written;
  for (let place = ends.length - 2; place >= 0; place -= 2) {
    const [start, end] = [ends[place] as number, ends[place + 1] as number];
    const value = writer.written;
    if (fields.bytes[start] === QUOTE) writeRawText(writer, fields.bytes, start, end);
    else writer.string(writeRunJson(parseRunJson(fields.bytes.toString("utf8", start, end))));
    writer.tag(ANY_STRING, WIRE_BYTES);
    writer.lengthSince(value);
    writer.tag(ARRAY_VALUES, WIRE_BYTES);
  }
  writer.lengthSince(before);
  writer.tag(ANY_ARRAY, WIRE_BYTES);
  closeAttribute(writer, KEYS.tags, before);
}

function writeMetadata(writer: WireWriter, metadata: RawFields): void {
  const { names } = metadata;
  for (let at = names.length - 1; at >= 0; at--) {
    const name = names[at] as string;
    if (metadata.isNull(at) || name === "usage_metadata") continue;
    const before = writer.written;
    writeScalar(writer, metadata, at);
    writer.lengthSince(before);
    writer.tag(2, WIRE_BYTES);
    const key = writer.written;
    writer.text(name);
    writer.copy(METADATA, 0, METADATA.length);
    writer.lengthSince(key);
    writer.tag(1, WIRE_BYTES);
    writer.lengthSince(before);
    writer.tag(SPAN_ATTRIBUTES, WIRE_BYTES);
  }
}

/** The content of a value's AnyValue: texts, small integers and truths as they are, all else as `runToSpan` makes it. */
function writeScalar(writer: WireWriter, fields: RawFields, at: number): void {
  const { bytes } = fields;
  const start = fields.start(at);
  const first = bytes[start];
  if (first === QUOTE) {
    writeRawString(writer, fields, at);
    writer.tag(ANY_STRING, WIRE_BYTES);
  } else if (first === TRUE || first === FALSE) {
    writer.bool(first === TRUE);
    writer.tag(ANY_BOOL, WIRE_VARINT);
  } else {
    const count = smallInteger(bytes, start, fields.end(at));
    if (count >= 0) {
      writer.varint(count);
      writer.tag(ANY_INT, WIRE_VARINT);
    } else {
      const value = encodeMessage("AnyValue", scalarValue(parseRunJson(fields.json(at)) ?? ""));
      writer.copy(value, 0, value.length);
    }
  }
}

/** The model in the call's parameters, unless the metadata has it. */
function writeModel(
  writer: WireWriter,
  fields: RawFields,
  extra: RawFields | undefined,
  metadata: RawFields | undefined,
): void {
  if (extra === undefined || fields.text("run_type") !== "llm") return;
  if (metadata !== undefined && metadata.find("ls_model_name") >= 0) return;
  const params = objectIn(extra, "invocation_params");
  if (params === undefined) return;
  const model = ["model", "model_name"].map((name) => params.find(name)).find((at) => params.isString(at));
  if (model !== undefined) writeText(writer, KEYS.model, params, model);
}

/** Token counts, where LangSmith's clients put them: in the outputs, else in the metadata. */
function writeUsage(writer: WireWriter, fields: RawFields, metadata: RawFields | undefined): void {
  // Outputs are large, and mostly without: they are taken apart only when the word is there.
  const outputs = holds(fields, "outputs", USAGE_WORD) ? objectIn(fields, "outputs") : undefined;
  for (const from of [outputs, metadata]) {
    const at = from?.find("usage_metadata") ?? -1;
    if (from !== undefined && from.isObject(at)) return writeJson(writer, KEYS.usage, from, at);
  }
}

function writeFirstToken(writer: WireWriter, fields: RawFields, start: bigint): void {
  if (!holds(fields, "events", FIRST_TOKEN_WORD)) return;
  const first = firstTokenSeconds(new JsonText(fields.json(fields.find("events"))), start);
  if (first !== undefined) writeValue(writer, KEYS.firstChunk, { doubleValue: first });
}

/** Whether a field's JSON has these bytes in it. */
function holds(fields: RawFields, name: string, word: Buffer): boolean {
  const at = fields.find(name);
  if (at < 0 || fields.length(at) < word.length) return false;
  return fields.bytes.subarray(fields.start(at), fields.end(at)).includes(word);
}

/** The fields of a field that is an object. */
function objectIn(fields: RawFields, name: string): RawFields | undefined {
  const at = fields.find(name);
  return fields.isObject(at) ? readRawFields(fields.bytes, fields.start(at), fields.end(at)) : undefined;
}
