import { CounterfoilError } from "./errors.js";

/** CSV as RFC 4180 has it: CRLF, quotes doubled. */

/** Spreadsheets run a cell that starts with one of these as a formula (OWASP, CSV injection). */
const FORMULA_START = /^[=+\-@\t\r]/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** How to write one line. */
export interface CsvOptions {
  /** Puts an apostrophe before cells that a spreadsheet would run as a formula. Numbers stay as they are. */
  readonly formulaSafe?: boolean;
}

/** One CSV line with its CRLF. Null is an empty cell, an empty string is `""`. */
export function csvLine(cells: readonly (string | null)[], options: CsvOptions = {}): string {
  return `${cells.map((cell) => csvCell(cell, options.formulaSafe ?? false)).join(",")}\r\n`;
}

function csvCell(cell: string | null, formulaSafe: boolean): string {
  if (cell === null) return "";
  const text = formulaSafe && FORMULA_START.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell;
  return text === "" || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Rows of a CSV text (RFC 4180), lines ended by CRLF, LF or CR; a byte order mark is left out, and so are empty lines. Throws
 * CF_REQUEST_INVALID for a quote that is never closed, or text behind a closing one.
 */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = text.startsWith("\ufeff") ? 1 : 0;
  while (at < text.length) {
    const quoted = text[at] === '"';
    const [cell, next] = quoted ? quotedCell(text, at, rows.length + 1) : plainCell(text, at);
    row.push(cell);
    at = next;
    const end = text[at];
    if (end === ",") {
      at++;
      // A comma at the very end has an empty cell behind it.
      if (at < text.length) continue;
      row.push("");
    } else if (end === "\r" && text[at + 1] === "\n") at += 2;
    else if (end === "\r" || end === "\n") at++;
    else if (end !== undefined) throw badCsv(rows.length + 1, "there is text behind a closing quote");
    if (row.length > 1 || row[0] !== "" || quoted) rows.push(row);
    row = [];
  }
  return rows;
}

function plainCell(text: string, start: number): [cell: string, next: number] {
  let at = start;
  while (at < text.length && text[at] !== "," && text[at] !== "\n" && text[at] !== "\r") at++;
  return [text.slice(start, at), at];
}

function quotedCell(text: string, start: number, row: number): [cell: string, next: number] {
  let cell = "";
  for (let at = start + 1; ;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw badCsv(row, "a quote is never closed");
    cell += text.slice(at, quote);
    if (text[quote + 1] !== '"') return [cell, quote + 1];
    cell += '"';
    at = quote + 2;
  }
}

function badCsv(row: number, why: string): CounterfoilError {
  return new CounterfoilError("CF_REQUEST_INVALID", `The CSV is not valid in row ${row}: ${why}.`);
}
