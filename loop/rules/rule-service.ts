import { CounterfoilError, type JsonObject, RULES, RULES_MAX } from "../../schema/index.js";
import type { RecordWriter } from "../../store/index.js";
import { type Evaluator, evaluatorOf, readEvaluators } from "../evaluators/evaluator-book.js";
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
import { checkPatterns, patternsOfRule } from "./guards/redact.js";
import { readRules } from "./rule-book.js";
import { checkCycles, checkRule } from "./rule-check.js";
import { ruleIdOf } from "./rule-ids.js";
import type { Rule } from "./rule-types.js";
import { checkWhere, type Sandbox } from "./where.js";

/** What {@link RuleService} works with. */
export interface RulePorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  /** Where SQL conditions are checked. */
  readonly sandbox: Sandbox;
  /** Shared with the evaluators: neither may change between what the other reads and writes. */
  readonly turns: InTurn;
  readonly now?: () => Date;
}

const TYPE = RULES.type;

/**
 * Rules as records (I5). Throws CF_NOT_FOUND for what is not there, CF_CONFLICT for a name that is taken, and
 * CF_RECORD_INVALID, which names the field, for rules that can't work.
 */
export class RuleService {
  readonly #ports: RulePorts;

  constructor(ports: RulePorts) {
    this.#ports = ports;
  }

  /** By name. */
  async list(): Promise<Rule[]> {
    return readRules(this.#ports.rows);
  }

  /** By id or name. */
  async get(idOrName: string): Promise<Rule> {
    return namedThing(await this.list(), idOrName, TYPE);
  }

  /**
   * Makes the rules what is given, as one change: each is created, or replaces the one of its id or name. With `prune`
   * all others are deleted. With `dryRun` it checks and tells, and writes nothing.
   */
  apply(drafts: readonly NamedDraft[], options: ChangeOptions = {}): Promise<readonly ChangePlan[]> {
    return changeThings(this.#ports, drafts, {
      ...options,
      type: TYPE,
      most: RULES_MAX,
      check: checkRule,
      idOf: ruleIdOf,
      list: () => this.list(),
      verify: async (plans, rules) => {
        const evaluators = await readEvaluators(this.#ports.rows);
        for (const { after } of plans) if (after !== undefined) checkEvaluators(after, evaluators);
        checkCycles(rules, evaluators);
        for (const { change, after = {} } of plans) {
          if (change === "unchanged") continue;
          await checkWhere(this.#ports.sandbox, after);
          await checkPatterns(this.#ports.sandbox, patternsOfRule(after), TYPE);
        }
      },
    });
  }

  /** Deletes a rule; what it made stays. */
  remove(idOrName: string): Promise<Rule> {
    return this.#ports.turns.run(async () => {
      const rule = await this.get(idOrName);
      await this.#ports.writer.append([{ type: TYPE, id: rule.id, op: "delete", data: null }]);
      return rule;
    });
  }
}

/** Throws CF_RECORD_INVALID for an evaluator that is not there. */
function checkEvaluators(data: JsonObject, evaluators: readonly Evaluator[]): void {
  const actions = (data["actions"] ?? []) as readonly JsonObject[];
  for (const [index, action] of actions.entries()) {
    if (action["type"] !== "run_evaluator" || evaluatorOf(action, evaluators) !== undefined) continue;
    const named = textIn(action, "evaluator") || textIn(action, "evaluator_id");
    throw new CounterfoilError(
      "CF_RECORD_INVALID",
      `Not a valid rule: actions[${index}]: there is no evaluator ${JSON.stringify(named)}. \`counterfoil evaluators apply\` makes one.`,
    );
  }
}
