import { checkRecord, CounterfoilError, type JsonObject, RULES } from "../../schema/index.js";
import { Bindings } from "../filter/filter-sql.js";
import { evaluatorOf } from "../evaluators/evaluator-book.js";
import { type FilterNode, parseFilter } from "../filter/parse-filter.js";
import { ruleConditionSql } from "./rule-filter.js";
import { whereOf } from "./where.js";

/** A rule's name and data, as they are checked together with others. */
export interface NamedRule {
  readonly name: string;
  readonly data: JsonObject;
}

/** An evaluator, as cycles are told by it. */
export interface EvaluatorKeys {
  readonly id: string;
  readonly name: string;
  readonly data: JsonObject;
}

/** Checks one rule: fields, filters, actions. Throws CF_RECORD_INVALID, which names each field that is wrong. */
export function checkRule(data: JsonObject): void {
  checkRecord(RULES, data, { unknownFields: "refuse" });
  ruleConditionSql(data, new Bindings());
}

/**
 * Checks that no rule sets itself off, alone or through others: gives feedback that its own filter waits for, by itself or
 * by an evaluator. Throws CF_RECORD_INVALID, which names the way round.
 */
export function checkCycles(rules: readonly NamedRule[], evaluators: readonly EvaluatorKeys[]): void {
  const next = new Map(
    rules.map((rule) => {
      const keys = givenKeys(rule, evaluators);
      return [rule, rules.filter((other) => keys.some((key) => waitsFor(other, key)))];
    }),
  );
  for (const rule of rules) {
    const way = wayBack(rule, next);
    if (way === undefined) continue;
    const text = way.map(({ name }) => JSON.stringify(name)).join(" -> ");
    throw new CounterfoilError(
      "CF_RECORD_INVALID",
      `Not a valid rule: actions: the feedback that it gives sets it off again: ${text}. Give the feedback another key, or name in the filter the keys that it is about.`,
    );
  }
}

/** The shortest way along `next` from a rule to itself. */
function wayBack(
  rule: NamedRule,
  next: ReadonlyMap<NamedRule, readonly NamedRule[]>,
): readonly NamedRule[] | undefined {
  const seen = new Set<NamedRule>();
  let ways: (readonly NamedRule[])[] = [[rule]];
  while (ways.length > 0) {
    const longer: (readonly NamedRule[])[] = [];
    for (const way of ways) {
      for (const to of next.get(way.at(-1) ?? rule) ?? []) {
        if (to === rule) return [...way, to];
        if (seen.has(to)) continue;
        seen.add(to);
        longer.push([...way, to]);
      }
    }
    ways = longer;
  }
  return undefined;
}

/** Keys of the feedback that a rule gives, by itself or by evaluators. */
function givenKeys({ data }: NamedRule, evaluators: readonly EvaluatorKeys[]): string[] {
  const actions = (data["actions"] ?? []) as readonly JsonObject[];
  return actions.flatMap((action) => {
    const key =
      action["type"] === "add_feedback"
        ? action["key"]
        : action["type"] === "run_evaluator"
          ? evaluatorOf(action, evaluators)?.data["feedback_key"]
          : undefined;
    return typeof key === "string" ? [key] : [];
  });
}

/** Whether feedback of that key may make a rule take a run. */
function waitsFor({ data }: NamedRule, key: string): boolean {
  const where = whereOf(data);
  if (where !== undefined && /feedback/i.test(where) && where.includes(`'${key.replaceAll("'", "''")}'`))
    return true;
  return ["filter", "trace_filter", "tree_filter"].some((field) => {
    const text = data[field];
    if (typeof text !== "string" || text.trim() === "") return false;
    const found = feedbackTests(parseFilter(text));
    return found.any && (found.keys.size === 0 || found.keys.has(key));
  });
}

/** Whether a filter asks about feedback, and the keys that it names. */
function feedbackTests(node: FilterNode): { readonly any: boolean; readonly keys: ReadonlySet<unknown> } {
  if (node.kind !== "call") return { any: false, keys: new Set() };
  const [field, value] = node.args;
  if (field?.kind === "field" && field.name.startsWith("feedback_")) {
    const named = field.name === "feedback_key" && (node.name === "eq" || node.name === "in");
    const values = value?.kind === "value" ? [value.value] : value?.kind === "list" ? value.values : [];
    return { any: true, keys: new Set(named ? values : []) };
  }
  const parts = node.args.map(feedbackTests);
  return { any: parts.some(({ any }) => any), keys: new Set(parts.flatMap(({ keys }) => [...keys])) };
}
