import { errorMessage, type JsonObject, parseCsv } from "../../schema/index.js";
import { invalidFile } from "./invalid-file.js";

/** An object of a file, and where it is for the user (`golden.csv row 3`); or why there is none. */
export type RowOrReason =
  | { readonly where: string; readonly row: JsonObject }
  | { readonly where: string; readonly problem: string };

/** The rows of a CSV file's text as objects by the names in its first row. Throws CF_IMPORT_FILE_INVALID. */
export function csvRows(path: string, text: string): RowOrReason[] {
  let cells: string[][];
  try {
    cells = parseCsv(text);
  } catch (error) {
    throw invalidFile(path, errorMessage(error).replace(/\.$/, ""), error);
  }
  const [head = [], ...rows] = cells;
  const twice = head.find((name, at) => head.indexOf(name) !== at);
  if (twice !== undefined) throw invalidFile(path, `its first row has ${JSON.stringify(twice)} twice`);
  return rows.map((row, at): RowOrReason => {
    const where = `${path} row ${at + 2}`;
    return row.length === head.length
      ? { where, row: Object.fromEntries(head.map((name, n) => [name, row[n] ?? ""])) }
      : { where, problem: `it has ${row.length} cells, the first row has ${head.length}` };
  });
}
