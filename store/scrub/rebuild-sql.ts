import { daySql } from "../compaction/compaction-sql.js";
import type { FileEntry } from "../types.js";
import { readFiles } from "../views/files-relation.js";

const DAY_MS = 86_400_000;

/** Day since 1970-01-01 of a file's folder; undefined for a folder that is no day. */
export function folderDay({ path }: FileEntry): number | undefined {
  const ms = Date.parse(`${/\/date=([\d-]+)\//.exec(path)?.[1]}T00:00:00Z`);
  return Number.isNaN(ms) ? undefined : ms / DAY_MS;
}

/**
 * Makes the table `wanted`: places of the rows, among those sealed anew from the journal, that the damaged files held:
 * in their range, of their days when compaction had placed them, and in no listed file.
 */
export function wantedTableSql(
  table: string,
  rebuilt: string,
  { damaged, listed }: { damaged: readonly FileEntry[]; listed: readonly FileEntry[] },
): string {
  const ranges = damaged.map(({ firstSeq, lastSeq }) => `r.seq BETWEEN ${firstSeq} AND ${lastSeq}`);
  const days = damaged.map((file) => (file.level > 0 ? folderDay(file) : undefined));
  const inDays = days.every((day) => day !== undefined)
    ? ` AND ${daySql(table)} IN (${days.join(", ")})`
    : "";
  const overlapping = listed.filter((file) =>
    damaged.some(({ firstSeq, lastSeq }) => file.firstSeq <= lastSeq && file.lastSeq >= firstSeq),
  );
  const there =
    overlapping.length === 0
      ? ""
      : ` AND NOT EXISTS (FROM ${readFiles(overlapping)} AS l WHERE l.seq = r.seq AND l.seq_index = r.seq_index)`;
  const ids = table === "spans" ? ", trace_id, span_id, end_time IS NOT NULL AS ended" : "";
  return `CREATE TEMP TABLE wanted AS SELECT seq, seq_index${ids} FROM ${rebuilt} AS r WHERE (${ranges.join(" OR ")})${inDays}${there}`;
}

/**
 * Takes rows off `wanted` that would not count: another row of the same span is better. Compaction may have dropped
 * them for good together with the entry of `superseded` that hid them, so they must not come back.
 */
export function dropLosersSql(listed: readonly FileEntry[]): string {
  const others =
    listed.length === 0
      ? ""
      : `UNION ALL SELECT l.trace_id, l.span_id, l.end_time IS NOT NULL, l.seq, l.seq_index FROM ${readFiles(listed)} AS l
        WHERE EXISTS (FROM wanted AS w WHERE w.trace_id = l.trace_id AND w.span_id = l.span_id)`;
  return `DELETE FROM wanted WHERE EXISTS (
    FROM (SELECT trace_id, span_id, max({'ended': ended, 'seq': seq, 'seq_index': seq_index}) AS best FROM (
        SELECT trace_id, span_id, ended, seq, seq_index FROM wanted ${others})
      WHERE trace_id IS NOT NULL AND span_id IS NOT NULL GROUP BY trace_id, span_id) AS b
    WHERE b.trace_id = wanted.trace_id AND b.span_id = wanted.span_id
      AND (b.best.seq <> wanted.seq OR b.best.seq_index <> wanted.seq_index))`;
}

/** The rows of `superseded` that the files of `spans` call for: the one that counts of each span there twice. */
export function supersededSql(spans: readonly FileEntry[]): string {
  return `SELECT trace_id, span_id, winner.seq AS seq, winner.seq_index AS seq_index FROM (
    SELECT trace_id, span_id,
      arg_max({'seq': seq, 'seq_index': seq_index}, {'ended': end_time IS NOT NULL, 'seq': seq, 'seq_index': seq_index}) AS winner
    FROM ${readFiles(spans)} WHERE trace_id IS NOT NULL AND span_id IS NOT NULL
    GROUP BY trace_id, span_id HAVING count(*) > 1)`;
}
