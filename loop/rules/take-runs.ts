import {
  CounterfoilError,
  FEEDBACK,
  RULE_RUNS_PER_CHANGE,
  RULE_TRACES_PER_QUERY,
} from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import type { DatasetService } from "../datasets/dataset-service.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { act, failedRuns, pendingIn } from "./act.js";
import { evaluate, evaluatorsOf } from "./evaluator-action.js";
import { judgementIdOf } from "../evaluators/judgement.js";
import type { ActPorts, RuleChange } from "./example-action.js";
import { loadRuns, matchingRuns, type RunKey } from "./matched-runs.js";
import { textIn } from "../records/text-in.js";
import { ruleRunIdOf } from "./rule-ids.js";
import type { Rule } from "./rule-types.js";
import { partsOf } from "./touched-traces.js";
import { isOverThreads, lastOfThreads, withThreads } from "./threads.js";
import { matchingWhere, type Sandbox } from "./where.js";

/** What rules read and write with. */
export interface TakePorts extends ActPorts {
  /** Sees the mirror as it is, and waits for nothing. */
  readonly peek: Rows;
  /** Writes, in turn with all other changes of datasets. */
  readonly datasets: DatasetService;
  /** For the SQL conditions of rules. */
  readonly sandbox: Sandbox;
  /** Is told that a rule gave feedback, which other rules may wait for. */
  readonly onFeedback?: () => void;
  /** Is told of the `rule_runs` that wait for something outside, once they are durable. */
  readonly onPending?: (waiting: readonly { readonly id: string; readonly ruleId: string }[]) => void;
}

/** Looks which runs of these traces a rule takes, and acts on those that it has not done with. Says whether its SQL took too much. */
export async function takeTraces(
  ports: TakePorts,
  rule: Rule,
  traceIds: readonly string[],
): Promise<boolean> {
  let tookTooMuch = false;
  for (const part of partsOf(traceIds, RULE_TRACES_PER_QUERY)) {
    for await (const keys of matchingRuns(ports.peek, { rule, traceIds: part })) {
      const open = await notDone(ports.peek, rule, keys);
      const { matched, isLimit = false } = await narrowed(ports, rule, open);
      tookTooMuch ||= isLimit;
      for (const some of partsOf(matched, RULE_RUNS_PER_CHANGE)) {
        await takeRuns(ports, { rule, keys: some });
      }
    }
  }
  return tookTooMuch;
}

/** What a SQL condition makes of runs: those that it takes, or why it could decide of none. */
export interface Narrowed<T> {
  readonly matched: readonly T[];
  readonly failed?: string;
  /** That it took more time or memory than it may. */
  readonly isLimit?: boolean;
}

/** Those of the runs that the rule's SQL condition takes, too. Of what it can't decide, that is noted. */
export async function narrowed<T extends RunKey>(
  ports: TakePorts,
  rule: Rule,
  keys: readonly T[],
): Promise<Narrowed<T>> {
  if (keys.length === 0) return { matched: [] };
  try {
    return { matched: await matching(ports, rule, keys) };
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.code !== "CF_RECORD_INVALID") throw error;
    const isLimit = error.cause instanceof CounterfoilError && error.cause.code === "CF_QUERY_LIMIT";
    const reason = isLimit ? `${error.message} The rule pauses before it looks again.` : error.message;
    for (const runs of partsOf(keys, RULE_RUNS_PER_CHANGE)) {
      await ports.datasets.change((time) => failedRuns(ports.rows, { rule, runs, time, reason }));
    }
    return { matched: [], failed: reason, isLimit };
  }
}

/** Those of the runs that stand for a thread, where the rule is about threads, and that its SQL condition takes. */
export async function matching<T extends RunKey>(
  { rows, sandbox }: Pick<TakePorts, "rows" | "sandbox">,
  rule: Rule,
  keys: readonly T[],
): Promise<T[]> {
  return matchingWhere(sandbox, rule, isOverThreads(rule) ? await lastOfThreads(rows, keys) : keys);
}

/** Runs that a rule takes. */
export interface Taking {
  readonly rule: Rule;
  readonly keys: readonly RunKey[];
}

/** What rules act on: the runs, and what the rule's evaluators say of them. */
export async function loadChange(
  ports: Pick<TakePorts, "rows" | "sandbox">,
  { rule, keys }: Taking,
): Promise<Omit<RuleChange, "time">> {
  const found = await loadRuns(ports.rows, keys);
  const runs = isOverThreads(rule) ? await withThreads(ports.rows, found) : found;
  return { rule, runs, evaluations: await evaluate(ports, rule, runs) };
}

/** Acts on runs; what is wrong with one of them alone is noted, and holds up no other. */
export async function takeRuns(ports: TakePorts, { rule, keys }: Taking): Promise<void> {
  try {
    const found = await loadChange(ports, { rule, keys });
    let records: readonly RecordDraft[] = [];
    await ports.datasets.change(async (time) => (records = await act(ports, { ...found, time })));
    ports.onPending?.(pendingIn(rule, records));
    if (records.some(({ type }) => type === FEEDBACK.type)) ports.onFeedback?.();
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.retryable || !OF_THE_RUNS.has(error.code)) throw error;
    const [only] = keys;
    if (keys.length === 1 && only !== undefined) {
      const reason = error.message;
      await ports.datasets.change((time) => failedRuns(ports.rows, { rule, runs: [only], time, reason }));
      return;
    }
    // One of them has too much content, or what no record can hold: it must not hold up the others.
    const half = Math.ceil(keys.length / 2);
    await takeRuns(ports, { rule, keys: keys.slice(0, half) });
    await takeRuns(ports, { rule, keys: keys.slice(half) });
  }
}

/** Errors that trying again does not mend, and that may be about some of the runs alone. */
const OF_THE_RUNS: ReadonlySet<string> = new Set([
  "CF_BODY_TOO_LARGE",
  "CF_QUERY_LIMIT",
  "CF_RECORD_INVALID",
  "CF_USAGE",
]);

/** Without the runs that this version of the rule is through with: nearly all when something comes for an old trace. */
export async function notDone(peek: Rows, rule: Rule, keys: readonly RunKey[]): Promise<RunKey[]> {
  if (keys.length === 0) return [];
  const bindings = new Bindings();
  const version = bindings.bind(rule.version);
  const done = new Map<unknown, string>();
  const idOf = new Map(keys.map((key) => [key, ruleRunIdOf(rule.id, key)]));
  const ids = [...idOf.values()].map((id) => bindings.bind(id)).join(", ");
  // What an earlier version of an evaluator judged, the one that is there now judges anew.
  const evaluators = await evaluatorsOf(peek, rule);
  const found = await peek(
    `SELECT id, actions FROM rule_runs WHERE outcome = 'success' AND rule_version = ${version} AND id IN (${ids})`,
    bindings.params,
  );
  for (const row of found) done.set(row["id"], textIn(row, "actions"));
  return keys.filter((key) => {
    const actions = done.get(idOf.get(key));
    return actions === undefined || !evaluators.every((each) => actions.includes(judgementIdOf(each, key)));
  });
}
