import type { JsonObject } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";

/** Which lines of the ledger to give. */
export interface EgressFilter {
  readonly kind?: string;
  /** Destination, evaluator or rule. */
  readonly name?: string;
  /** Part of the address. */
  readonly to?: string;
  /** What a trace is in: lines of rules about it, and of destinations whose positions hold spans of it. 32 hex digits. */
  readonly traceId?: string;
  /** RFC 3339: from, inclusive, and until, exclusive. */
  readonly since?: string;
  readonly until?: string;
  readonly limit: number;
}

/** Lines of the egress ledger, newest first. */
export async function readEgress(rows: Rows, filter: EgressFilter): Promise<JsonObject[]> {
  const bindings = new Bindings();
  const time = (text: string): string =>
    `CAST(${bindings.bind(text)} AS TIMESTAMPTZ)::TIMESTAMP::TIMESTAMP_NS`;
  const { kind, name, to, traceId, since, until, limit } = filter;
  const conditions = [
    ...(kind === undefined ? [] : [`e.kind = ${bindings.bind(kind)}`]),
    ...(name === undefined ? [] : [`e.name = ${bindings.bind(name)}`]),
    ...(to === undefined ? [] : [`contains(lower(e.address), lower(${bindings.bind(to)}))`]),
    ...(since === undefined ? [] : [`e.sent_at >= ${time(since)}`]),
    ...(until === undefined ? [] : [`e.sent_at < ${time(until)}`]),
    ...(traceId === undefined ? [] : [traceSql(bindings.bind(traceId))]),
  ];
  const found = await rows(
    `${traceId === undefined ? "" : positionsSql(bindings.bind(traceId))}SELECT e.id, e.data FROM egress AS e WHERE ${["true", ...conditions].join(" AND ")}
ORDER BY e.sent_at DESC, e.id LIMIT ${limit}`,
    bindings.params,
  );
  return found.map((row) => ({ id: textIn(row, "id"), ...(JSON.parse(textIn(row, "data")) as JsonObject) }));
}

/** Journal positions of a trace's spans. */
function positionsSql(trace: string): string {
  return `WITH positions AS (SELECT coalesce(list(DISTINCT seq), []) AS seqs FROM spans WHERE trace_id = ${trace})
`;
}

/** A line that delivered no spans, as that of records, has a range over every position all the same. */
function traceSql(trace: string): string {
  return `(e.trace_id = ${trace} OR ((e.kind = 'replay' OR CAST(json_extract(e.delivered, '$.traces') AS BIGINT) > 0)
  AND len(list_filter((SELECT seqs FROM positions), lambda seq: seq BETWEEN e.first_seq AND e.last_seq)) > 0))`;
}
