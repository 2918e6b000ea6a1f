import {
  CounterfoilError,
  type JsonObject,
  RULE_BACKFILL_RUNS_PER_QUERY,
  RULE_BACKFILL_STEP_MS,
  RULE_DEBOUNCE_MS,
  RULE_RUNS_PER_CHANGE,
  timeToUnixNano,
} from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";
import { act } from "./act.js";
import { keyOf, type RunKey } from "./matched-runs.js";
import { isSampled, ruleConditionSql } from "./rule-filter.js";
import { ruleRunIdOf } from "./rule-ids.js";
import type { Rule } from "./rule-types.js";
import {
  loadChange,
  matching,
  type Narrowed,
  narrowed,
  notDone,
  type TakePorts,
  takeRuns,
} from "./take-runs.js";
import { partsOf, settledTraces } from "./touched-traces.js";
import { whereOf } from "./where.js";

/** What part of the history to take. */
export interface BackfillStep {
  /** Runs that started then or later, RFC 3339. */
  readonly since?: string;
  /** `next` of the step before. */
  readonly after?: string;
  /** Say what would become of them, and write nothing. */
  readonly dryRun?: boolean;
}

/** What became of one part of the history. */
export interface BackfillReport {
  /** Runs that the rule's filters matched, in the order of their start. */
  readonly looked: number;
  /** Of those: not in the rule's sample. */
  readonly notSampled: number;
  /** Of those: the rule's SQL condition does not take them. */
  readonly notMatched: number;
  /** Of those: in traces that are not complete yet. The rule takes them when they are. */
  readonly open: number;
  /** Of those: this version of the rule was through with them. */
  readonly before: number;
  /** What became of the others: how many of each outcome and reason. */
  readonly outcomes: readonly BackfillOutcome[];
  /** Runs that the filters match from here on; only in the first step. */
  readonly total?: number;
  /** Start of the last run of this part, RFC 3339. Absent when there was none. */
  readonly upTo?: string;
  /** Where the next step goes on. Absent at the end. */
  readonly next?: string;
}

/** How many runs ended alike. */
export interface BackfillOutcome {
  readonly outcome: string;
  readonly reason: string | null;
  readonly runs: number;
}

/** A run and when it started, nanoseconds since 1970. */
interface PastRun extends RunKey {
  readonly startNanos: bigint;
}

/**
 * Takes the next part of the history under a rule, as the rule itself takes what comes: with the same ids, in turn with
 * it, so that no run is taken twice whoever comes first, and doing a part again does nothing. A part ends after
 * RULE_BACKFILL_STEP_MS. Throws CF_USAGE for a `since` or `after` that is none.
 */
export async function backfillStep(
  ports: TakePorts & { readonly now: () => number },
  rule: Rule,
  step: BackfillStep,
): Promise<BackfillReport> {
  const from = placeOf(step);
  const found = await pastRuns(ports.rows, rule, from);
  const until = performance.now() + RULE_BACKFILL_STEP_MS;
  const counts = { looked: 0, notSampled: 0, notMatched: 0, open: 0, before: 0 };
  const outcomes = new Map<string, BackfillOutcome>();
  let last: PastRun | undefined;
  // A SQL condition costs a process each time.
  const size = whereOf(rule.data) === undefined ? RULE_RUNS_PER_CHANGE : 20 * RULE_RUNS_PER_CHANGE;
  for (const part of partsOf(found, size)) {
    if (performance.now() > until) break;
    const sampled = part.filter(({ traceId }) => isSampled(traceId, rule.data["sampling_rate"]));
    const settled = await inSettledTraces(ports, rule, sampled);
    const open = await notDone(ports.rows, rule, settled);
    // What a SQL condition can't decide is noted, and a dry run writes nothing: it fails.
    const { matched, failed }: Narrowed<RunKey> =
      step.dryRun === true
        ? { matched: await matching(ports, rule, open) }
        : await narrowed(ports, rule, open);
    counts.looked += part.length;
    counts.notSampled += part.length - sampled.length;
    counts.open += sampled.length - settled.length;
    counts.before += settled.length - open.length;
    if (failed === undefined) counts.notMatched += open.length - matched.length;
    else for (let at = 0; at < open.length; at++) count(outcomes, { outcome: "error", reason: failed });
    for (const keys of partsOf(matched, RULE_RUNS_PER_CHANGE)) {
      for (const note of await notesOf(ports, { rule, keys }, step)) count(outcomes, note);
    }
    last = part.at(-1) ?? last;
  }
  const isEnd = counts.looked === found.length && found.length < RULE_BACKFILL_RUNS_PER_QUERY;
  return {
    ...counts,
    outcomes: [...outcomes.values()].sort((left, right) => right.runs - left.runs),
    ...(step.after === undefined ? { total: await countRuns(ports.rows, rule, from) } : {}),
    ...(last === undefined ? {} : { upTo: timeText(last.startNanos) }),
    ...(isEnd || last === undefined ? {} : { next: placeText(last) }),
  };
}

