import { randomUUID } from "node:crypto";
import { CounterfoilError } from "../errors.js";
import { RUN_JSON_DEPTH_MAX } from "../limits.js";

/** A JSON value of a run. A {@link JsonText} stands for the value that its text is. */
export type RunValue = string | number | boolean | null | JsonText | RunValue[] | { [key: string]: RunValue };

/** A run as LangSmith's clients send it, whole or in part; fields that are unknown here are kept as any other. */
export type RunFields = { [field: string]: RunValue };

/**
 * Stands before the text of a {@link JsonText} where plain `JSON.stringify` has written it as a string. Nobody outside of
 * this process can know it, so no content can be taken for it.
 */
const MARK = `~json-${randomUUID()}~`;
const MARKED = new RegExp(`"${MARK}((?:[^"\\\\]|\\\\.)*)"`, "g");
/** Nothing needs to be looked for before the first one was written. */
let marksWritten = false;

/**
 * JSON that stays the text that it came as: numbers that JavaScript would round, and whole inputs and outputs, which
 * nothing here needs to take apart. {@link writeRunJson} writes the text as it is.
 */
export class JsonText {
  /** `text` is valid JSON. */
  constructor(readonly text: string) {}

  /** As a value, parsed anew each time: what is kept takes the memory of its text alone. A number is this itself. */
  parse(): RunValue {
    return parseRunJson(this.text);
  }

  toJSON(): string {
    marksWritten = true;
    return MARK + this.text;
  }
}

/**
 * Parses JSON without rounding: a number that JavaScript does not hold as it was written is a {@link JsonText}. Throws
 * SyntaxError, and CF_REQUEST_INVALID for what is nested too deep. Costs a hundredth more than `JSON.parse` where no
 * number is long.
 */
export function parseRunJson(text: string): RunValue {
  const value = JSON.parse(text) as RunValue;
  const odd = oddNumbers(value, 0);
  if (odd === "none" && !hasLongNumber(text)) return value;
  if (odd === "zero" && !hasLongNumber(text) && !/\d[eE]-\d{3}/.test(text)) return value;
  const marked = markNumbers(text);
  return marked === text ? value : numbersKept(JSON.parse(marked) as RunValue);
}

/** Parses a whole part once, to know that it is JSON, and keeps its text. Throws as {@link parseRunJson}. */
export function jsonTextOf(text: string): RunValue {
  const value = JSON.parse(text) as RunValue;
  if (text.length > RUN_JSON_DEPTH_MAX) checkDepth(value, 0);
  return typeof value === "object" && value !== null ? new JsonText(text) : parseRunJson(text);
}

/** As `JSON.stringify`, with every {@link JsonText} as its text. */
export function writeRunJson(value: unknown): string {
  return write(value, WRITE_DEPTH);
}

/** The same of one object whose whole texts are fields of its own: quicker, as nothing below is looked at. */
export function writeRunFields(fields: RunFields): string {
  return write(fields, 1);
}

/** Where whole texts are: in fields of runs, which may be in a list that is in an object. */
const WRITE_DEPTH = 4;

/** Looks for whole texts so many objects and lists deep. */
function write(value: unknown, depth: number): string {
  if (value instanceof JsonText) return value.text;
  if (typeof value !== "object" || value === null || depth === 0) return plain(value);
  if (Array.isArray(value)) return `[${value.map((item) => write(item, depth - 1)).join(",")}]`;
  const pieces: string[] = [];
  let plainFields: [string, unknown][] = [];
  // Neighbours that are plain are written by one call: calls cost more than what they write.
  const writePlain = (): void => {
    const written = plain(Object.fromEntries(plainFields));
    if (written !== "{}") pieces.push(written.slice(1, -1));
    plainFields = [];
  };
  for (const entry of Object.entries(value)) {
    const [key, field] = entry;
    const isDeep = typeof field === "object" && field !== null && (depth > 1 || field instanceof JsonText);
    if (isDeep) {
      if (plainFields.length > 0) writePlain();
      pieces.push(`${JSON.stringify(key)}:${write(field, depth - 1)}`);
    } else plainFields.push(entry);
  }
  if (pieces.length === 0) return plain(value);
  if (plainFields.length > 0) writePlain();
  return `{${pieces.join(",")}}`;
}

function plain(value: unknown): string {
  return withoutMarks(JSON.stringify(value) ?? "null");
}

function withoutMarks(json: string): string {
  if (!marksWritten || !json.includes(MARK)) return json;
  return json.replace(MARKED, (_, escaped: string) => JSON.parse(`"${escaped}"`) as string);
}

/**
 * Puts numbers where `JSON.stringify` of someone else wrote {@link JsonText}s of numbers into a request. The length stays:
 * spaces fill what is over, because a multipart part may say how long it is.
 */
