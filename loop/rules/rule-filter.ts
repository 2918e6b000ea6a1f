import { createHash } from "node:crypto";
import { CounterfoilError, errorMessage, type JsonObject, type JsonValue } from "../../schema/index.js";
import { DEFAULT_PROJECT } from "../filter/fields.js";
import { Bindings, filterSql } from "../filter/filter-sql.js";
import { parseFilter } from "../filter/parse-filter.js";

/** Fields of a rule that hold a filter, and to which runs of the trace each applies. */
const FILTERS = ["filter", "trace_filter", "tree_filter"] as const;

/**
 * The runs of a rule as a condition over a row `s` of `spans`: its project and its filters, values bound. `among` is a
 * condition on the traces of such rows. Throws CF_RECORD_INVALID, which names the field that is wrong.
 */
export function ruleConditionSql(data: JsonObject, bindings: Bindings, among = "true"): string {
  // Only what has ended can be judged.
  const conditions = [among, "s.end_time IS NOT NULL"];
  const project = textOf(data["project"]);
  if (project !== undefined) {
    conditions.push(`coalesce(s.project, '${DEFAULT_PROJECT}') = ${bindings.bind(project)}`);
  }
  for (const field of FILTERS) {
    const text = textOf(data[field]);
    if (text === undefined) continue;
    const sql = compiled(field, text, bindings);
    if (field === "filter") conditions.push(sql);
    else {
      const root = field === "trace_filter" ? " AND s.parent_span_id IS NULL" : "";
      // Said once more within: DuckDB does not take it over from outside, and would look through the whole history.
      conditions.push(`s.trace_id IN (SELECT s.trace_id FROM spans AS s WHERE ${among} AND ${sql}${root})`);
    }
  }
  return conditions.join(" AND ");
}

function compiled(field: string, text: string, bindings: Bindings): string {
  try {
    return filterSql(parseFilter(text), bindings);
  } catch (error) {
    throw new CounterfoilError("CF_RECORD_INVALID", `Not a valid rule: ${field}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Whether a trace is in the sample of a rate from 0 to 1: always the same traces, those of a lower rate among them. */
export function isSampled(traceId: string, rate: JsonValue | undefined): boolean {
  if (typeof rate !== "number" || rate >= 1) return true;
  const digest = createHash("sha256").update(traceId).digest();
  return digest.readUIntBE(0, 6) < rate * 2 ** 48;
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}
