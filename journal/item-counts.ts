import { JOURNAL_SIGNALS, type JournalSignal } from "../schema/signals.js";
import type { ItemCounts } from "./types.js";

/** No items of any signal. */
export function zeroCounts(): ItemCounts {
  return { traces: 0, logs: 0, metrics: 0, records: 0 };
}

/** Counts as they were stored: those that an earlier version knew, and zero for signals that it did not. */
export function storedCounts(stored: Partial<ItemCounts> | undefined): ItemCounts {
  return { ...zeroCounts(), ...stored };
}

/** `counts` with `itemCount` more of `signal`. */
export function withItems(counts: ItemCounts, signal: JournalSignal, itemCount: number): ItemCounts {
  return { ...counts, [signal]: counts[signal] + itemCount };
}

/** `left + right`, signal by signal. */
export function addCounts(left: ItemCounts, right: ItemCounts): ItemCounts {
  const sum = zeroCounts();
  for (const signal of JOURNAL_SIGNALS) sum[signal] = left[signal] + right[signal];
  return sum;
}

/** `left - right`, signal by signal. */
export function subtractCounts(left: ItemCounts, right: ItemCounts): ItemCounts {
  const rest = zeroCounts();
  for (const signal of JOURNAL_SIGNALS) rest[signal] = left[signal] - right[signal];
  return rest;
}

/** Items between two cumulative counts; never negative. */
export function countsBetween(from: ItemCounts, to: ItemCounts): ItemCounts {
  const between = zeroCounts();
  for (const signal of JOURNAL_SIGNALS) between[signal] = Math.max(0, to[signal] - from[signal]);
  return between;
}

/** Items of all signals. */
export function itemsOf(counts: ItemCounts): number {
  return JOURNAL_SIGNALS.reduce((sum, signal) => sum + counts[signal], 0);
}
