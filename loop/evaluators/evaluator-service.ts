import {
  checkRecord,
  CounterfoilError,
  EVALUATORS,
  EVALUATORS_MAX,
  type JsonObject,
  nameUuid,
} from "../../schema/index.js";
import type { RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { InTurn } from "../records/in-turn.js";
import {
  type ChangeOptions,
  type ChangePlan,
  changeThings,
  type NamedDraft,
  namedThing,
} from "../records/named-things.js";
import { textIn } from "../records/text-in.js";
import { readRules } from "../rules/rule-book.js";
import { checkCycles, type EvaluatorKeys } from "../rules/rule-check.js";
import type { Sandbox } from "../rules/where.js";
import { checkPatterns } from "../rules/guards/redact.js";
import { type Evaluator, evaluatorOf, readEvaluators } from "./evaluator-book.js";
import { checkExpression } from "./evaluate-sql.js";

/** Namespace of the ids of evaluators that were given none (I6). */
const EVALUATOR_IDS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e16";
const TYPE = EVALUATORS.type;

/** What {@link EvaluatorService} works with. */
export interface EvaluatorPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  /** Where SQL expressions are checked. */
  readonly sandbox: Sandbox;
  /** Shared with the rules: neither may change between what the other reads and writes. */
  readonly turns: InTurn;
  readonly now?: () => Date;
}

/**
 * Evaluators as records (I5): a change makes a new version, and every one stays in the history. Throws CF_NOT_FOUND for
 * what is not there, CF_CONFLICT for a name that is taken and for one that rules use, and CF_RECORD_INVALID, which names the
 * field, for evaluators that can't work.
 */
export class EvaluatorService {
  readonly #ports: EvaluatorPorts;

  constructor(ports: EvaluatorPorts) {
    this.#ports = ports;
  }

  /** By name. */
  list(): Promise<Evaluator[]> {
    return readEvaluators(this.#ports.rows);
  }

  /** How many runs each judged, over all its versions, by id. */
  async runCounts(): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#ports.rows(
      "SELECT evaluator_id, count(*)::INTEGER AS runs FROM evaluator_runs GROUP BY evaluator_id",
      [],
    );
    return new Map(rows.map((row) => [textIn(row, "evaluator_id"), Number(row["runs"])]));
  }

  /** By id or name. */
  async get(idOrName: string): Promise<Evaluator> {
    return namedThing(await this.list(), idOrName, TYPE);
  }

  /**
   * Makes the evaluators what is given, as one change: each is created, or replaces the one of its id or name. With `prune`
   * all others are deleted. With `dryRun` it checks and tells, and writes nothing.
   */
  apply(drafts: readonly NamedDraft[], options: ChangeOptions = {}): Promise<readonly ChangePlan[]> {
    return changeThings(this.#ports, drafts, {
      ...options,
      type: TYPE,
      most: EVALUATORS_MAX,
      check: checkEvaluator,
      idOf: evaluatorIdOf,
      list: () => this.list(),
      verify: async (plans, after) => {
        await this.#checkRules(plans, after);
        for (const { change, after: data = {} } of plans) {
          if (change === "unchanged" || change === "delete") continue;
          await checkExpression(this.#ports.sandbox, data);
          const patterns = (data["redact"] ?? []) as readonly JsonObject[];
          await checkPatterns(this.#ports.sandbox, [{ path: "redact", patterns }], TYPE);
        }
      },
    });
  }

  /** Deletes one that no rule uses; what it said stays. */
  remove(idOrName: string): Promise<Evaluator> {
    return this.#ports.turns.run(async () => {
      const evaluator = await this.get(idOrName);
      await this.#checkUnused([evaluator]);
      await this.#ports.writer.append([{ type: TYPE, id: evaluator.id, op: "delete", data: null }]);
      return evaluator;
    });
  }

  /** Another name or key may leave a rule without its evaluator, or let one set itself off. */
  async #checkRules(plans: readonly ChangePlan[], after: readonly EvaluatorKeys[]): Promise<void> {
    const gone = plans.flatMap(({ id, name, change, before }) => {
      if (change === "delete") return [{ id, name }];
      const old = before?.["name"];
      // One that goes by its id keeps its rules.
      return typeof old === "string" && old !== name ? [{ name: old }] : [];
    });
    if (gone.length > 0) await this.#checkUnused(gone);
    if (plans.every(({ before, after: now }) => before?.["feedback_key"] === now?.["feedback_key"])) return;
    checkCycles(await readRules(this.#ports.rows), after);
  }

  async #checkUnused(gone: readonly { readonly id?: string; readonly name: string }[]): Promise<void> {
    for (const rule of await readRules(this.#ports.rows)) {
      const actions = (rule.data["actions"] ?? []) as readonly JsonObject[];
      const used = actions
        .filter(({ type }) => type === "run_evaluator")
        .map((action) => evaluatorOf(action, gone))
        .find((each) => each !== undefined);
      if (used === undefined) continue;
      throw new CounterfoilError(
        "CF_CONFLICT",
        `The rule ${JSON.stringify(rule.name)} runs the evaluator ${JSON.stringify(used.name)}. Change or delete the rule first.`,
      );
    }
  }
}

/** Id of an evaluator that was given none: by its name. */
export function evaluatorIdOf(name: string): string {
  return nameUuid(EVALUATOR_IDS, name);
}

function checkEvaluator(data: JsonObject): void {
  checkRecord(EVALUATORS, data, { unknownFields: "refuse" });
}
