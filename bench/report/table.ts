import { figure, floorText, metText, targetText } from "./format.js";
import type { BenchResults } from "./results.js";

/** The table for a terminal: a line a row, with its floors and what to know below it. */
export function tableText(results: BenchResults): string {
  const rows = results.reports.flatMap((report) => report.rows);
  const cells = rows.map((row) => [row.measure, figure(row.value), row.unit, targetText(row), metText(row)]);
  const head = ["measure", "value", "unit", "target", ""];
  const widths = head.map((title, column) =>
    Math.max(title.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (values: readonly string[]): string =>
    values
      .map((value, column) =>
        column === 1 ? value.padStart(widths[column] ?? 0) : value.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  const lines = [line(head)];
  for (const [index, row] of rows.entries()) {
    lines.push(line(cells[index] ?? []));
    for (const floor of row.floors ?? []) lines.push(`    beside ${floorText(row, floor)}`);
    if (row.note !== undefined) lines.push(`    ${row.note}`);
  }
  for (const report of results.reports) {
    if (report.error !== undefined) lines.push(`${report.scenario}: not measured: ${report.error}`);
  }
  return `${lines.join("\n")}\n`;
}

/** One line about the machine. */
export function machineText(results: BenchResults): string {
  const machine = results.reports[0]?.machine;
  if (machine === undefined) return "";
  return (
    `${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB, ${machine.file_system}, Linux ${machine.kernel}; ` +
    `Node ${machine.node}, DuckDB ${machine.duckdb}; commit ${machine.commit}, ${machine.date}; load before ${machine.load_average}\n` +
    "The load generator runs on the same cores as the server.\n"
  );
}
