import { LOG_COLUMN_NAMES } from "./log-columns.js";
import { filledByLogs, joinLogContent, type PlacedLogContent } from "./log-join.js";
import { type ExplainedSpan, isSame, shownValue } from "./normalise.js";

/** An explained span with what its log records say: what they fill, and where they say something else. */
export function explainWithLogs(
  explained: ExplainedSpan,
  records: readonly PlacedLogContent[],
): ExplainedSpan {
  const joined = joinLogContent(records);
  const filled = filledByLogs(explained.columns, joined);
  const provenance: Record<string, string> = { ...explained.provenance };
  const conflicts = [...explained.conflicts];
  for (const name of LOG_COLUMN_NAMES) {
    const value = joined.columns[name];
    const taken = explained.columns[name];
    const source = `log:${joined.events[name] ?? ""}`;
    if (value === undefined) continue;
    if (filled[name] !== undefined) provenance[name] = source;
    else if (taken !== undefined && !isSame(name, value, taken))
      conflicts.push({ column: name, source, value: shownValue(name, value) });
  }
  return { ...explained, columns: { ...explained.columns, ...filled }, provenance, conflicts };
}
