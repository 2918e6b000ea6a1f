import type { ImportReport, TypeReport } from "../../loop/index.js";
import { inert } from "../output/text.js";
import { renderTable } from "../output/table.js";
import { formatCount } from "../output/values.js";

/** The report as people read it: a table, then what is missing and why. */
export function reportText(report: ImportReport): string {
  const names = ["type", "found", "stored", "unchanged", "skipped"];
  const rows = report.types
    .filter(({ found, skipped, failed }) => found > 0 || skipped.length > 0 || failed !== undefined)
    .map((type) => [
      type.type,
      formatCount(type.found),
      formatCount(type.stored),
      formatCount(type.unchanged),
      formatCount(skippedOf(type)),
    ]);
  const table =
    rows.length === 0
      ? `${inert(report.endpoint)} has nothing to import.\n`
      : renderTable({ columns: names.map((name) => ({ name })), rows });
  return `${table}${report.types.map(notesOf).join("")}${endOf(report)}`;
}

function skippedOf({ skipped }: TypeReport): number {
  return skipped.reduce((sum, { count }) => sum + count, 0);
}

function notesOf({ type, skipped, failed, notOffered, notKept }: TypeReport): string {
  const lines = skipped.map(
    ({ reason, count, ids }) =>
      `${type}: ${count} skipped: ${reason} (${ids.join(", ")}${count > ids.length ? ", ..." : ""})`,
  );
  if (notKept !== undefined) lines.push(`${type}: ${notKept} are there that this version does not import`);
  if (failed !== undefined) lines.push(`${type}: not read to the end: ${failed}`);
  if (notOffered !== undefined) lines.push(`${type}: not offered there (${notOffered})`);
  return lines.map((line) => `${inert(line)}\n`).join("");
}

function endOf({ complete }: ImportReport): string {
  return complete
    ? "Complete: everything that was found is here.\n"
    : "Not complete. What is here is not stored twice when you run it again.\n";
}
