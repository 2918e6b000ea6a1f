import type { JsonValue } from "../../schema/index.js";
import { type Io, terminalWidth, write } from "../io.js";
import { renderTable } from "./table.js";

/** Writes what an API answered as a table with these headings, one cell for each value. */
export function writeJsonTable(
  names: readonly string[],
  rows: readonly (readonly (JsonValue | undefined)[])[],
  io: Io,
): Promise<void> {
  const text = renderTable({
    columns: names.map((name) => ({ name })),
    rows: rows.map((row) => row.map(jsonCell)),
    width: terminalWidth(io),
    heading: io.paint.bold,
  });
  return write(io.stdout, text);
}

/** A value as a cell shows it: text as it is, nothing as nothing, all else as JSON. */
export function jsonCell(value: JsonValue | undefined): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
