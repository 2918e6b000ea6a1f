import { TRACE_REPAIR_SINCE } from "../../schema/compacted-columns.js";
import { TRACE_REPAIR_SPANS_MAX, TRACE_TWINS_MAX } from "../../schema/limits.js";
import { TOTAL_TOKENS } from "./derived-views.js";
import { isKnown, type ViewFile } from "./files-relation.js";
import { idNumber, TRACE_KEY } from "./trace-gaps.js";

/**
 * Totals in which each call counts once, although two instrumentations report it: one above the other (a framework over
 * a provider's client, a client over a gateway), or side by side. The innermost report counts. Parts of a trace carry its
 * spans as a tree of numbers (`tree_ids`, `tree_parents`) and, of those that report usage, what tells whether two are the
 * same call. Nearly no trace has such spans, which is seen at a glance; only then the tree is walked.
 */

/** A span that reports the usage of a call. */
export const REPORTS_USAGE =
  "(coalesce(usage_scope, 'own') = 'own' AND (input_tokens IS NOT NULL OR output_tokens IS NOT NULL OR cost_usd IS NOT NULL))";

const IS_EMBEDDING = "coalesce(run_type = 'embedding', false)";

/** A model without the provider that gateways put before it. */
const MODEL = "parse_filename(coalesce(request_model, response_model))";

/**
 * What a report says, field by field: type, and SQL over the span's row. `call` is the same for two spans of one parent
 * that name the same model and the same tokens both ways; null where that would be no evidence.
 */
const REPORT: readonly (readonly [field: string, type: string, sql: string])[] = [
  ["id", "UBIGINT", idNumber("span_id")],
  ["embeds", "BOOLEAN", IS_EMBEDDING],
  ["llm", "BOOLEAN", "coalesce(run_type = 'llm', false)"],
  ["input", "BIGINT", "input_tokens"],
  ["output", "BIGINT", "output_tokens"],
  [
    "total",
    "BIGINT",
    `CASE WHEN input_tokens IS NOT NULL OR output_tokens IS NOT NULL THEN ${TOTAL_TOKENS} END`,
  ],
  ["cost", "DOUBLE", "cost_usd"],
  [
    "call",
    "UBIGINT",
    `CASE WHEN run_type = 'llm' AND input_tokens > 0 AND output_tokens > 0 AND parent_span_id IS NOT NULL
      AND start_time IS NOT NULL AND end_time IS NOT NULL
      THEN hash(parent_span_id, input_tokens, output_tokens, ${MODEL}) END`,
  ],
  ["source", "UBIGINT", "hash(scope, service_name)"],
  ["begin", "BIGINT", "epoch_ns(start_time)"],
  ["finish", "BIGINT", "epoch_ns(end_time)"],
];

/** Aggregates over rows that give a part's tree and its reports. */
export const USAGE_OF_ROWS: readonly string[] = [
  `list(${idNumber("span_id")}) AS tree_ids`,
  `list(${idNumber("parent_span_id")}) AS tree_parents`,
  `list({${REPORT.map(([field, , sql]) => `'${field}': ${sql}`).join(", ")}}) FILTER (WHERE ${REPORTS_USAGE}) AS reports`,
  "CAST(0 AS BIGINT) AS repeated_calls",
];

/** Fields of the JSON of a stored part's lists ({@link storedUsage}), from columns of the part. */
export const USAGE_LINKS =
  "'found': coalesce(len(found_ids), 0), 'reports': coalesce(reports, []), 'repeated': repeated_calls";

/** The tree and the reports of a stored part, from the JSON of its lists; nulls where it has none. */
export function storedUsage(links: string): string[] {
  const reports = `{${REPORT.map(([field, type]) => `"${field}":"${type}"`).join(",")}}`;
  // The lists end with what was found in other files.
  const own = (name: string): string =>
    `CASE WHEN (${links} -> 'reports') IS NOT NULL THEN list_slice(from_json(${links} -> '${name}', '["UBIGINT"]'), 1,
      len(from_json(${links} -> '${name}', '["UBIGINT"]')) - CAST((${links} ->> 'found') AS BIGINT)) END`;
  return [
    `${own("ids")} AS tree_ids`,
    `${own("parents")} AS tree_parents`,
    `from_json(${links} -> 'reports', '[${reports}]') AS reports`,
    `CAST((${links} ->> 'repeated') AS BIGINT) AS repeated_calls`,
  ];
}

