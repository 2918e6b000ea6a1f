import {
  LOG_COLUMN_NAMES,
  LOG_COLUMNS,
  LOG_MESSAGE_COLUMNS,
  LOG_USAGE_COLUMNS,
  type LogColumn,
} from "../../schema/genai/log-columns.js";
import { CHOICE_EVENT, DETAILS_EVENT } from "../../schema/genai/shapes/events.js";
import type { FileEntry } from "../types.js";
import { LOG_CONTENT_COLUMNS } from "../../schema/log-content-columns.js";
import { isKnown, readFiles, type ViewFile } from "../views/files-relation.js";
import { sqlIdentifier, sqlString } from "../views/sql-text.js";

/**
 * SQL that joins what log records say (`log_content`) to the spans they were written in. A span's own value always stays;
 * what comes from records is marked in `provenance` as `log:` and their event names, so that later records can still add
 * to it.
 */

/** Before a column's source in `provenance`: the events that filled it. */
export const LOG_SOURCE = "log:";

/** A pending record may belong to a span that began so much before it, nanoseconds: only such files are joined. */
const REACH_NS = 86_400_000_000_000n;

/** How values from records meet those from earlier records: added, or put in their place. */
export type LogJoinMode = "add" | "replace";

/** One record of several deliveries. */
function records(relation: string): string {
  const values = [...LOG_COLUMN_NAMES, "choice", "price_usd", "price_version"].map(
    (name) => `any_value(${name}) AS ${name}`,
  );
  return `(SELECT trace_id, span_id, any_value(event_name) AS event_name, any_value(whole) AS whole,
    {'time': min(time), 'place': min({'seq': seq, 'seq_index': seq_index})} AS place, ${values.join(", ")}
  FROM ${relation} GROUP BY trace_id, span_id, digest)`;
}

function merged(name: LogColumn): string {
  // Not string_agg(DISTINCT ... ORDER BY ...): sorting inside an aggregate costs milliseconds a group.
  const events = `array_to_string(list_sort(list_distinct(list(event_name) FILTER (${name} IS NOT NULL))), ',') AS events_${name}`;
  if (LOG_MESSAGE_COLUMNS.has(name)) {
    // Every value is a JSON array that is not empty.
    return `coalesce(arg_max(${name}, place) FILTER (whole AND ${name} IS NOT NULL),
      '[' || array_to_string(list_transform(list_sort(list({'place': place, 'text': ${name}[2:-2]})
        FILTER (NOT whole AND ${name} IS NOT NULL)), lambda m: m.text), ',') || ']') AS log_${name},
    coalesce(bool_or(whole) FILTER (${name} IS NOT NULL), false) AS whole_${name},
    ${events}`;
  }
  if (name === "finish_reasons") {
    // One answer to a request each: all of them, in the order of the answers.
    return `coalesce(arg_max(${name}, place) FILTER (choice IS NULL AND ${name} IS NOT NULL),
      '[' || array_to_string(list_transform(list_sort(list({'choice': choice, 'place': place, 'text': ${name}[2:-2]})
        FILTER (choice IS NOT NULL AND ${name} IS NOT NULL)), lambda m: m.text), ',') || ']') AS log_${name}, ${events}`;
  }
  return `arg_max(${name}, place) FILTER (${name} IS NOT NULL) AS log_${name}, ${events}`;
}

/** The price of the usage that counts: of the last record that has any. */
const PRICE = ["price_usd", "price_version"]
  .map(
    (name) =>
      `arg_max_null(${name}, place) FILTER (input_tokens IS NOT NULL OR output_tokens IS NOT NULL) AS log_${name}`,
  )
  .join(",\n    ");

/** A relation with what the records say together: one row a span, its columns with `log_` before their names. */
export function contentBySpan(relation: string): string {
  return `(SELECT trace_id AS log_trace_id, span_id AS log_span_id,
    ${LOG_COLUMN_NAMES.map(merged).join(",\n    ")},
    ${PRICE}
  FROM ${records(relation)} GROUP BY trace_id, span_id)`;
}

