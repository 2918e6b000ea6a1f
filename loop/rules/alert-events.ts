import type { JsonObject } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";

/** Which alerts to give. */
export interface AlertFilter {
  /** Name or id. */
  readonly rule?: string;
  readonly severity?: string;
  /** RFC 3339, inclusive. */
  readonly since?: string;
  readonly limit: number;
}

/** Alerts that rules raised, newest first. */
export async function readAlertEvents(rows: Rows, filter: AlertFilter): Promise<JsonObject[]> {
  const { rule, severity, since, limit } = filter;
  const bindings = new Bindings();
  const conditions: string[] = [];
  if (rule !== undefined) {
    const name = bindings.bind(rule);
    conditions.push(`(rule_name = ${name} OR rule_id = ${name})`);
  }
  if (severity !== undefined) conditions.push(`severity = ${bindings.bind(severity)}`);
  if (since !== undefined)
    conditions.push(`created_at >= CAST(${bindings.bind(since)} AS TIMESTAMPTZ)::TIMESTAMP::TIMESTAMP_NS`);
  const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
  const found = await rows(
    `SELECT id, data FROM alert_events${where} ORDER BY created_at DESC, id LIMIT ${limit}`,
    bindings.params,
  );
  return found.map((row) => ({ id: textIn(row, "id"), ...(JSON.parse(textIn(row, "data")) as JsonObject) }));
}
