import { randomUUID } from "node:crypto";
import { canonicalJson, CounterfoilError, type JsonObject, RULES_MAX } from "../../schema/index.js";
import type { RecordDraft, RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { InTurn } from "../records/in-turn.js";
import { readRules } from "./rule-book.js";
import { checkCycles, checkRule } from "./rule-check.js";
import { ruleIdOf } from "./rule-ids.js";
import type { Rule } from "./rule-types.js";
import { checkPatterns } from "./guards/redact.js";
import { checkWhere, type Sandbox } from "./where.js";
import { textIn } from "../records/text-in.js";

/** What {@link RuleService} works with. */
export interface RulePorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  /** Where SQL conditions are checked. */
  readonly sandbox: Sandbox;
  readonly now?: () => Date;
}

/** A rule as someone gives it: the fields of the type `rule`, and an id unless its name makes it. */
export interface RuleDraft {
  readonly id?: string;
  readonly data: JsonObject;
}

/** What applying rules does, or would do, to one of them. */
export interface RuleChangePlan {
  readonly id: string;
  readonly name: string;
  readonly change: "create" | "update" | "unchanged" | "delete";
  /** What is there now, without version and times; undefined when it is new. */
  readonly before?: JsonObject;
  readonly after?: JsonObject;
}

/** Fields that the service keeps itself. */
const OWN = new Set(["version", "created_at", "updated_at"]);

/**
 * Rules as records (I5). Throws CF_NOT_FOUND for what is not there, CF_CONFLICT for a name that is taken, and
 * CF_RECORD_INVALID, which names the field, for rules that can't work.
 */
export class RuleService {
  readonly #ports: RulePorts;
  readonly #turns = new InTurn();

  constructor(ports: RulePorts) {
    this.#ports = ports;
  }

  /** By name. */
  async list(): Promise<Rule[]> {
    return readRules(this.#ports.rows);
  }

  /** By id or name. */
  async get(idOrName: string): Promise<Rule> {
    const all = await this.list();
    const found = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName);
    if (found === undefined) throw new CounterfoilError("CF_NOT_FOUND", `Rule ${idOrName} not found`);
    return found;
  }

  /**
   * Makes the rules what is given, as one change: each is created, or replaces the one of its id or name. With `prune`
   * all others are deleted. With `dryRun` it checks and tells, and writes nothing.
   */
  apply(
    drafts: readonly RuleDraft[],
    { dryRun = false, prune = false }: { readonly dryRun?: boolean; readonly prune?: boolean } = {},
  ): Promise<readonly RuleChangePlan[]> {
    return this.#turns.run(async () => {
      const rules = await this.list();
      const plans = plansOf(rules, drafts, prune);
      const untouched = rules.filter(({ id }) => !plans.some((plan) => plan.id === id));
      const left = plans.flatMap(({ name, after }) => (after === undefined ? [] : [{ name, data: after }]));
      checkTogether([...untouched, ...left]);
      checkIds(plans);
      for (const { change, after = {} } of plans) {
        if (change === "unchanged") continue;
        await checkWhere(this.#ports.sandbox, after);
        await checkPatterns(this.#ports.sandbox, after);
      }
      if (!dryRun) await this.#write(rules, plans);
      return plans;
    });
  }

  /** Deletes a rule; what it made stays. */
  remove(idOrName: string): Promise<Rule> {
    return this.#turns.run(async () => {
      const rule = await this.get(idOrName);
      await this.#ports.writer.append([{ type: "rule", id: rule.id, op: "delete", data: null }]);
      return rule;
    });
  }

  async #write(rules: readonly Rule[], plans: readonly RuleChangePlan[]): Promise<void> {
    const time = (this.#ports.now?.() ?? new Date()).toISOString();
    const records = plans.flatMap(({ id, change, after }): RecordDraft[] => {
      if (change === "unchanged") return [];
      if (after === undefined) return [{ type: "rule", id, op: "delete", data: null, time }];
      const before = rules.find((rule) => rule.id === id);
      const version = (before?.version ?? 0) + 1;
      const created = before?.data["created_at"] ?? time;
      const data = { ...after, version, created_at: created, updated_at: time };
      return [{ type: "rule", id, op: "put", data, time }];
    });
    if (records.length > 0) await this.#ports.writer.append(records);
  }
}

function plansOf(
  rules: readonly Rule[],
  drafts: readonly RuleDraft[],
  prune: boolean,
): readonly RuleChangePlan[] {
  const plans = drafts.map((draft): RuleChangePlan => {
    const after = given(draft.data);
    const label = typeof after["name"] === "string" ? `rule ${JSON.stringify(after["name"])}: ` : "";
    try {
      checkRule(after);
    } catch (error) {
      if (!(error instanceof CounterfoilError) || drafts.length === 1) throw error;
      throw new CounterfoilError(error.code, label + error.message, { cause: error });
    }
    const name = textIn(after, "name");
    const there =
      draft.id === undefined
        ? rules.find((rule) => rule.name === name)
        : rules.find((rule) => rule.id === draft.id);
    if (there === undefined) return { id: draft.id ?? newRuleId(rules, name), name, change: "create", after };
    const before = given(there.data);
    const change = canonicalJson(before) === canonicalJson(after) ? "unchanged" : "update";
    return { id: there.id, name, change, before, after };
  });
  if (!prune) return plans;
  const gone = rules.filter(({ id }) => !plans.some((plan) => plan.id === id));
  return [
    ...plans,
    ...gone.map(({ id, name, data }) => ({ id, name, change: "delete", before: given(data) }) as const),
  ];
}

/** The name's id, unless the rule that has it is called otherwise by now: to put that id anew would undo it. */
function newRuleId(rules: readonly Rule[], name: string): string {
  const id = ruleIdOf(name);
  return rules.some((rule) => rule.id === id) ? randomUUID() : id;
}

/** One rule given under two names, as by its id and by the name that it has: only one of them could stay. */
function checkIds(plans: readonly RuleChangePlan[]): void {
  const names = new Map<string, string>();
  for (const { id, name } of plans) {
    const other = names.get(id);
    if (other !== undefined) {
      const both = `${JSON.stringify(other)} and ${JSON.stringify(name)}`;
      throw new CounterfoilError("CF_CONFLICT", `The rule ${id} is given twice, as ${both}. Give it once.`);
    }
    names.set(id, name);
  }
}

function checkTogether(rules: readonly { readonly name: string; readonly data: JsonObject }[]): void {
  if (rules.length > RULES_MAX) {
    throw new CounterfoilError(
      "CF_USAGE",
      `There may be at most ${RULES_MAX} rules, this would be ${rules.length}.`,
    );
  }
  const names = new Set<string>();
  for (const { name } of rules) {
    if (names.has(name)) throw new CounterfoilError("CF_CONFLICT", `A rule named ${name} already exists.`);
    names.add(name);
  }
  checkCycles(rules);
}

/** What a person decides of a rule; a null is the same as nothing. */
function given(data: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(data).filter(([name, value]) => !OWN.has(name) && value !== null));
}