export function restoreNumbers(body: Uint8Array): Uint8Array {
  if (!marksWritten) return body;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const start = `"${MARK}`;
  for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + start.length)) {
    const end = bytes.indexOf('"', at + start.length);
    if (end < 0) break;
    const number = bytes.toString("latin1", at + start.length, end);
    bytes.write(number.padEnd(end + 1 - at), at, "latin1");
  }
  return bytes;
}

type OddNumbers = "none" | "zero" | "some";

/**
 * Whether there is a number of which its value alone does not say that it is as it was written: `some` for one that is
 * too large, so small that it lost digits, or minus zero; `zero` when there is a zero, which may have been anything small.
 */
function oddNumbers(value: RunValue, depth: number): OddNumbers {
  if (typeof value === "number") {
    if (Object.is(value, 0)) return "zero";
    return Math.abs(value) >= NORMAL_MIN && Number.isFinite(value) ? "none" : "some";
  }
  if (typeof value !== "object" || value === null) return "none";
  if (depth === RUN_JSON_DEPTH_MAX) throw tooDeep();
  let found: OddNumbers = "none";
  // Arrays and objects alike: what JSON.parse made has no other keys.
  const items = value as Readonly<Record<string, RunValue>>;
  for (const key in items) {
    const one = oddNumbers(items[key] as RunValue, depth + 1);
    if (one === "some" || found === "none") found = one;
  }
  return found;
}

/** Throws when objects and lists are nested too deep. */
function checkDepth(value: RunValue, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth === RUN_JSON_DEPTH_MAX) throw tooDeep();
  const items = value as Readonly<Record<string, RunValue>>;
  for (const key in items) checkDepth(items[key] as RunValue, depth + 1);
}

function tooDeep(): CounterfoilError {
  return new CounterfoilError(
    "CF_REQUEST_INVALID",
    `The JSON is nested more than ${RUN_JSON_DEPTH_MAX} deep.`,
  );
}

/** Smaller numbers have fewer than 53 bits. */
const NORMAL_MIN = 2.2250738585072014e-308;
/** Fifteen significant digits are always kept; with a point between them that many characters are not more. */
const LONG_CHARS = 16;

/** Whether {@link LONG_CHARS} digits and points follow one another. Looks at one character in so many. */
function hasLongNumber(text: string): boolean {
  for (let at = LONG_CHARS - 1; at < text.length; at += LONG_CHARS) {
    if (!isDigitOrPoint(text.charCodeAt(at))) continue;
    let from = at;
    while (isDigitOrPoint(text.charCodeAt(from - 1))) from--;
    let to = at + 1;
    while (isDigitOrPoint(text.charCodeAt(to))) to++;
    if (to - from >= LONG_CHARS && (isExponent(text.charCodeAt(to)) || !isKept(text.slice(from, to))))
      return true;
    at = Math.max(at, to - 1);
  }
  return false;
}

/** NaN, which is what there is beyond the ends of a text, is neither. */
function isDigitOrPoint(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}

function isExponent(code: number): boolean {
  return code === 69 || code === 101;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** The text with each number that would be rounded as a marked string. `text` is valid JSON. */
function markNumbers(text: string): string {
  const pieces: string[] = [];
  let copied = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      at = endOfString(text, at);
    } else if (code === 45 || (code >= 48 && code <= 57)) {
      NUMBER.lastIndex = at;
      const [number = ""] = NUMBER.exec(text) ?? [];
      if (!isKept(number)) {
        pieces.push(text.slice(copied, at), `"${MARK}${number}"`);
        copied = at + number.length;
      }
      at += number.length;
    } else at++;
  }
  return pieces.length === 0 ? text : `${pieces.join("")}${text.slice(copied)}`;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at);
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === 92) escapes++;
    if (escapes % 2 === 0) return at + 1;
  }
}

function numbersKept(value: RunValue): RunValue {
  if (typeof value === "string") {
    return value.startsWith(MARK) ? new JsonText(value.slice(MARK.length)) : value;
  }
  if (typeof value !== "object" || value === null) return value;
  const items = value as { [key: string]: RunValue };
  for (const key in items) {
    const item = numbersKept(items[key] ?? null);
    // A key named __proto__ must stay one of its own.
    if (item !== items[key]) Object.defineProperty(items, key, { value: item });
  }
  return value;
}

/** Whether JavaScript writes the number again with the same value. */
function isKept(number: string): boolean {
  const written = String(Number(number));
  return written === number || decimal(written) === decimal(number);
}

/** A number's significant digits and exponent: the same for all ways to write it. */
function decimal(number: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const significant = digits.replace(/0+$/, "");
  if (significant === "") return `${sign}0`;
  return `${sign}${significant}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length)}`;
}
