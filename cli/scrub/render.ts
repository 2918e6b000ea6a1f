import type { Paint } from "../output/paint.js";
import { inert } from "../output/text.js";
import { formatBytes, formatCount } from "../output/values.js";
import type { ScrubOutcome } from "./types.js";

const DAMAGE = {
  missing: "is missing",
  size: "has another size than listed",
  content: "has other bytes than its checksum says",
} as const;

/** What was checked, found and done, for people. */
export function renderScrub(outcome: ScrubOutcome, paint: Paint): string {
  const { damaged, journal, lost } = outcome;
  const lines = [
    `mirror   ${formatCount(outcome.files)} files, ${formatBytes(outcome.bytes)}: ${damaged.length === 0 ? "no damage" : paint.warn(`${damaged.length} damaged`)}`,
  ];
  if (journal !== undefined) {
    const verdict =
      journal.error !== undefined
        ? paint.bad(inert(journal.error))
        : journal.gaps.length === 0
          ? "no damage"
          : paint.warn(`${journal.gaps.length} damaged part(s)`);
    lines.push(
      `journal  ${formatCount(journal.records)} requests, ${formatBytes(journal.payloadBytes)}: ${verdict}`,
    );
    for (const { fromSeq, toSeq } of journal.gaps) {
      lines.push(
        `         requests ${fromSeq} to ${toSeq} can't be read; what destinations had not taken yet counts as journal_corrupt`,
      );
    }
  }
  for (const { entry, damage } of damaged) lines.push(`damaged  ${inert(entry.path)} ${DAMAGE[damage]}`);
  for (const { path, rows } of outcome.rebuilt) {
    lines.push(paint.good(`rebuilt  ${inert(path)}: ${formatCount(rows)} rows, from the journal`));
  }
  for (const { entry, lost: what } of lost) {
    const seqs = what?.seqs.map(([from, to]) => `${from} to ${to}`).join(", ") ?? "";
    lines.push(
      paint.bad(
        `lost     ${inert(entry.path)}: ${formatCount(what?.rows ?? 0)} rows of ${entry.table}, from requests ${seqs}: the journal has them no more`,
      ),
    );
  }
  for (const reason of outcome.failed) lines.push(paint.bad(`open     ${inert(reason)}`));
  return `${lines.join("\n")}\n`;
}
