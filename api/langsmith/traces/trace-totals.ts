import { nanosToRunTime, type RunFields, type RunRecord } from "../../../schema/index.js";
import { type MirrorReads, textAt } from "../../mirror-reads.js";
import { uuidOf } from "../runs/run-view.js";

/** Totals over whole traces, by trace id as LangSmith writes it. Fields without a value are missing. */
export async function traceTotals(
  reads: MirrorReads,
  runs: readonly RunFields[],
): Promise<ReadonlyMap<string, RunRecord>> {
  const traces = [...new Set(runs.flatMap((run) => textAt(run, "trace_id")?.replaceAll("-", "") ?? []))];
  if (traces.length === 0) return new Map();
  const marks = traces.map((_, at) => `$${at + 1}`).join(", ");
  const [totals, tokens] = await Promise.all([
    reads.rows(
      `SELECT trace_id, total_tokens, output_tokens, cost_usd FROM traces WHERE trace_id IN (${marks})`,
      traces,
    ),
    reads.rows(
      `SELECT trace_id, epoch_ns(min(start_time + to_microseconds(CAST(time_to_first_token_ms * 1000 AS BIGINT))))::VARCHAR AS first_token
FROM spans WHERE trace_id IN (${marks}) AND time_to_first_token_ms IS NOT NULL GROUP BY trace_id`,
      traces,
    ),
  ]);
  const found = new Map<string, RunRecord>();
  for (const row of totals) {
    const total = Number(row["total_tokens"] ?? 0);
    const completion = Number(row["output_tokens"] ?? 0);
    found.set(uuidOf(textAt(row, "trace_id") ?? ""), {
      total_tokens: total,
      completion_tokens: completion,
      prompt_tokens: total - completion,
      ...(row["cost_usd"] === null ? {} : { total_cost: Number(row["cost_usd"]) }),
    });
  }
  for (const row of tokens) {
    const id = uuidOf(textAt(row, "trace_id") ?? "");
    const time = nanosToRunTime(BigInt(textAt(row, "first_token") ?? 0));
    found.set(id, { ...found.get(id), first_token_time: time });
  }
  return found;
}
