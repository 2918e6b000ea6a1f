import type { ValueShape } from "../../schema/index.js";
import type { AnyJsonWriter } from "./any-json.js";
import { base64 } from "./any-json.js";
import {
  type AttributeList,
  TYPE_ABSENT,
  TYPE_ARRAY,
  TYPE_BOOL,
  TYPE_BYTES,
  TYPE_DOUBLE,
  TYPE_EMPTY,
  TYPE_INT,
  TYPE_STRING,
} from "./attribute-list.js";
import { doubleOf, doubleText, IN_SCRATCH } from "./scratch.js";

const INTEGER_TEXT = /^-?\d{1,15}$/;
const NUMBER_TEXT = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NUMBER_TEXT_MAX = 40;
const TAG_ARRAY = 42;
const TAG_ELEMENT = 10;
const TAG_STRING = 10;
const CANONICAL_NAN_HIGH = 0x7ff8_0000;

/**
 * The text of one attribute of a list, the same wherever it goes (MAP or column): strings as they are, numbers and
 * booleans as text, arrays and maps as JSON, bytes as base64.
 */
export class AttributeText {
  /** Where the last located text is (tagged when in the scratch), and its length in bytes. */
  offset = 0;
  length = 0;
  /** False once a text was made that the value can't be had back from. */
  exact = true;

  constructor(
    readonly list: AttributeList,
    readonly jsonWriter: AnyJsonWriter,
  ) {}

  reset(): void {
    this.exact = true;
  }

  /** Whether an attribute's value can fill a column of that shape. */
  usable(at: number, shape: ValueShape): boolean {
    const type = this.list.type[at];
    if (type === TYPE_EMPTY || type === TYPE_ABSENT) return false;
    if (shape === "text" || shape === "json") return true;
    if (shape === "strings") return type === TYPE_STRING || type === TYPE_ARRAY;
    if (shape === "int") {
      if (type === TYPE_INT) return true;
      if (type === TYPE_DOUBLE) return Number.isSafeInteger(this.number(at));
      return type === TYPE_STRING && INTEGER_TEXT.test(this.#shortString(at));
    }
    return Number.isFinite(this.number(at));
  }

  /** A numeric attribute's value, or a numeric string's; NaN when it is neither. Integers beyond 2^53 are rounded. */
  number(at: number): number {
    const { list } = this;
    const type = list.type[at];
    const lo = list.lo[at] as number;
    const hi = list.hi[at] as number;
    if (type === TYPE_INT) return (hi | 0) * 0x1_0000_0000 + lo;
    if (type === TYPE_DOUBLE) return doubleOf(lo, hi);
    if (type !== TYPE_STRING) return Number.NaN;
    const text = this.#shortString(at);
    return NUMBER_TEXT.test(text) ? Number(text) : Number.NaN;
  }

  /** Finds or makes the text of an attribute that has a value. */
  locate(at: number): void {
    const { list } = this;
    const { scratch } = list;
    const type = list.type[at];
    if (type === TYPE_STRING) {
      this.offset = list.valueOffset[at] as number;
      this.length = list.valueLength[at] as number;
      return;
    }
    const start = scratch.length;
    if (type === TYPE_INT) scratch.int64(list.lo[at] as number, list.hi[at] as number);
    else if (type === TYPE_DOUBLE) this.#double(at);
    else if (type === TYPE_BOOL) scratch.ascii(list.lo[at] !== 0 || list.hi[at] !== 0 ? "true" : "false");
    else if (type === TYPE_BYTES) {
      const from = list.valueOffset[at] as number;
      scratch.ascii(base64(list.reader.bytes, from, from + (list.valueLength[at] as number)));
    } else this.#structured(at);
    this.offset = start + IN_SCRATCH;
    this.length = scratch.length - start;
  }

  /** Writes an attribute as a JSON value into the scratch, for objects made of several attributes. */
  json(at: number): void {
    const { list } = this;
    const { scratch } = list;
    const type = list.type[at];
    if (type === TYPE_STRING || type === TYPE_BYTES) {
      this.locate(at);
      const inScratch = this.offset >= IN_SCRATCH;
      const start = inScratch ? this.offset - IN_SCRATCH : this.offset;
      if (type === TYPE_STRING) {
        scratch.jsonString(inScratch ? scratch.bytes : list.reader.bytes, start, this.length);
        return;
      }
      scratch.length = start;
      scratch.ascii(`"${base64(list.reader.bytes, list.valueOffset[at] as number, this.#valueEnd(at))}"`);
    } else if (type === TYPE_EMPTY || type === TYPE_ABSENT) scratch.ascii("null");
    else if (type === TYPE_DOUBLE && !Number.isFinite(this.number(at))) {
      scratch.ascii(`"${String(this.number(at))}"`);
    } else this.locate(at);
  }

  /** Whether the attribute's text is itself a JSON array of strings, so that a `strings` column holds it verbatim. */
  isStringArrayText(at: number): boolean {
    const { list } = this;
    if (list.type[at] === TYPE_ARRAY) return this.#holdsOnlyStrings(at);
    const text = this.#string(at);
    if (!text.startsWith("[")) return false;
    const parsed = parseJson(text);
    return Array.isArray(parsed) && parsed.every((item) => typeof item === "string");
  }

  /** Makes a JSON array of strings of any other array, JSON array text or comma-separated text. */
  locateStrings(at: number): void {
    const { list } = this;
    const start = list.scratch.length;
    let items: string[];
    if (list.type[at] === TYPE_ARRAY) {
      this.#structured(at);
      const parsed = parseJson(list.scratch.slice(start, list.scratch.length));
      list.scratch.length = start;
      items = Array.isArray(parsed) ? parsed.map(itemText) : [];
    } else {
      const text = this.#string(at);
      const parsed = text.startsWith("[") ? parseJson(text) : undefined;
      items = Array.isArray(parsed)
        ? parsed.map(itemText)
        : text
            .split(",")
            .map((item) => item.trim())
            .filter((item) => item !== "");
    }
    list.scratch.text(JSON.stringify(items));
    this.offset = start + IN_SCRATCH;
    this.length = list.scratch.length - start;
  }

  #double(at: number): void {
    const value = this.number(at);
    // Another NaN than the usual one has bits that its text doesn't show.
    if (Number.isNaN(value) && (this.list.hi[at] !== CANONICAL_NAN_HIGH || this.list.lo[at] !== 0)) {
      this.exact = false;
    }
    this.list.scratch.ascii(Number.isFinite(value) ? doubleText(value) : String(value));
  }

