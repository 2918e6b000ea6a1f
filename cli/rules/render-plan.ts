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

/** One line a rule, and below it one for each field that changes: `- before`, `+ after`. */
export function renderPlans(plans: readonly Plan[], paint: Paint): string {
  return plans.map((plan) => renderPlan(plan, paint)).join("");
}

function renderPlan({ name, change, before = {}, after = {} }: Plan, paint: Paint): string {
  const head = `${MARKS[change]} ${paint.bold(inert(name))} ${change}\n`;
  if (change === "unchanged") return head;
  const fields = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (field) => textOf(before[field]) !== textOf(after[field]),
  );
  const lines = fields.flatMap((field) => [
    ...(before[field] === undefined ? [] : [paint.bad(`    - ${field}: ${textOf(before[field])}`)]),
    ...(after[field] === undefined ? [] : [paint.good(`    + ${field}: ${textOf(after[field])}`)]),
  ]);
  return head + lines.map((line) => `${line}\n`).join("");
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