/** Acts on runs, or only finds out what it would make of them; gives what their notes say then. */
async function notesOf(
  ports: TakePorts,
  taking: { readonly rule: Rule; readonly keys: readonly RunKey[] },
  { dryRun }: BackfillStep,
): Promise<readonly JsonObject[]> {
  const { rule, keys } = taking;
  const notes = new Map<string, JsonObject>();
  if (dryRun === true) {
    const change = { ...(await loadChange(ports, taking)), time: new Date().toISOString() };
    for (const { type, id, data } of await act(ports, change)) {
      if (type === "rule_run" && id !== undefined && data !== null) notes.set(id, data);
    }
  } else await takeRuns(ports, taking);
  const rest = keys.map((key) => ruleRunIdOf(rule.id, key)).filter((id) => !notes.has(id));
  for (const part of partsOf(rest)) {
    const bindings = new Bindings();
    const list = part.map((id) => bindings.bind(id)).join(", ");
    const rows = await ports.rows(`SELECT id, data FROM rule_runs WHERE id IN (${list})`, bindings.params);
    for (const row of rows) notes.set(textIn(row, "id"), JSON.parse(textIn(row, "data")) as JsonObject);
  }
  return [...notes.values()];
}

function count(outcomes: Map<string, BackfillOutcome>, note: JsonObject): void {
  const outcome = textIn(note, "outcome");
  const reason = textIn(note, "reason") || null;
  const key = JSON.stringify([outcome, reason]);
  outcomes.set(key, { outcome, reason, runs: (outcomes.get(key)?.runs ?? 0) + 1 });
}

async function inSettledTraces(
  ports: TakePorts & { readonly now: () => number },
  rule: Rule,
  runs: readonly PastRun[],
): Promise<PastRun[]> {
  if (runs.length === 0) return [];
  const traces = [...new Set(runs.map(({ traceId }) => traceId))];
  const { ready } = await settledTraces(ports.rows, traces, {
    now: ports.now(),
    debounceMs: debounceMsOf(rule),
  });
  const settled = new Set(ready);
  return runs.filter(({ traceId }) => settled.has(traceId));
}

/** How long nothing may have come for a trace, ms. */
export function debounceMsOf({ data }: Rule): number {
  const seconds = data["debounce_seconds"];
  return typeof seconds === "number" ? seconds * 1_000 : RULE_DEBOUNCE_MS;
}

/** A place in the history: behind this run, or with all runs of that time. */
type Place = PastRun | { readonly startNanos: bigint } | undefined;

function placeSql(rule: Rule, place: Place, bindings: Bindings): string {
  const condition = ruleConditionSql(rule.data, bindings);
  if (place === undefined) return condition;
  const time = bindings.time(place.startNanos);
  // Of the plain column DuckDB knows what each part of a file has; only at the very beginning are there runs without a start.
  const start = place.startNanos > 0n ? "s.start_time" : START_SQL;
  if (!("traceId" in place)) return `${condition} AND ${start} >= ${time}`;
  const [trace, span] = [bindings.bind(place.traceId), bindings.bind(place.spanId)];
  return `${condition} AND ${start} >= ${time}
  AND (${start} > ${time} OR s.trace_id > ${trace} OR (s.trace_id = ${trace} AND s.span_id > ${span}))`;
}

/** A run without a start comes as the oldest: as the newest, a step that ended with one would go on at the beginning again. */
const START_SQL = "coalesce(s.start_time, make_timestamp_ns(0))";

async function pastRuns(rows: Rows, rule: Rule, from: Place): Promise<PastRun[]> {
  const bindings = new Bindings();
  const found = await rows(
    `SELECT s.trace_id, s.span_id, s.run_id, epoch_ns(${START_SQL})::VARCHAR AS start_ns FROM spans AS s
WHERE ${placeSql(rule, from, bindings)} ORDER BY ${START_SQL}, s.trace_id, s.span_id LIMIT ${RULE_BACKFILL_RUNS_PER_QUERY}`,
    bindings.params,
  );
  return found.map((row) => ({ ...keyOf(row), startNanos: BigInt(textIn(row, "start_ns")) }));
}

async function countRuns(rows: Rows, rule: Rule, from: Place): Promise<number> {
  const bindings = new Bindings();
  const [row]: readonly ReaderRow[] = await rows(
    `SELECT count(*) AS runs FROM spans AS s WHERE ${placeSql(rule, from, bindings)}`,
    bindings.params,
  );
  return Number(row?.["runs"] ?? 0);
}

function placeOf({ since, after }: BackfillStep): Place {
  if (after !== undefined) {
    const [, nanos, traceId, spanId] = /^(\d{1,19})-([0-9a-f]{32})-([0-9a-f]{16})$/.exec(after) ?? [];
    if (nanos !== undefined && traceId !== undefined && spanId !== undefined) {
      return { startNanos: BigInt(nanos), traceId, spanId, runId: "" };
    }
    throw new CounterfoilError(
      "CF_USAGE",
      `after must be the next of the step before, got ${JSON.stringify(after)}.`,
    );
  }
  if (since === undefined) return undefined;
  const startNanos = timeToUnixNano(since);
  if (startNanos !== undefined) return { startNanos };
  throw new CounterfoilError(
    "CF_USAGE",
    `since must be a time such as 2026-11-23T10:00:00Z, got ${JSON.stringify(since)}.`,
  );
}

function placeText({ startNanos, traceId, spanId }: PastRun): string {
  return `${startNanos}-${traceId}-${spanId}`;
}

/** To the millisecond below: whoever goes on there leaves nothing out. */
function timeText(nanos: bigint): string {
  return new Date(Number(nanos / 1_000_000n)).toISOString();
}
