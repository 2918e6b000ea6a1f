import { isUtf8 } from "node:buffer";
import { malformed } from "./malformed.js";

/** Integers of this many digits may not fit in a double; shorter ones always do. */
const EXACT_DIGITS = 16;
const LONG_INTEGER = /(?<![\d.eE+-])-?[1-9]\d{15,}(?![\d.eE]|\s*:)/g;
const MAYBE_LONG_INTEGER = /[[:,\s]-?\d{16}/;

/**
 * Parses JSON text, giving integers too long for a double as strings of their digits behind `mark`, so that 64-bit
 * integers sent as bare numbers stay exact. Bytes must be UTF-8; a byte order mark is dropped.
 * @throws CF_OTLP_MALFORMED, naming the place but never quoting the text.
 */
export function parseJson(input: string | Uint8Array, mark = ""): unknown {
  const text = typeof input === "string" ? input : decodeUtf8(input);
  const body = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  try {
    return JSON.parse(quoteLongIntegers(body, mark));
  } catch {
    throw malformed(`the body is not valid JSON (${faultPlace(body)})`);
  }
}

/** Where the text as it was sent goes wrong. */
function faultPlace(body: string): string {
  try {
    JSON.parse(body);
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const position = / at position (\d+)/.exec(message)?.[1];
    if (position !== undefined) return `near character ${position}`;
    // V8 names no position for most wrong characters, only what stands there.
    if (!message.startsWith("Unexpected end")) return "a character that JSON does not have there";
  }
  return "it is cut off";
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw malformed("the JSON body is not valid UTF-8");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** Puts quotes, and `mark` behind the first, around integer literals of 16 or more digits that stand outside strings. */
export function quoteLongIntegers(text: string, mark: string): string {
  if (!hasManyDigits(text) || !MAYBE_LONG_INTEGER.test(` ${text}`)) return text;
  const parts: string[] = [];
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    const between = text.slice(at, end);
    parts.push(between.length < EXACT_DIGITS ? between : between.replace(LONG_INTEGER, `"${mark}$&"`));
    at = quote === -1 ? end : endOfString(text, quote);
    if (at > end) parts.push(text.slice(end, at));
  }
  return parts.join("");
}

/** Whether the text has EXACT_DIGITS digits in a row: nearly none has, which every so manieth character tells. */
function hasManyDigits(text: string): boolean {
  for (let at = EXACT_DIGITS - 1; at < text.length; at += EXACT_DIGITS) {
    if (!isDigit(text, at)) continue;
    let from = at;
    while (from > 0 && isDigit(text, from - 1)) from--;
    let to = at + 1;
    while (isDigit(text, to)) to++;
    if (to - from >= EXACT_DIGITS) return true;
  }
  return false;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}

/** The index after the string that opens at `open`; the end of the text when it never closes. */
function endOfString(text: string, open: number): number {
  for (let from = open + 1; ;) {
    const close = text.indexOf('"', from);
    if (close === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(close - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return close + 1;
    from = close + 1;
  }
}
