import { type JsonObject, THREAD_TURNS_MAX } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";
import { CONTENT_COLUMNS, runContentOf } from "../runs/run-content.js";
import { keyOf, type RunKey, spanName } from "./matched-runs.js";
import type { MatchedRun, Rule } from "./rule-types.js";

/** Whether a rule is about threads, not about runs. */
export function isOverThreads({ data }: Rule): boolean {
  return data["scope"] === "thread";
}

/** A thread and the roots of its last traces, in the order of their start. */
interface Thread {
  readonly id: string;
  readonly turns: readonly RunKey[];
}

/**
 * Of the runs that a rule's filters take those that stand for a thread: the root of its last trace. As a trace is looked at when
 * nothing came for the debounce time, a thread is when that is true of its last one; a root that another followed meanwhile
 * is none any more.
 */
export async function lastOfThreads<T extends RunKey>(rows: Rows, keys: readonly T[]): Promise<T[]> {
  const threads = await threadsOf(rows, keys);
  return keys.filter((key) => {
    const last = threads.get(key.traceId)?.turns.at(-1);
    return last !== undefined && spanName(last) === spanName(key);
  });
}

/** The runs with their threads: what went in and came out of each turn. */
export async function withThreads(rows: Rows, runs: readonly MatchedRun[]): Promise<MatchedRun[]> {
  const threads = await threadTurns(rows, runs);
  return runs.map((run) => {
    const thread = threads.get(run.traceId);
    if (thread === undefined) return run;
    const turns = thread.turns.map(({ run_id, inputs = null, outputs = null }): JsonObject => {
      return { run_id: run_id ?? null, inputs, outputs };
    });
    return { ...run, thread: { id: thread.id, turns } };
  });
}

/** A thread with what went in and came out of its last turns, oldest first. */
export interface ThreadTurns {
  readonly id: string;
  /** `run_id`, `name`, `start_time`, `inputs`, `outputs` of each. */
  readonly turns: readonly JsonObject[];
}

/** The threads that traces are in, by trace id. */
export async function threadTurns(rows: Rows, keys: readonly RunKey[]): Promise<Map<string, ThreadTurns>> {
  const threads = await threadsOf(rows, keys);
  const turns = [...threads.values()].flatMap((thread) => thread.turns);
  if (turns.length === 0) return new Map();
  const bindings = new Bindings();
  const found = await rows(
    `SELECT s.trace_id, s.span_id, s.run_id, s.name, strftime(s.start_time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS start_time,
  ${CONTENT_COLUMNS} FROM spans AS s
WHERE s.parent_span_id IS NULL AND s.trace_id IN (${anyOf(
      turns.map(({ traceId }) => traceId),
      bindings,
    )})`,
    bindings.params,
  );
  const byName = new Map(
    found.map((row) => {
      const { inputs, outputs } = runContentOf(row);
      const named = {
        run_id: textIn(row, "run_id"),
        name: textIn(row, "name"),
        start_time: textIn(row, "start_time"),
      };
      return [spanName(keyOf(row)), { ...named, inputs: inputs ?? null, outputs: outputs ?? null }] as const;
    }),
  );
  return new Map(
    [...threads].map(([traceId, { id, turns: all }]) => {
      const said = all.flatMap((turn): JsonObject[] => {
        const one = byName.get(spanName(turn));
        return one === undefined ? [] : [one];
      });
      return [traceId, { id, turns: said }] as const;
    }),
  );
}

/** Threads by trace id; a trace that names none has none. */
async function threadsOf(rows: Rows, keys: readonly RunKey[]): Promise<ReadonlyMap<string, Thread>> {
  if (keys.length === 0) return new Map();
  const bindings = new Bindings();
  const traces = anyOf(
    keys.map(({ traceId }) => traceId),
    bindings,
  );
  // The conversation is named by the root, or by calls below it.
  const found = await rows(
    `WITH ours AS (SELECT DISTINCT conversation_id FROM spans WHERE trace_id IN (${traces}) AND conversation_id IS NOT NULL),
said AS (SELECT trace_id, min(conversation_id) AS thread_id FROM spans
  WHERE conversation_id IN (SELECT conversation_id FROM ours) GROUP BY trace_id)
SELECT s.trace_id, s.span_id, s.run_id, said.thread_id FROM spans AS s JOIN said ON said.trace_id = s.trace_id
WHERE s.parent_span_id IS NULL
QUALIFY row_number() OVER (PARTITION BY said.thread_id ORDER BY s.start_time DESC, s.trace_id DESC) <= ${THREAD_TURNS_MAX}
ORDER BY s.start_time, s.trace_id`,
    bindings.params,
  );
  const turns = new Map<string, RunKey[]>();
  for (const row of found) {
    const id = textIn(row, "thread_id");
    turns.set(id, [...(turns.get(id) ?? []), keyOf(row)]);
  }
  return new Map(
    [...turns].flatMap(([id, all]) => all.map(({ traceId }) => [traceId, { id, turns: all }] as const)),
  );
}

function anyOf(values: readonly string[], bindings: Bindings): string {
  return [...new Set(values)].map((value) => bindings.bind(value)).join(", ");
}
