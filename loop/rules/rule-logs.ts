import type { JsonObject } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";

/** Which entries of the log to give. */
export interface RuleLogFilter {
  readonly ruleId?: string;
  readonly outcome?: string;
  readonly traceId?: string;
  /** When the rule acted, RFC 3339, inclusive. */
  readonly since?: string;
  readonly until?: string;
  /** At most this many, newest first. */
  readonly limit: number;
  readonly offset?: number;
}

/** What rules did with runs: one entry a rule and run, as it is now, newest first. */
export async function readRuleLogs(rows: Rows, filter: RuleLogFilter): Promise<JsonObject[]> {
  const bindings = new Bindings();
  const conditions = [
    ["rule_id", filter.ruleId],
    ["outcome", filter.outcome],
    ["trace_id", filter.traceId],
  ].flatMap(([column, value]) => (value === undefined ? [] : [`${column} = ${bindings.bind(value)}`]));
  const bounds = [
    [">=", filter.since],
    ["<=", filter.until],
  ] as const;
  for (const [operator, time] of bounds)
    if (time !== undefined) conditions.push(`time ${operator} CAST(${bindings.bind(time)} AS TIMESTAMP_NS)`);
  const found = await rows(
    `SELECT id, data, strftime(time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ') AS time FROM rule_runs
${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`}
ORDER BY seq DESC, seq_index DESC LIMIT ${filter.limit} OFFSET ${filter.offset ?? 0}`,
    bindings.params,
  );
  return found.map((row) => ({
    id: textIn(row, "id"),
    ...(JSON.parse(textIn(row, "data")) as JsonObject),
    time: textIn(row, "time"),
  }));
}
