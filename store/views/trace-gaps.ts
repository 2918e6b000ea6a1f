import { TRACE_REPAIR_SPANS_MAX } from "../../schema/limits.js";

/**
 * What is missing of a trace: parents that never came, and clocks that disagree. Parts of a trace carry lists of their
 * spans (`ids`, `parents`, `starts`, one place for each), and the lists of all its parts are looked through at the end.
 * Nobody pays for them who does not ask: DuckDB leaves out aggregates that no column needs, but never a join.
 */

/** A span's id as a number: quicker to look for in a list than text. Ids always are 16 hex digits. */
export const idNumber = (column: string): string => `TRY_CAST('0x' || ${column} AS UBIGINT)`;

/** A number for a trace id, for quick look-ups. Traces that share one are only looked at together. */
export const TRACE_KEY = "coalesce(TRY_CAST('0x' || substr(trace_id, 1, 15) AS BIGINT), 0)";

const MOMENT_MAX = "9223372036854775807";

/**
 * A number that orders spans by a time and, for the same moment, by their ids: any order of arrival gives the same first
 * one. Spans without the time come last.
 */
export function spanOrder(time: string): string {
  return `(CAST(coalesce(epoch_ns(${time}), ${MOMENT_MAX}) AS HUGEINT) * 18446744073709551616 + coalesce(${idNumber("span_id")}, 0))`;
}

/** The same from the end: the last one has the largest number, spans without the time come first. */
export function spanOrderLast(time: string): string {
  return `(CAST(coalesce(epoch_ns(${time}), 0) AS HUGEINT) * 18446744073709551616 + coalesce(${idNumber("span_id")}, 0))`;
}

/** Aggregates over rows that give a part's lists. `certain`: each span's parent was looked for everywhere. */
export const LISTS_OF_ROWS: readonly string[] = [
  `list(${idNumber("span_id")}) AS ids`,
  `list(${idNumber("parent_span_id")}) AS parents`,
  "list(epoch_ns(start_time)) AS starts",
  "list(false) AS certain",
  "CAST(0 AS BIGINT) AS known_skew_ns",
  "CAST(NULL AS BIGINT) AS known_orphans",
];

/** The lists of a stored part; nulls where it had none, because it looked whole. */
export function storedLists(links: string, skew: string, orphans: string): string[] {
  const list = (name: string, type: string): string => `from_json(${links} -> '${name}', '["${type}"]')`;
  return [
    `${list("ids", "UBIGINT")} AS ids`,
    `${list("parents", "UBIGINT")} AS parents`,
    `${list("starts", "BIGINT")} AS starts`,
    `list_transform(${list("starts", "BIGINT")}, lambda s: true) AS certain`,
    `${skew} AS known_skew_ns`,
    `${orphans} AS known_orphans`,
  ];
}

/** Aggregates over parts that give the lists of the whole. `hidden`: some part has none. */
export const LISTS_OF_PARTS: readonly string[] = [
  ...["ids", "parents", "starts", "certain"].map(
    (name) => `flatten(list(${name}) FILTER (WHERE ids IS NOT NULL)) AS ${name}`,
  ),
  "max(known_skew_ns) AS known_skew_ns",
  "CAST(sum(known_orphans) AS BIGINT) AS known_orphans",
  "bool_or(ids IS NULL) AS hidden",
];

/** How {@link withGaps} finds a parent: in which list of ids, with which starts, and whether some may be missing there. */
export interface ParentLists {
  readonly ids: string;
  readonly starts: string;
  readonly hidden: string;
}

/** All spans of the part are in its own lists. */
export const OWN_LISTS: ParentLists = { ids: "ids", starts: "starts", hidden: "false" };
/** Spans of some part may be missing in the lists. */
export const MERGED_LISTS: ParentLists = { ...OWN_LISTS, hidden: "hidden" };

/**
 * Adds `orphans` and `clock_skew_ns` to parts with lists. A parent may be in a part without lists: then a span that is
 * not certain to have none does not count as an orphan. Both are null for a trace with more than
 * TRACE_REPAIR_SPANS_MAX spans.
 */
export function withGaps(parts: string, { ids, starts, hidden }: ParentLists): string {
  return `(SELECT * EXCLUDE (places),
  CASE WHEN ids IS NULL THEN known_orphans
    ELSE CAST(len(list_filter(places, lambda place, i: place = 0 AND (certain[i] OR NOT ${hidden}))) AS BIGINT) END AS orphans,
  CASE WHEN places IS NOT NULL OR ids IS NULL AND known_orphans IS NOT NULL THEN
    CAST(greatest(0, known_skew_ns, list_max(list_transform(places, lambda place, i:
      CASE WHEN place > 0 THEN ${starts}[place] - starts[i] END))) AS BIGINT) END AS clock_skew_ns
FROM (SELECT *, CASE WHEN len(ids) <= ${TRACE_REPAIR_SPANS_MAX} THEN
    list_transform(parents, lambda p: CASE WHEN p IS NOT NULL THEN coalesce(list_position(${ids}, p), 0) END) END AS places
  FROM (${parts})))`;
}