/** Condition that a join with {@link contentBySpan} is on. */
export function onSpan(alias: string): string {
  return `${alias}.log_trace_id = trace_id AND ${alias}.log_span_id = span_id`;
}

/** Whether records can fill the column on a span of this run type. */
function allowed(name: LogColumn): string {
  const types: readonly (string | null)[] = LOG_COLUMNS[name];
  const known = types.filter((type) => type !== null).map(sqlString);
  const list = `run_type IN (${known.join(", ")})`;
  return types.includes(null) ? `(run_type IS NULL OR ${list})` : `coalesce(${list}, false)`;
}

/** Whether `provenance` says that the column came from records. Its text is compact JSON, so this is exact and cheap. */
export function isFromLogs(name: LogColumn, event = ""): string {
  return `coalesce(contains(provenance, ${sqlString(`"${name}":"${LOG_SOURCE}${event}`)}), false)`;
}

/** Whether records have a value for the column of such a span. */
function said(name: LogColumn): string {
  return `log_${name} IS NOT NULL AND ${allowed(name)}`;
}

/** Whether the span's own columns leave this one open. */
function isOpen(name: LogColumn): string {
  // An emitter's own cost goes before one of the price table.
  if (name === "cost_usd") return "(cost_usd IS NULL OR coalesce(cost_source = 'price', false))";
  return LOG_USAGE_COLUMNS.has(name) ? "input_tokens IS NULL AND output_tokens IS NULL" : `${name} IS NULL`;
}

const reasons = (column: string): string => `from_json(${column}, '["VARCHAR"]')`;

/** The span's usage came from records. */
export const USAGE_FROM_LOGS = `(${isFromLogs("input_tokens")} OR ${isFromLogs("output_tokens")})`;

/** Whether the span's usage comes from these records now: only then does their price count. */
const USAGE_NOW = `((${said("input_tokens")} OR ${said("output_tokens")}) AND (${isOpen("input_tokens")} OR ${USAGE_FROM_LOGS}))`;
const EMITTED = `(${said("cost_usd")} AND (${isOpen("cost_usd")} OR ${isFromLogs("cost_usd")}))`;
const PRICED = `(${USAGE_NOW} AND ${isOpen("cost_usd")})`;

/** A column of the cost: as a record has it, else by the price of its usage, else as it is. */
function costColumn(name: string, emitted: string, priced: string): [string, string] {
  return [name, `CASE WHEN ${EMITTED} THEN ${emitted} WHEN ${PRICED} THEN ${priced} ELSE ${name} END`];
}

function joinedValue(name: LogColumn, mode: LogJoinMode): string {
  const earlier = LOG_USAGE_COLUMNS.has(name) ? USAGE_FROM_LOGS : isFromLogs(name);
  if (name === "finish_reasons" && mode === "add") {
    // A choice that came after the others were written; one that is told again adds nothing.
    return `CASE WHEN NOT (${said(name)}) THEN ${name} WHEN ${isOpen(name)} THEN log_${name}
      WHEN ${isFromLogs(name, CHOICE_EVENT)} AND events_${name} = '${CHOICE_EVENT}' THEN
        CAST(to_json(list_concat(${reasons(name)}, list_filter(${reasons(`log_${name}`)},
          lambda r: NOT list_contains(${reasons(name)}, r)))) AS VARCHAR)
      WHEN ${earlier} THEN log_${name} ELSE ${name} END`;
  }
  const again =
    mode === "replace" || !LOG_MESSAGE_COLUMNS.has(name)
      ? `log_${name}`
      : `CASE WHEN whole_${name} THEN log_${name}
      WHEN ${isFromLogs(name, DETAILS_EVENT)} OR contains(${name}, log_${name}[2:-2]) THEN ${name}
      ELSE ${name}[:-2] || ',' || log_${name}[2:] END`;
  return `CASE WHEN NOT (${said(name)}) THEN ${name} WHEN ${isOpen(name)} THEN log_${name} WHEN ${earlier} THEN ${again} ELSE ${name} END`;
}

