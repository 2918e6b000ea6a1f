import { type ComparedType, type Ids, verifyLangSmith, type VerifyReport } from "../../loop/index.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { createProgress } from "../output/progress.js";
import { renderTable } from "../output/table.js";
import { inert } from "../output/text.js";
import { formatCount } from "../output/values.js";
import { type LangSmithOptions, langSmithSource, withDoor } from "./import-langsmith.js";

/** Compares, prints the result, and sets the exit code. */
export async function runVerifyLangSmith(options: LangSmithOptions, io: Io): Promise<void> {
  const source = langSmithSource(options, io);
  const progress = createProgress({ label: "comparing", stream: io.stderr, unit: "things" });
  const report = await withDoor(options, io, (door) =>
    verifyLangSmith({
      source,
      door,
      projects: options.projects,
      since: options.since,
      onProgress: (what, done) => progress.update(done, undefined, what),
    }),
  ).finally(() => progress.end());
  await write(io.stdout, options.json === true ? `${JSON.stringify(report, null, 2)}\n` : textOf(report));
  if (!report.equal) io.exitCode = EXIT.failure;
}

function textOf(report: VerifyReport): string {
  const names = ["type", "of", "there", "here", "missing here", "only here", "differing"];
  const rows = report.types.map(({ type, of = "", there, here, missingHere, onlyHere, differing }) => [
    type,
    of,
    ...[there, here, missingHere, onlyHere, differing].map(({ count }) => formatCount(count)),
  ]);
  const table = renderTable({ columns: names.map((name) => ({ name })), rows });
  const end = report.equal
    ? "Equal: everything that is there is here, with the same content.\n"
    : "Not equal. `counterfoil import langsmith` brings what is missing.\n";
  return `${table}${report.types.map(notesOf).join("")}${end}`;
}

function notesOf({ type, of, missingHere, differing, failed }: ComparedType): string {
  const name = of === undefined ? type : `${type} of ${of}`;
  const lines = [
    ...idsText(`${name}, missing here`, missingHere),
    ...idsText(`${name}, differing`, differing),
    ...(failed === undefined ? [] : [`${name}: not compared to the end: ${failed}`]),
  ];
  return lines.map((line) => `${inert(line)}\n`).join("");
}

function idsText(what: string, { count, ids }: Ids): string[] {
  return count === 0
    ? []
    : [`${what}: ${ids.join(", ")}${count > ids.length ? `, and ${count - ids.length} more` : ""}`];
}
