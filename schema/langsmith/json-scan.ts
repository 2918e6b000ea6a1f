import { CounterfoilError } from "../errors.js";
import { RUN_JSON_DEPTH_MAX } from "../limits.js";

const [QUOTE, COMMA, COLON, BACKSLASH] = [34, 44, 58, 92];
const [LIST, LIST_END, OBJECT, OBJECT_END] = [91, 93, 123, 125];
const [MINUS, PLUS, POINT, ZERO, NINE] = [45, 43, 46, 48, 57];

/** Bytes that stand for themselves in a string: neither quote nor backslash nor control character. */
const PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 32 && byte !== QUOTE && byte !== BACKSLASH ? 1 : 0,
);
const SPACE = new Uint8Array(256);
for (const char of " \n\r\t") SPACE[char.charCodeAt(0)] = 1;
const ESCAPES = new Uint8Array(256);
for (const char of '"\\/bfnrt') ESCAPES[char.charCodeAt(0)] = 1;
const HEX = new Uint8Array(256);
for (const char of "0123456789abcdefABCDEF") HEX[char.charCodeAt(0)] = 1;
const WORDS = new Map(["true", "false", "null"].map((word) => [word.charCodeAt(0), Buffer.from(word)]));

/** What {@link scanObject} tells of each member: where its key is, without quotes, and its value. */
export type MemberSeen = (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void;

/**
 * Checks that a range is one JSON value, as `JSON.parse` would, without making anything of it; spaces around it are
 * allowed. The range must be valid UTF-8. Returns where the value itself starts and ends. Throws SyntaxError, and
 * CF_REQUEST_INVALID for what is nested too deep.
 */
export function scanJson(
  bytes: Uint8Array,
  start: number,
  end: number,
): { readonly start: number; readonly end: number } {
  const from = pastSpace(bytes, start);
  const to = scanValue(bytes, from, 0);
  checkEnd(bytes, to, end);
  return { start: from, end: to };
}

/** The same of an object, telling its members in order. Returns false, and tells nothing, when it is another value. */
export function scanObject(bytes: Uint8Array, start: number, end: number, seen: MemberSeen): boolean {
  let at = pastSpace(bytes, start);
  if (bytes[at] !== OBJECT) {
    scanJson(bytes, start, end);
    return false;
  }
  at = pastSpace(bytes, at + 1);
  if (bytes[at] === OBJECT_END) {
    checkEnd(bytes, at + 1, end);
    return true;
  }
  for (;;) {
    const key = at;
    const keyEnd = scanString(bytes, at);
    const value = pastSpace(bytes, pastColon(bytes, keyEnd));
    const valueEnd = scanValue(bytes, value, 1);
    seen(key + 1, keyEnd - 1, value, valueEnd);
    at = pastSpace(bytes, valueEnd);
    if (bytes[at] === OBJECT_END) break;
    if (bytes[at] !== COMMA) throw invalid(at);
    at = pastSpace(bytes, at + 1);
  }
  checkEnd(bytes, at + 1, end);
  return true;
}

/** The elements of a list that was checked before, as places of their values. */
export function scanElements(
  bytes: Uint8Array,
  start: number,
  seen: (start: number, end: number) => void,
): void {
  let at = pastSpace(bytes, start + 1);
  if (bytes[at] === LIST_END) return;
  for (;;) {
    const end = scanValue(bytes, at, 1);
    seen(at, end);
    at = pastSpace(bytes, end);
    if (bytes[at] === LIST_END) return;
    at = pastSpace(bytes, at + 1);
  }
}

/** Places only grow: whatever was read beyond the end shows here. */
function checkEnd(bytes: Uint8Array, at: number, end: number): void {
  let rest = at;
  while (rest < end && SPACE[bytes[rest] as number] === 1) rest++;
  if (rest !== end) throw invalid(rest);
}

function pastSpace(bytes: Uint8Array, start: number): number {
  let at = start;
  while (SPACE[bytes[at] as number] === 1) at++;
  return at;
}

function pastColon(bytes: Uint8Array, start: number): number {
  const at = pastSpace(bytes, start);
  if (bytes[at] !== COLON) throw invalid(at);
  return at + 1;
}

/** Which of the containers around the place at hand are objects; one scan at a time uses it. */
const isObject = new Uint8Array(RUN_JSON_DEPTH_MAX + 1);

/** The end of the value that starts there; `outside` containers are around it. A loop, as hostile JSON is deep. */
function scanValue(bytes: Uint8Array, start: number, outside: number): number {
  let at = start;
  let depth = outside;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) at = scanString(bytes, at);
    else if (byte === OBJECT || byte === LIST) {
      if (depth === RUN_JSON_DEPTH_MAX) throw tooDeep();
      const object = byte === OBJECT;
      at = pastSpace(bytes, at + 1);
      if (bytes[at] === (object ? OBJECT_END : LIST_END)) at++;
      else {
        isObject[depth++] = object ? 1 : 0;
        if (object) at = pastSpace(bytes, pastColon(bytes, scanString(bytes, at)));
        continue;
      }
    } else at = scanScalar(bytes, at);
    // Behind a value: the next one, or the ends of what is around it.
    for (;;) {
      if (depth === outside) return at;
      at = pastSpace(bytes, at);
      const inObject = isObject[depth - 1] === 1;
      if (bytes[at] === COMMA) {
        at = pastSpace(bytes, at + 1);
        if (inObject) at = pastSpace(bytes, pastColon(bytes, scanString(bytes, at)));
        break;
      }
      if (bytes[at] !== (inObject ? OBJECT_END : LIST_END)) throw invalid(at);
      at++;
      depth--;
    }
  }
}

/** The place behind the closing quote. */
function scanString(bytes: Uint8Array, start: number): number {
  if (bytes[start] !== QUOTE) throw invalid(start);
  let at = start + 1;
  for (;;) {
    while (PLAIN[bytes[at] as number] === 1) at++;
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] !== BACKSLASH) throw invalid(at);
    if (ESCAPES[bytes[at + 1] as number] === 1) at += 2;
    else {
      if (bytes[at + 1] !== 117) throw invalid(at);
      for (let digit = at + 2; digit < at + 6; digit++) {
        if (HEX[bytes[digit] as number] !== 1) throw invalid(digit);
      }
      at += 6;
    }
  }
}

function scanScalar(bytes: Uint8Array, start: number): number {
  const word = WORDS.get(bytes[start] as number);
  if (word === undefined) return scanNumber(bytes, start);
  for (let index = 1; index < word.length; index++) {
    if (bytes[start + index] !== word[index]) throw invalid(start + index);
  }
  return start + word.length;
}

function scanNumber(bytes: Uint8Array, start: number): number {
  let at = bytes[start] === MINUS ? start + 1 : start;
  at = bytes[at] === ZERO ? at + 1 : pastDigits(bytes, at);
  if (bytes[at] === POINT) at = pastDigits(bytes, at + 1);
  if (bytes[at] === 101 || bytes[at] === 69) {
    const sign = bytes[at + 1];
    at = pastDigits(bytes, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
  }
  return at;
}

/** At least one. */
function pastDigits(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at++;
  if (at === start) throw invalid(at);
  return at;
}

function invalid(at: number): SyntaxError {
  return new SyntaxError(`not valid JSON at byte ${at}`);
}

function tooDeep(): CounterfoilError {
  return new CounterfoilError(
    "CF_REQUEST_INVALID",
    `The JSON is nested more than ${RUN_JSON_DEPTH_MAX} deep.`,
  );
}