/** Totals that count reports: name in a part, field of the report, type. */
const COUNTED = [
  ["input_tokens", "input", "BIGINT"],
  ["output_tokens", "output", "BIGINT"],
  ["total_tokens", "total", "BIGINT"],
  ["cost_usd", "cost", "DOUBLE"],
] as const;

/** Aggregates over parts that give the tree and the reports of the whole, and the totals of parts that have none. */
export const USAGE_OF_PARTS: readonly string[] = [
  ...["tree_ids", "tree_parents", "reports"].map(
    (name) => `flatten(list(${name}) FILTER (WHERE ${name} IS NOT NULL)) AS ${name}`,
  ),
  "CAST(sum(repeated_calls) AS BIGINT) AS repeated_calls",
  ...COUNTED.map(
    ([total, , type]) => `CAST(sum(${total}) FILTER (WHERE tree_ids IS NULL) AS ${type}) AS unseen_${total}`,
  ),
];

/** Ancestors up to 2^ROUNDS above are found. */
const ROUNDS = 10;

/** Follows `steps`, a list of places in itself or 0, as far as `goOn` says of a place. */
function followed(steps: string, goOn: string): string {
  const rounds = `list_concat([${steps}], list_transform(range(${ROUNDS}), lambda r: CAST([] AS BIGINT[])))`;
  return `list_reduce(${rounds}, lambda to_, r: list_transform(to_, lambda g: CASE WHEN ${goOn} THEN to_[g] ELSE g END))`;
}

/** Reports of a kind can only repeat each other: of tokens or of cost, of embedding or of anything else. */
const KINDS = [
  { column: "tokens", says: "(u.input IS NOT NULL OR u.output IS NOT NULL) AND NOT u.embeds" },
  { column: "tokens", says: "(u.input IS NOT NULL OR u.output IS NOT NULL) AND u.embeds" },
  { column: "cost", says: "u.cost IS NOT NULL AND NOT u.embeds" },
  { column: "cost", says: "u.cost IS NOT NULL AND u.embeds" },
] as const;

/** Whether a part may count a call twice: a report has a span below it, or two are alike. Quick, and nearly never true. */
const SUSPECT = `len(reports) > 1 AND len(tree_ids) <= ${TRACE_REPAIR_SPANS_MAX} AND (
    list_has_any(tree_parents, list_transform(reports, lambda u: u.id))
    OR list_unique(list_transform(reports, lambda u: u.call)) < len(list_filter(reports, lambda u: u.call IS NOT NULL)))`;

const whenSuspect = (sql: string, name: string): string => `CASE WHEN suspect THEN ${sql} END AS ${name}`;
const each = (columns: (kind: (typeof KINDS)[number], at: number) => string): string =>
  KINDS.map(columns).join(",\n  ");

/** Adds `above_tokens` and `above_cost`: ids of the reports that have another one of their kind below them. */
function withAbove(parts: string): string {
  const steps = `SELECT *,
  ${whenSuspect("list_transform(tree_parents, lambda p: coalesce(list_position(tree_ids, p), 0))", "up")},
  ${each(({ says }, at) => whenSuspect(`list_transform(list_filter(reports, lambda u: ${says}), lambda u: u.id)`, `ids_${at}`))}
FROM (${parts})`;
  const marked = `SELECT *,
  ${whenSuspect(followed("up", "g > 0"), "top")},
  ${each((_, at) => whenSuspect(`list_transform(tree_ids, lambda i: list_contains(ids_${at}, i))`, `is_${at}`))}
FROM (${steps})`;
  const near = `SELECT *,
  ${each((_, at) => whenSuspect(followed("up", `g > 0 AND NOT is_${at}[g]`), `near_${at}`))}
FROM (${marked})`;
  // Who goes round in circles has no top, and repeats nobody.
  const places = (at: number): string =>
    `list_filter(near_${at}, lambda g, i: is_${at}[i] AND top[i] = 0 AND g > 0)`;
  const all = (column: string): string => {
    const lists = KINDS.flatMap((kind, at) => (kind.column === column ? [places(at)] : []));
    return `list_transform(list_concat(${lists.join(", ")}), lambda g: tree_ids[g])`;
  };
  return `SELECT * EXCLUDE (up, top, ${KINDS.map((_, at) => `ids_${at}, is_${at}, near_${at}`).join(", ")}),
  ${whenSuspect(all("tokens"), "above_tokens")},
  ${whenSuspect(all("cost"), "above_cost")}
FROM (${near})`;
}

