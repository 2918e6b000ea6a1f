import type { DestinationTotals, JsonObject } from "../../schema/index.js";

/** Counts of items by signal. */
type Counts = Readonly<Record<string, number>>;

/** Counts by rule, or by reason. */
type Buckets = Readonly<Record<string, Counts>>;

type Totals = Pick<DestinationTotals, "seq" | "delivered" | "filtered" | "deadLetter">;

/** Up to where a destination is in the ledger. */
export interface Position extends Totals {
  /** When that was noted, RFC 3339. */
  readonly time: string;
}

const NOTHING = {
  seq: 0,
  delivered: { traces: 0, metrics: 0, logs: 0, records: 0 },
  filtered: {},
  deadLetter: {},
};

/**
 * From where a destination's next line counts: where it was, or from nothing when it began anew, as after its cursor was
 * deleted. That must be stored before anything else is noted: once its totals have grown past the old ones, nobody can tell.
 */
export function lineStart(before: Position | undefined, now: Totals): Position | undefined {
  return before !== undefined && hasFallen(before, now) ? { ...NOTHING, time: before.time } : before;
}

/** What a destination confirmed since a position, see {@link lineStart}: the fields of its line. Undefined when nothing left. */
export function settledSince(
  before: Position | undefined,
  { name, address, seq, delivered, filtered, deadLetter }: DestinationTotals,
): JsonObject | undefined {
  const from = before ?? NOTHING;
  const left = present(minus(delivered, from.delivered));
  const items = Object.values(left).reduce((sum, count) => sum + count, 0);
  if (items === 0) return undefined;
  return {
    kind: "destination",
    name,
    address: address ?? null,
    outcome: "success",
    first_seq: from.seq + 1,
    last_seq: seq,
    items,
    delivered: left,
    filtered: buckets(filtered, from.filtered),
    dead_letter: buckets(deadLetter, from.deadLetter),
  };
}

/** Totals only grow: one that is smaller, or is gone, is of another beginning, whatever the others say. */
function hasFallen(before: Totals, now: Totals): boolean {
  const fell = (was: Counts, is: Counts = {}): boolean =>
    Object.entries(was).some(([name, count]) => count > (is[name] ?? 0));
  const anyFell = (was: Buckets, is: Buckets): boolean =>
    Object.entries(was).some(([name, counts]) => fell(counts, is[name]));
  return (
    now.seq < before.seq ||
    fell(before.delivered, now.delivered) ||
    anyFell(before.filtered, now.filtered) ||
    anyFell(before.deadLetter, now.deadLetter)
  );
}

function buckets(now: Buckets, before: Buckets): Buckets {
  return Object.fromEntries(
    Object.entries(now)
      .map(([name, counts]) => [name, present(minus(counts, before[name] ?? {}))] as const)
      .filter(([, counts]) => Object.keys(counts).length > 0),
  );
}

function minus(now: Counts, before: Counts): Counts {
  return Object.fromEntries(Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)]));
}

function present(counts: Counts): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0));
}
