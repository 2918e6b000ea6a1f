import type { JsonObject, JsonValue } from "../../schema/index.js";
import type { Paint } from "../output/paint.js";
import { inert } from "../output/text.js";

/** What applying does to one rule, as the server tells it. */
export interface Plan {
  readonly name: string;
  readonly change: "create" | "update" | "unchanged" | "delete";
  readonly before?: JsonObject;
  readonly after?: JsonObject;
}

const MARKS = { create: "+", update: "~", delete: "-", unchanged: "=" } as const;

/** One line a rule, and below it one for each value that changes: `- before`, `+ after`. */
export function renderPlans(plans: readonly Plan[], paint: Paint): string {
  return plans.map((plan) => renderPlan(plan, paint)).join("");
}

function renderPlan({ name, change, before = {}, after = {} }: Plan, paint: Paint): string {
  const head = `${MARKS[change]} ${paint.bold(inert(name))} ${change}\n`;
  if (change === "unchanged") return head;
  const [old, now] = [leavesOf(before), leavesOf(after)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].filter(
    (path) => old.get(path) !== now.get(path),
  );
  const lines = paths.flatMap((path) => [
    ...(old.has(path) ? [paint.bad(`    - ${path}: ${old.get(path) ?? ""}`)] : []),
    ...(now.has(path) ? [paint.good(`    + ${path}: ${now.get(path) ?? ""}`)] : []),
  ]);
  return head + lines.map((line) => `${line}\n`).join("");
}

/** Every value by its path, as in `actions[0].guards.quarantine`. Lists of plain values are one value. */
function leavesOf(data: JsonObject): Map<string, string> {
  const leaves = new Map<string, string>();
  const add = (path: string, value: JsonValue | undefined): void => {
    const isList = Array.isArray(value);
    if (isList && (value as readonly JsonValue[]).some(isObject)) {
      for (const [at, item] of (value as readonly JsonValue[]).entries()) add(`${path}[${at}]`, item);
    } else if (!isList && isObject(value)) {
      for (const [name, item] of Object.entries(value)) add(`${path}.${inert(name)}`, item);
    } else leaves.set(path, textOf(value));
  };
  for (const [name, value] of Object.entries(data)) add(inert(name), value);
  return leaves;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: JsonValue | undefined): string {
  return inert(typeof value === "string" ? value : JSON.stringify(value ?? null));
}

/** `2 created, 1 unchanged`. */
export function summaryOf(plans: readonly Plan[], dryRun: boolean): string {
  const words = dryRun
    ? { create: "to create", update: "to update", delete: "to delete", unchanged: "unchanged" }
    : { create: "created", update: "updated", delete: "deleted", unchanged: "unchanged" };
  const counts = (["create", "update", "delete", "unchanged"] as const).flatMap((change) => {
    const count = plans.filter((plan) => plan.change === change).length;
    return count === 0 ? [] : [`${count} ${words[change]}`];
  });
  return counts.join(", ");
}
