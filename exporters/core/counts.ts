import { addCounts, type ItemCounts, storedCounts, zeroCounts } from "../../journal/index.js";
import type { JournalSignal } from "../../schema/index.js";

/** A copy that later changes of `counts` do not touch. */
export function copyCounts(counts: ItemCounts): ItemCounts {
  return { ...counts };
}

/** What became of items: cumulative, by signal, and by the rule or reason that decided it. */
export interface SettledTotals {
  readonly delivered: ItemCounts;
  readonly filtered: Record<string, ItemCounts>;
  readonly deadLetter: Record<string, ItemCounts>;
}

/** Totals with nothing in them. */
export function zeroTotals(): SettledTotals {
  return { delivered: zeroCounts(), filtered: {}, deadLetter: {} };
}

/** A deep copy, of totals that an earlier version stored as well. */
export function copyTotals(totals: SettledTotals): SettledTotals {
  return {
    delivered: storedCounts(totals.delivered),
    filtered: copyBuckets(totals.filtered),
    deadLetter: copyBuckets(totals.deadLetter),
  };
}

/** Everything that `totals` counts, whatever became of it. */
export function sumTotals(totals: SettledTotals): ItemCounts {
  let sum = copyCounts(totals.delivered);
  for (const counts of Object.values(totals.filtered)) sum = addCounts(sum, counts);
  for (const counts of Object.values(totals.deadLetter)) sum = addCounts(sum, counts);
  return sum;
}

/** How an item ended: sent, left out by a rule, or set aside for a reason. */
export type Settlement =
  | { readonly kind: "delivered" }
  | { readonly kind: "filtered"; readonly rule: string }
  | { readonly kind: "deadLetter"; readonly reason: string };

/** Adds `count` items of `signal` to the bucket that `settlement` names. */
export function addSettlement(
  totals: SettledTotals,
  signal: JournalSignal,
  settlement: Settlement,
  count: number,
): void {
  bucketOf(totals, settlement)[signal] += count;
}

function bucketOf(totals: SettledTotals, settlement: Settlement): ItemCounts {
  if (settlement.kind === "delivered") return totals.delivered;
  const [buckets, key] =
    settlement.kind === "filtered"
      ? [totals.filtered, settlement.rule]
      : [totals.deadLetter, settlement.reason];
  return (buckets[key] ??= zeroCounts());
}

function copyBuckets(buckets: Record<string, ItemCounts>): Record<string, ItemCounts> {
  return Object.fromEntries(Object.entries(buckets).map(([key, counts]) => [key, storedCounts(counts)]));
}
