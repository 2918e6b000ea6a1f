import { RULE_IDLE_MS } from "../../schema/index.js";
import type { SqlParameter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";

/** Ids in one statement. */
const IDS_MAX = 1_000;

/** Traces for which spans or feedback came in a part of the journal, and where the first of it is. */
export async function touchedTraces(
  rows: Rows,
  { after, to }: { readonly after: number; readonly to: number },
): Promise<Map<string, number>> {
  const touched = new Map<string, number>();
  const note = (trace: unknown, seq: unknown): void => {
    if (typeof trace !== "string") return;
    touched.set(trace, Math.min(touched.get(trace) ?? Infinity, Number(seq)));
  };
  const spans = await rows(
    "SELECT trace_id, min(seq) AS seq FROM spans WHERE seq > $1 AND seq <= $2 GROUP BY trace_id",
    [after, to],
  );
  for (const row of spans) note(row["trace_id"], row["seq"]);
  // The view `feedback` may have to look among all spans for the run of a feedback: only when there is any.
  const feedback = await rows(
    "SELECT id, min(seq) AS seq FROM feedback_history WHERE seq > $1 AND seq <= $2 GROUP BY id",
    [after, to],
  );
  for (const part of partsOf(feedback)) {
    const places = new Map(part.map((row) => [row["id"], Number(row["seq"])]));
    const about = await rows(
      `SELECT id, trace_id FROM feedback WHERE id IN (${part.map((_, at) => `$${at + 1}`).join(", ")})`,
      part.map((row) => row["id"] as SqlParameter),
    );
    for (const row of about) note(row["trace_id"], places.get(row["id"]) ?? to);
  }
  return touched;
}

/** Which of these traces can be looked at now, which have no span yet, and when the next of the others can, ms since 1970. */
export interface SettledTraces {
  readonly ready: readonly string[];
  readonly absent: readonly string[];
  readonly nextAt: number | undefined;
}

/**
 * A trace is complete when its root has ended and nothing came for the debounce time; one without such a root when
 * nothing came for RULE_IDLE_MS. Judged by what the mirror says, so that a restart changes nothing.
 */
export async function settledTraces(
  rows: Rows,
  traceIds: readonly string[],
  { now, debounceMs }: { readonly now: number; readonly debounceMs: number },
): Promise<SettledTraces> {
  const ready: string[] = [];
  const absent = new Set(traceIds);
  let nextAt: number | undefined;
  for (const part of partsOf(traceIds)) {
    const found = await rows(
      `SELECT trace_id, epoch_ms(max(received_at)::TIMESTAMP) AS newest,
  bool_or(parent_span_id IS NULL AND end_time IS NOT NULL) AS ended
FROM spans WHERE trace_id IN (${part.map((_, at) => `$${at + 1}`).join(", ")}) GROUP BY trace_id`,
      part,
    );
    for (const row of found) {
      const trace = row["trace_id"] as string;
      absent.delete(trace);
      // A clock that was put back must not hold a trace for longer than it may wait anyway.
      const newest = Math.min(Number(row["newest"]), now);
      const at = newest + (row["ended"] === true ? debounceMs : Math.max(RULE_IDLE_MS, debounceMs));
      if (at <= now) ready.push(trace);
      else nextAt = Math.min(nextAt ?? Infinity, at);
    }
  }
  return { ready, absent: [...absent], nextAt };
}

/** A list in parts that fit into a statement. */
export function partsOf<T>(list: readonly T[], size = IDS_MAX): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < list.length; at += size) parts.push(list.slice(at, at + size));
  return parts;
}
