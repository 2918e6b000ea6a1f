import { Transform } from "node:stream";
import { StringDecoder } from "node:string_decoder";

/**
 * Text from outside on its way to a terminal. Span names and messages are data that anyone may have written: an escape
 * sequence in one must not move the cursor, change a title or fake a line.
 */

/** Bidirectional controls reorder what is read on a line; separators end a line in some terminals. */
const REORDERING = /[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;
/** Controls (Cc), unpaired surrogates (Cs), line and paragraph separators, reordering. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;
const PLAIN_ASCII = /^[ -~]*$/;

/**
 * Makes text inert: C0 controls become their visible pictures (ESC is `␛`), C1 and reordering controls their code in
 * braces, lone surrogates U+FFFD. The result has no control character at all, so it stays on one line.
 */
export function inert(text: string): string {
  if (PLAIN_ASCII.test(text)) return text;
  return text.replace(UNSAFE, (char) => {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x20) return String.fromCodePoint(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    if (code < 0xa0 || REORDERING.test(char))
      return `{U+${code.toString(16).toUpperCase().padStart(4, "0")}}`;
    return "\ufffd";
  });
}

/** Like {@link inert}, but keeps line feeds and makes tabs two spaces: for text that may span lines. */
export function inertLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => inert(line.replaceAll("\t", "  ")))
    .join("\n");
}

/**
 * Passes text on to a terminal, piece by piece, with everything but line ends and tabs made inert: for results in CSV or
 * JSON that a user looks at. Files and pipes get the bytes as they are.
 */
export function inertStream(): Transform {
  const decoder = new StringDecoder("utf8");
  const clean = (text: string): string => text.replace(/[^\r\n\t]+/g, inert);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, clean(decoder.write(chunk)));
    },
    flush(done) {
      done(null, clean(decoder.end()));
    },
  });
}

/** First and last code points that take two cells (Unicode East Asian Width W and F, and emoji), in order. */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x2e80, 0x303e],
  [0x3041, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1b000, 0x1b2ff],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1faff],
  [0x20000, 0x3fffd],
];
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Cells that one user-perceived character takes in a terminal: 0, 1 or 2. */
function graphemeWidth(grapheme: string): number {
  const code = grapheme.codePointAt(0) ?? 0;
  if (code >= 0x20 && code < 0x7f && grapheme.length === 1) return 1;
  if (EMOJI.test(grapheme) || WIDE.some(([low, high]) => code >= low && code <= high)) return 2;
  return ZERO_WIDTH.test(grapheme) ? 0 : 1;
}

/** Cells that the text takes in a terminal. The text must be inert already. */
export function displayWidth(text: string): number {
  if (PLAIN_ASCII.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

/** The text cut to at most `cells` cells, ending in `…` when something was cut. Never splits a character. */
export function fit(text: string, cells: number): string {
  if (cells <= 0) return "";
  if (text.length <= cells && PLAIN_ASCII.test(text)) return text;
  let width = 0;
  let end = 0;
  let cut = 0;
  for (const { segment, index } of graphemes.segment(text)) {
    width += graphemeWidth(segment);
    if (width > cells) return `${text.slice(0, cut)}…`;
    end = index + segment.length;
    if (width <= cells - 1) cut = end;
  }
  return text;
}

/** The text with spaces to `cells` cells. */
export function pad(text: string, cells: number, align: "left" | "right" = "left"): string {
  const spaces = " ".repeat(Math.max(0, cells - displayWidth(text)));
  return align === "left" ? text + spaces : spaces + text;
}
