import fc from "fast-check";
import { expect, test } from "vitest";
import { lineStart, type Position, settledSince } from "../../loop/egress/settled-since.js";
import type { DestinationTotals } from "../../schema/index.js";

type Counts = DestinationTotals["delivered"];
type Buckets = DestinationTotals["filtered"];

const none: Counts = { traces: 0, metrics: 0, logs: 0, records: 0 };
const plus = (left: Counts, right: Partial<Counts>): Counts => ({
  traces: left.traces + (right.traces ?? 0),
  metrics: left.metrics + (right.metrics ?? 0),
  logs: left.logs + (right.logs ?? 0),
  records: left.records + (right.records ?? 0),
});
const into = (buckets: Buckets, name: string, counts: Counts): Buckets => ({
  ...buckets,
  [name]: plus(buckets[name] ?? none, counts),
});

const some = fc.record({
  traces: fc.nat({ max: 3 }),
  metrics: fc.nat({ max: 3 }),
  logs: fc.nat({ max: 3 }),
  records: fc.nat({ max: 3 }),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant("settle" as const),
      delivered: some,
      filtered: some,
      dead: some,
    }),
  },
  { weight: 3, arbitrary: fc.record({ what: fc.constant("note" as const), isKilled: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ what: "anew" as const }) },
);

type Known = Pick<DestinationTotals, "seq" | "delivered" | "filtered" | "deadLetter">;

/** Every total by its path. */
function flat(value: object, path = ""): [string, number][] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === "number" ? [[`${path}/${name}`, inner]] : flat(inner as object, `${path}/${name}`),
  );
}

/** Whether someone who knew `before` can see that a destination began anew. */
function isTold({ seq, delivered, filtered, deadLetter }: Position, now: Known): boolean {
  const is = new Map(flat(now));
  return flat({ seq, delivered, filtered, deadLetter }).some(([path, was]) => was > (is.get(path) ?? 0));
}

const FRESH: Known = { seq: 0, delivered: none, filtered: {}, deadLetter: {} };

test("I7: whatever is settled, noted twice after a crash, or begun anew, the lines of the ledger add up to what a destination confirmed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let now = FRESH;
      let before: Position | undefined;
      let times = 0;
      /** By what makes a line's id; a line that is written again replaces itself. */
      const lines = new Map<string, NonNullable<ReturnType<typeof settledSince>>>();
      /** What earlier beginnings had confirmed. */
      let earlier = none;
      let isAnew = false;
      /** Killed, it has written the line, and not that it did. */
      const note = (isKilled: boolean): void => {
        before = lineStart(before, now);
        const line = settledSince(before, { name: "vendor", address: undefined, ...now });
        if (line === undefined) return;
        lines.set(JSON.stringify([line["first_seq"], before?.time ?? ""]), line);
        if (!isKilled) before = { ...now, time: String((times += 1)) };
      };
      for (const taken of steps) {
        if (taken.what === "settle") {
          now = {
            seq: now.seq + 1,
            delivered: plus(now.delivered, taken.delivered),
            filtered: into(now.filtered, "noise", taken.filtered),
            deadLetter: into(now.deadLetter, "refused", taken.dead),
          };
          continue;
        }
        // What grew past its old totals before anyone looked can't be told from one that went on.
        if (isAnew && before !== undefined && !isTold(before, now)) return;
        isAnew = false;
        note(taken.what === "note" && taken.isKilled);
        if (taken.what === "note") continue;
        earlier = plus(earlier, now.delivered);
        now = FRESH;
        isAnew = true;
      }
      if (isAnew && before !== undefined && !isTold(before, now)) return;
      note(false);
      let sum = none;
      for (const line of lines.values()) {
        const delivered = line["delivered"] as Partial<Counts>;
        const counts = Object.values(delivered);
        expect(line["items"]).toBe(counts.reduce((all, count) => all + count, 0));
        const told = [line["filtered"], line["dead_letter"]] as Partial<Buckets>[];
        for (const each of [delivered, ...told.flatMap((buckets) => Object.values(buckets))]) {
          for (const count of Object.values(each ?? {})) expect(count).toBeGreaterThan(0);
        }
        sum = plus(sum, delivered);
      }
      expect(sum).toEqual(plus(earlier, now.delivered));
    }),
    { numRuns: 300 },
  );
});
