import type { JsonValue } from "../../schema/index.js";
import { type Evaluator, evaluatorOf, readEvaluators } from "../evaluators/evaluator-book.js";
import { judgeBySql } from "../evaluators/evaluate-sql.js";
import { evaluatorRunIdOf, judgementIdOf, judgementOf, judgementRecords } from "../evaluators/judgement.js";
import { checkAgainstConfigs, type FeedbackConfig } from "../feedback/feedback-configs.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";
import type { Made } from "./example-action.js";
import { type RunKey, spanName } from "./matched-runs.js";
import type { MatchedRun, Rule, RuleAction } from "./rule-types.js";
import type { Sandbox } from "./where.js";

/** The evaluators of a rule, and what those that are SQL say of the runs. */
export interface Evaluations {
  readonly evaluators: readonly Evaluator[];
  /** By evaluator id, then by {@link spanName}. */
  readonly answers: ReadonlyMap<string, ReadonlyMap<string, JsonValue>>;
}

const NONE: Evaluations = { evaluators: [], answers: new Map() };

/** The evaluators that a rule's actions name, as they are now. */
export async function evaluatorsOf(rows: Rows, rule: Rule): Promise<readonly Evaluator[]> {
  const actions = (rule.data["actions"] as unknown as readonly RuleAction[]).filter(
    ({ type }) => type === "run_evaluator",
  );
  if (actions.length === 0) return [];
  const all = await readEvaluators(rows);
  return actions.flatMap((action) => evaluatorOf(action, all) ?? []);
}

/**
 * Lets evaluators that are SQL judge runs, before the change that writes what they say: in a process of its own, which may take
 * its time. Throws CF_RECORD_INVALID when one fails over a run.
 */
export async function evaluate(
  ports: { readonly rows: Rows; readonly sandbox: Sandbox },
  rule: Rule,
  keys: readonly RunKey[],
): Promise<Evaluations> {
  const evaluators = await evaluatorsOf(ports.rows, rule);
  if (evaluators.length === 0) return NONE;
  const bySql = evaluators.filter(({ data }) => data["kind"] === "sql");
  const done = await readEvaluatorRuns(ports.rows, bySql, keys);
  const answers = new Map<string, ReadonlyMap<string, JsonValue>>();
  for (const evaluator of bySql) {
    const open = keys.filter((key) => !done.has(evaluatorRunIdOf(evaluator, key)));
    answers.set(evaluator.id, await judgeBySql(ports.sandbox, evaluator, open));
  }
  return { evaluators, answers };
}

/** Which of these runs the evaluators judged already: ids of `evaluator_runs`. */
export async function readEvaluatorRuns(
  rows: Rows,
  evaluators: readonly Evaluator[],
  keys: readonly RunKey[],
): Promise<Set<string>> {
  if (evaluators.length === 0 || keys.length === 0) return new Set();
  const bindings = new Bindings();
  const ids = evaluators.flatMap((each) => keys.map((key) => bindings.bind(evaluatorRunIdOf(each, key))));
  const found = await rows(`SELECT id FROM evaluator_runs WHERE id IN (${ids.join(", ")})`, bindings.params);
  return new Set(found.map((row) => textIn(row, "id")));
}

/** One run that an action lets an evaluator judge. */
export interface Evaluating {
  readonly rule: Rule;
  readonly action: RuleAction;
  readonly run: MatchedRun;
  /** RFC 3339. */
  readonly time: string;
  readonly evaluations: Evaluations;
  /** Ids of `evaluator_runs`; what is made is added. */
  readonly done: Set<string>;
  readonly configs: ReadonlyMap<string, FeedbackConfig>;
}

/** What became of the evaluation: done if SQL does it, else noted as to be done. */
export function makeEvaluation(evaluating: Evaluating): Made {
  const { rule, action, run, time, evaluations, done, configs } = evaluating;
  const evaluator = evaluatorOf(action, evaluations.evaluators);
  if (evaluator === undefined)
    return { records: [], outcome: { outcome: "error", reason: "there is no such evaluator" } };
  const id = evaluatorRunIdOf(evaluator, run);
  const outcome = {
    outcome: "success",
    target_id: evaluator.id,
    made_id: judgementIdOf(evaluator, run),
  } as const;
  if (done.has(id)) return { records: [], outcome };
  const answers = evaluations.answers.get(evaluator.id);
  if (answers === undefined) {
    const reason = "is to be evaluated";
    return {
      records: [],
      outcome: { outcome: "pending", reason, target_id: evaluator.id, requested_at: time },
    };
  }
  const judgement = judgementOf(evaluator, answers.get(spanName(run)) ?? null);
  if (judgement === undefined) {
    return {
      records: [],
      outcome: { outcome: "skipped", reason: "the evaluator gave no score and no value" },
    };
  }
  const records = judgementRecords({ evaluator, rule, run, judgement, usage: {}, time });
  checkAgainstConfigs([records[0].data ?? {}], configs, time);
  done.add(id);
  return { records, outcome };
}

/** Whether a success was that of an earlier version of the evaluator: the one that is there now judges anew. */
export function isOutdated(
  action: RuleAction,
  madeId: string | undefined,
  { evaluations, run }: { readonly evaluations: Evaluations; readonly run: RunKey },
): boolean {
  if (action.type !== "run_evaluator") return false;
  const evaluator = evaluatorOf(action, evaluations.evaluators);
  return evaluator !== undefined && madeId !== judgementIdOf(evaluator, run);
}