/** Whether report `i` tells of the call of `u` from within: by another instrumentation, alike, while `u` took place. */
const IS_WITHIN = `i.call = u.call AND i.source <> u.source AND i.begin >= u.begin AND i.finish <= u.finish
    AND (i.begin > u.begin OR i.finish < u.finish OR i.id > u.id)`;

/** Adds `twin_tokens` and `twin_cost`: ids of the reports that have the same call beside them. */
function withTwins(parts: string): string {
  const calls =
    "list_sort(list_transform(list_filter(reports, lambda u: u.call IS NOT NULL), lambda u: u.call))";
  const alike = `SELECT *, ${whenSuspect(`list_filter(calls, lambda c, i: i > 1 AND calls[i - 1] = c)`, "doubles")}
FROM (SELECT *, ${whenSuspect(calls, "calls")} FROM (${parts}))`;
  const few = `SELECT *, ${whenSuspect("list_filter(reports, lambda u: u.call IS NOT NULL AND list_contains(doubles, u.call))", "twins")}
FROM (${alike})`;
  const within = (says: string): string =>
    `CASE WHEN len(twins) BETWEEN 2 AND ${TRACE_TWINS_MAX} THEN list_transform(list_filter(twins, lambda u:
      len(list_filter(twins, lambda i: ${IS_WITHIN} AND ${says})) > 0), lambda u: u.id) END`;
  return `SELECT * EXCLUDE (calls, doubles, twins),
  ${within("true")} AS twin_tokens, ${within("(i.cost IS NOT NULL)")} AS twin_cost
FROM (${few})`;
}

/**
 * Makes the totals of parts count each call once. `unseen`: there are totals of parts without a tree, which stay as they
 * are (see {@link USAGE_OF_PARTS}).
 */
export function withCounted(parts: string, { unseen }: { readonly unseen: boolean }): string {
  const suspects = `SELECT *, coalesce(${SUSPECT}, false) AS suspect FROM (${parts})`;
  const found = withTwins(withAbove(suspects));
  const gone = (which: string): string => `list_concat(above_${which}, twin_${which})`;
  const counted = COUNTED.map(([total, field, type]) => {
    const ids = gone(field === "cost" ? "cost" : "tokens");
    const sum = `list_sum(list_transform(list_filter(reports, lambda u: NOT list_contains(${ids}, u.id)), lambda u: u.${field}))`;
    const whole = unseen ? `coalesce(unseen_${total} + ${sum}, unseen_${total}, ${sum})` : sum;
    return `CASE WHEN suspect THEN CAST(${whole} AS ${type}) ELSE ${total} END AS ${total}`;
  });
  const repeated = `len(list_filter(reports, lambda u: u.llm AND list_contains(list_concat(${gone("tokens")}, ${gone("cost")}), u.id)))`;
  return `SELECT * EXCLUDE (suspect, above_tokens, above_cost, twin_tokens, twin_cost) REPLACE (
  ${counted.join(",\n  ")},
  CASE WHEN suspect THEN llm_calls + coalesce(repeated_calls, 0) - ${repeated} ELSE llm_calls END AS llm_calls,
  CASE WHEN suspect THEN ${repeated} ELSE repeated_calls END AS repeated_calls)
FROM (${found})`;
}

/**
 * Condition on rows of these compacted files: they took the trace for whole, so that its part has no reports, although the
 * other `rows` have calls of it. Whether those are counted already only the rows of the trace tell.
 */
export function hasHiddenCalls(compacted: readonly ViewFile[], rows: string): string {
  const links = isKnown(TRACE_REPAIR_SINCE, compacted) ? "trace_links" : "CAST(NULL AS VARCHAR)";
  return `trace_key IN (SELECT ${TRACE_KEY} FROM ${rows} WHERE run_type IN ('llm', 'embedding') OR ${REPORTS_USAGE})
  AND (trace_total_tokens IS NOT NULL OR trace_cost_usd IS NOT NULL) AND coalesce(NOT contains(${links}, '"reports"'), true)`;
}
