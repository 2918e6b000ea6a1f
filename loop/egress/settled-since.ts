import type { DestinationTotals, JsonObject } from "../../schema/index.js";

/** Counts of items by signal. */
type Counts = Readonly<Record<string, number>>;

/** Up to where a destination is in the ledger. */
export interface Position extends Pick<DestinationTotals, "seq" | "delivered" | "filtered" | "deadLetter"> {
  /** When that was noted, RFC 3339. */
  readonly time: string;
}

const NOTHING = { seq: 0, delivered: {}, filtered: {}, deadLetter: {} };

/**
 * What a destination confirmed since a position: the fields of its line. Undefined when nothing left. Totals that fell are
 * those of a destination that began anew: all of them count.
 */
export function settledSince(
  before: Position | undefined,
  { name, address, seq, delivered, filtered, deadLetter }: DestinationTotals,
): JsonObject | undefined {
  const isNew =
    before === undefined ||
    seq < before.seq ||
    Object.values(minus(delivered, before.delivered)).some((n) => n < 0);
  const from = isNew ? NOTHING : before;
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

function buckets(
  now: Readonly<Record<string, Counts>>,
  before: Readonly<Record<string, Counts>>,
): Readonly<Record<string, Counts>> {
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
