import { displayWidth, fit, inert, pad } from "./text.js";

/** A column of a printed table. */
export interface TableColumn {
  readonly name: string;
  readonly align?: "left" | "right";
}

/** What to print and how wide it may be. */
export interface TableOptions {
  readonly columns: readonly TableColumn[];
  /** One text per column; a missing one is empty. Made inert here. */
  readonly rows: readonly (readonly string[])[];
  /** Cells of the terminal. Absent when the output is no terminal: then nothing is cut. */
  readonly width?: number | undefined;
  /** Applied to the heading after it was laid out. */
  readonly heading?: (text: string) => string;
}

const GAP = "  ";
/** Below this many cells a column tells nothing: then each row is printed as a block of its own. */
const COLUMN_CELLS_MIN = 6;

/**
 * Lays out rows under their headings, or, when the terminal is too narrow for so many columns, one block per row.
 * Ends with a line feed; empty when there are no columns.
 */
export function renderTable(options: TableOptions): string {
  const { columns, width } = options;
  if (columns.length === 0) return "";
  const names = columns.map((column) => inert(column.name));
  const rows = options.rows.map((row) => columns.map((_, index) => inert(row[index] ?? "")));
  const natural = names.map((name, index) =>
    rows.reduce((most, row) => Math.max(most, displayWidth(row[index] ?? "")), displayWidth(name)),
  );
  const widths = width === undefined ? natural : fitColumns(natural, width);
  if (widths === undefined) return renderBlocks(names, rows, width ?? 0);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const cells = widths[index] ?? 0;
        return pad(fit(cell, cells), cells, columns[index]?.align);
      })
      .join(GAP)
      .trimEnd();
  const heading = options.heading ?? ((text: string): string => text);
  const rule = widths.map((cells) => "─".repeat(cells)).join(GAP);
  return `${[heading(line(names)), rule, ...rows.map(line)].join("\n")}\n`;
}

/** Shrinks the widest columns until all fit; undefined when they can't. */
function fitColumns(natural: readonly number[], width: number): number[] | undefined {
  const room = width - GAP.length * (natural.length - 1);
  const floor = natural.reduce((sum, cells) => sum + Math.min(cells, COLUMN_CELLS_MIN), 0);
  if (floor > room) return undefined;
  // The largest cap under which all columns fit: columns narrower than it keep their width.
  let low = COLUMN_CELLS_MIN;
  let high = Math.max(...natural, COLUMN_CELLS_MIN);
  const total = (cap: number): number => natural.reduce((sum, cells) => sum + Math.min(cells, cap), 0);
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (total(middle) <= room) low = middle;
    else high = middle - 1;
  }
  const widths = natural.map((cells) => Math.min(cells, low));
  let spare = room - total(low);
  for (let index = 0; index < widths.length && spare > 0; index++) {
    const missing = Math.min(spare, (natural[index] ?? 0) - (widths[index] ?? 0));
    widths[index] = (widths[index] ?? 0) + missing;
    spare -= missing;
  }
  return widths;
}

function renderBlocks(names: readonly string[], rows: readonly (readonly string[])[], width: number): string {
  const label = names.reduce((most, name) => Math.max(most, displayWidth(name)), 0);
  const blocks = rows.map((row, index) => {
    const lines = names.map((name, column) =>
      fit(
        `${pad(name, label)}  ${row[column] ?? ""}`,
        Math.max(width, label + GAP.length + COLUMN_CELLS_MIN),
      ),
    );
    return [fit(`── row ${index + 1} ${"─".repeat(60)}`, Math.min(width, 60)), ...lines].join("\n");
  });
  return blocks.length === 0 ? "" : `${blocks.join("\n")}\n`;
}
