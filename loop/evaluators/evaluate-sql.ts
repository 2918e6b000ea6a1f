import { CounterfoilError, type JsonValue } from "../../schema/index.js";
import type { JsonObject } from "../../schema/index.js";
import { textIn } from "../records/text-in.js";
import { type RunKey, spanName } from "../rules/matched-runs.js";
import type { Sandbox } from "../rules/where.js";
import type { Evaluator } from "./evaluator-book.js";

/**
 * Throws CF_RECORD_INVALID for a `sql` that is no expression over a row of `spans`. One that is no evaluator of kind sql
 * passes.
 */
export async function checkExpression(sandbox: Sandbox, data: JsonObject): Promise<void> {
  if (data["kind"] !== "sql") return;
  const columns = await run(
    sandbox,
    `DESCRIBE SELECT (\n${textIn(data, "sql")}\n) AS judgement FROM spans AS s WHERE false`,
  );
  if (columns.length === 1) return;
  throw new CounterfoilError(
    "CF_RECORD_INVALID",
    "Not a valid evaluator: sql: must be one expression over a row of spans.",
  );
}

/**
 * What a SQL expression makes of these runs, by {@link spanName}; of those that are gone nothing. Throws
 * CF_RECORD_INVALID when it fails over one of them.
 */
export async function judgeBySql(
  sandbox: Sandbox,
  evaluator: Evaluator,
  keys: readonly RunKey[],
): Promise<Map<string, JsonValue>> {
  // Each time is a process.
  if (keys.length === 0) return new Map();
  const texts = (ids: readonly string[]): string =>
    // Ids are hex; nothing else gets into the statement.
    [...new Set(ids)].map((id) => `'${id.replaceAll(/[^0-9a-f]/g, "")}'`).join(", ");
  const among = `s.trace_id IN (${texts(keys.map(({ traceId }) => traceId))}) AND s.span_id IN (${texts(keys.map(({ spanId }) => spanId))})`;
  const rows = await run(
    sandbox,
    // The expression stands on lines of its own, so that a comment at its end ends there.
    `SELECT s.trace_id, s.span_id, CAST(to_json((\n${textIn(evaluator.data, "sql")}\n)) AS VARCHAR) AS judgement
FROM spans AS s WHERE ${among}`,
  );
  const wanted = new Set(keys.map(spanName));
  const found = new Map<string, JsonValue>();
  for (const row of rows) {
    const name = spanName({ traceId: textIn(row, "trace_id"), spanId: textIn(row, "span_id") });
    const text = textIn(row, "judgement");
    // Whatever the expression makes of the statement, it judges no other run.
    if (wanted.has(name)) found.set(name, text === "" ? null : (JSON.parse(text) as JsonValue));
  }
  return found;
}

async function run(sandbox: Sandbox, sql: string): ReturnType<Sandbox> {
  try {
    return await sandbox(sql);
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.retryable) throw error;
    const text = `Not a valid evaluator: sql: ${error.message}`;
    throw new CounterfoilError("CF_RECORD_INVALID", text, { cause: error });
  }
}