/** The span's provenance with an entry for each column that records fill now; those they filled before have one. */
function joinedProvenance(): string {
  const entries = LOG_COLUMN_NAMES.map(
    (name) =>
      `CASE WHEN ${said(name)} AND ${isOpen(name)} THEN ${sqlString(`,"${name}":`)} || CAST(to_json(${sqlString(LOG_SOURCE)} || events_${name}) AS VARCHAR) ELSE '' END`,
  );
  const added = entries.join(" || ");
  return `CASE WHEN provenance IS NULL THEN nullif('{' || (${added})[2:] || '}', '{}') ELSE provenance[:-2] || ${added} || '}' END`;
}

/**
 * Columns of `spans` that the join may change, with their SQL over the span's row, which has its columns under their own
 * names, and that of {@link contentBySpan} beside it (a left join).
 */
export function joinedColumns(mode: LogJoinMode): ReadonlyMap<string, string> {
  const fresh = (name: LogColumn): string => `(${said(name)} AND ${isOpen(name)})`;
  const hasUsage = `${fresh("input_tokens")} OR ${fresh("output_tokens")} OR ${fresh("cost_usd")}`;
  const values: [string, string][] = [
    ...LOG_COLUMN_NAMES.map((name): [string, string] => [name, joinedValue(name, mode)]),
    ["usage_scope", `CASE WHEN ${hasUsage} THEN coalesce(usage_scope, 'own') ELSE usage_scope END`],
    costColumn("cost_usd", "log_cost_usd", "log_price_usd"),
    costColumn("cost_source", "'emitter'", "CASE WHEN log_price_usd IS NOT NULL THEN 'price' END"),
    costColumn("price_version", "NULL", "log_price_version"),
    ["provenance", joinedProvenance()],
  ];
  return new Map(
    values.map(([name, value]) => [name, `CASE WHEN log_trace_id IS NULL THEN ${name} ELSE ${value} END`]),
  );
}

/** Files of `spans` that may hold spans of these pending records; the others need no join. */
export function filesInReach<File extends Pick<FileEntry, "maxTimeUnixNano">>(
  spans: readonly File[],
  content: readonly Pick<FileEntry, "minTimeUnixNano">[],
): File[] {
  const times = content.map(({ minTimeUnixNano }) => minTimeUnixNano);
  if (times.length === 0) return [];
  const known = times.flatMap((time) => (time === null ? [] : [BigInt(time)]));
  if (known.length < times.length) return [...spans];
  const earliest = known.reduce((a, b) => (b < a ? b : a)) - REACH_NS;
  return spans.filter(({ maxTimeUnixNano: max }) => max === null || BigInt(max) >= earliest);
}

/** Files of log records that may tell of the spans in these files: of their times, a day more or less. */
export function logsInReach(logs: readonly FileEntry[], spans: readonly FileEntry[]): FileEntry[] {
  return logs.filter(({ minTimeUnixNano: from, maxTimeUnixNano: to }) =>
    spans.some(
      ({ minTimeUnixNano: min, maxTimeUnixNano: max }) =>
        from === null ||
        to === null ||
        min === null ||
        max === null ||
        (BigInt(from) <= BigInt(max) + REACH_NS && BigInt(to) >= BigInt(min) - REACH_NS),
    ),
  );
}

/** Every row of these files of `log_content`, with all columns of the table. */
export function contentRows(files: readonly ViewFile[]): string {
  const columns = LOG_CONTENT_COLUMNS.map(({ name, since = 1, type }) =>
    isKnown(since, files) ? sqlIdentifier(name) : `CAST(NULL AS ${type}) AS ${sqlIdentifier(name)}`,
  );
  return `(SELECT ${columns.join(", ")} FROM ${readFiles(files)})`;
}