  #structured(at: number): void {
    const from = this.list.valueOffset[at] as number;
    const writer = this.jsonWriter;
    const before = writer.exact;
    writer.exact = true;
    writer.value(from, this.#valueEnd(at));
    if (!writer.exact) this.exact = false;
    writer.exact = before;
  }

  /** Whether an array has only string elements, each of the usual form: one field and nothing else. */
  #holdsOnlyStrings(at: number): boolean {
    const { reader } = this.list;
    const end = this.#valueEnd(at);
    reader.pos = this.list.valueOffset[at] as number;
    if (reader.varint32() !== TAG_ARRAY || reader.fieldEnd(end) !== end) return false;
    while (reader.pos < end) {
      if (reader.varint32() !== TAG_ELEMENT) return false;
      const stop = reader.fieldEnd(end);
      if (reader.pos === stop || reader.varint32() !== TAG_STRING || reader.fieldEnd(stop) !== stop)
        return false;
      reader.pos = stop;
    }
    return true;
  }

  #valueEnd(at: number): number {
    return (this.list.valueOffset[at] as number) + (this.list.valueLength[at] as number);
  }

  #string(at: number): string {
    const offset = this.list.valueOffset[at] as number;
    const inScratch = offset >= IN_SCRATCH;
    const bytes = inScratch ? this.list.scratch.bytes : this.list.reader.bytes;
    const start = inScratch ? offset - IN_SCRATCH : offset;
    const length = this.list.valueLength[at] as number;
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, length).toString("utf8");
  }

  #shortString(at: number): string {
    return (this.list.valueLength[at] as number) > NUMBER_TEXT_MAX ? "" : this.#string(at);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function itemText(item: unknown): string {
  return typeof item === "string" ? item : JSON.stringify(item);
}
