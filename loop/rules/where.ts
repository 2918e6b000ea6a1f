import { CounterfoilError, type JsonObject } from "../../schema/index.js";
import { textIn } from "../records/text-in.js";
import { type RunKey, spanName } from "./matched-runs.js";
import type { Rule } from "./rule-types.js";
import { partsOf } from "./touched-traces.js";

/**
 * Rows of a SELECT that a user wrote a part of: over the mirror as it is, in a process that can read nothing else and is
 * killed when it takes too much (I8). Throws CF_QUERY_REFUSED, CF_QUERY_FAILED and CF_QUERY_LIMIT.
 */
export type Sandbox = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** The SQL condition of a rule; undefined when it has none. */
export function whereOf(data: JsonObject): string | undefined {
  const where = textIn(data, "where");
  return where.trim() === "" ? undefined : where;
}

/**
 * Throws CF_RECORD_INVALID for a `where` that is no condition over a row of `spans`. DuckDB takes a text for a condition and
 * fails at the first row, so its type is asked for.
 */
export async function checkWhere(sandbox: Sandbox, data: JsonObject): Promise<void> {
  const where = whereOf(data);
  if (where === undefined) return;
  const columns = await run(
    sandbox,
    `DESCRIBE SELECT (\n${where}\n) AS condition FROM (SELECT s.* FROM spans AS s WHERE false AND (\n${where}\n)) AS s`,
  );
  const types = columns.map((column) => textIn(column, "column_type"));
  if (types.length === 1 && types[0] === "BOOLEAN") return;
  throw new CounterfoilError(
    "CF_RECORD_INVALID",
    `Not a valid rule: where: must be true or false of each span, got ${types.join(", ")}`,
  );
}

async function run(sandbox: Sandbox, sql: string): ReturnType<Sandbox> {
  try {
    return await sandbox(sql);
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.retryable) throw error;
    const text = `Not a valid rule: where: ${error.message}`;
    throw new CounterfoilError("CF_RECORD_INVALID", text, { cause: error });
  }
}

/** Those of the runs that a rule's SQL condition is true of. Throws CF_RECORD_INVALID when it fails over them. */
export async function matchingWhere<T extends RunKey>(
  sandbox: Sandbox,
  rule: Rule,
  keys: readonly T[],
): Promise<T[]> {
  const where = whereOf(rule.data);
  if (where === undefined) return [...keys];
  const found = new Set<string>();
  for (const part of partsOf(keys)) {
    const among = `s.trace_id IN (${texts(part.map(({ traceId }) => traceId))}) AND s.span_id IN (${texts(part.map(({ spanId }) => spanId))})`;
    for (const row of await run(sandbox, selectSql(among, where))) {
      found.add(spanName({ traceId: textIn(row, "trace_id"), spanId: textIn(row, "span_id") }));
    }
  }
  // Whatever the condition makes of the statement, it takes no run that the filters did not.
  return keys.filter((key) => found.has(spanName(key)));
}

/** The condition stands on lines of its own, so that a comment at its end ends there. */
function selectSql(among: string, where: string): string {
  return `SELECT s.trace_id, s.span_id FROM spans AS s WHERE ${among} AND (\n${where}\n)`;
}

/** Ids are hex; nothing else gets into the statement. */
function texts(ids: readonly string[]): string {
  return [...new Set(ids)].map((id) => `'${id.replaceAll(/[^0-9a-f]/g, "")}'`).join(", ");
}
