import type { Signal } from "../schema/index.js";
import type { ItemCounts } from "./types.js";

/** No items of any signal. */
export function zeroCounts(): ItemCounts {
  return { traces: 0, logs: 0, metrics: 0 };
}

/** `counts` with `itemCount` more of `signal`. */
export function withItems(counts: ItemCounts, signal: Signal, itemCount: number): ItemCounts {
  return { ...counts, [signal]: counts[signal] + itemCount };
}

/** Items between two cumulative counts; never negative. */
export function countsBetween(from: ItemCounts, to: ItemCounts): ItemCounts {
  return {
    traces: Math.max(0, to.traces - from.traces),
    logs: Math.max(0, to.logs - from.logs),
    metrics: Math.max(0, to.metrics - from.metrics),
  };
}
