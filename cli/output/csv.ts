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
