import fc from "fast-check";
import { expect, test } from "vitest";
import { CounterfoilError, type JsonObject, checkRecord, QUEUE_ITEMS } from "../../../schema/index.js";
import { changedItem, type ItemChange } from "../../../loop/queues/item-changes.js";
import type { QueueItem } from "../../../loop/queues/queue-types.js";

const NEW: JsonObject = {
  queue_id: "00000000-0000-4000-8000-000000000001",
  run_id: "00000000-0000-4000-8000-000000000002",
  trace_id: "a".repeat(32),
  span_id: "b".repeat(16),
  added_at: "2026-11-23T10:00:00Z",
};
const START = Date.parse("2026-11-23T10:00:00Z");

/** The item as the mirror would show it at that time. */
function itemOf(data: JsonObject, now: Date, needed: number): QueueItem {
  const list = (field: string): Record<string, string>[] =>
    (data[field] ?? []) as unknown as Record<string, string>[];
  const names = (rows: Record<string, string>[]): string[] => rows.map(({ user_id: id = "" }) => id);
  const completedBy = names(list("reviews").filter(({ status }) => status === "completed"));
  return {
    id: "item",
    data,
    section: completedBy.length >= needed ? "archived" : "needs_my_review",
    effectiveAddedAt: "",
    completedBy,
    skippedBy: names(list("reviews").filter(({ status }) => status === "skipped")),
    reservedBy: names(list("reservations").filter(({ until = "" }) => until > now.toISOString())),
  };
}

const step = fc.record({
  reviewer: fc.constantFrom("ann", "bob", "cid"),
  kind: fc.constantFrom("view", "complete", "skip", "reopen", "release"),
  afterMs: fc.constantFrom(0, 1_000, 61_000),
});

test("whatever reviewers do in whatever order: never more reviews and reservations than are needed, and what is told agrees with a plain account of it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      fc.array(step, { maxLength: 25 }),
      (needed, reserves, steps) => {
        const queue = {
          name: "q",
          data: { name: "q", num_reviewers_per_item: needed, enable_reservations: reserves },
        };
        let data = NEW;
        let now = START;
        const reviews = new Map<string, string>();
        const held = new Map<string, number>();
        for (const { reviewer, kind, afterMs } of steps) {
          now += afterMs;
          const completed = [...reviews].filter(([, status]) => status === "completed").map(([who]) => who);
          const holders = [...held].filter(
            ([who, until]) => until > now && who !== reviewer && !completed.includes(who),
          );
          const isFree =
            completed.includes(reviewer) ||
            (completed.length < needed && (!reserves || completed.length + holders.length < needed));
          const at = new Date(now);
          const change = { kind } as ItemChange;
          const apply = () =>
            changedItem({ queue, item: itemOf(data, at, needed), reviewer, now: at }, change);
          if (kind !== "reopen" && kind !== "release" && !isFree) {
            expect(apply).toThrow(CounterfoilError);
            continue;
          }
          data = apply();
          if (kind === "view") {
            if (reserves && !completed.includes(reviewer)) held.set(reviewer, now + 60_000);
          } else {
            held.delete(reviewer);
            if (kind === "reopen") reviews.delete(reviewer);
            else if (kind !== "release") reviews.set(reviewer, kind === "complete" ? "completed" : "skipped");
          }
          checkRecord(QUEUE_ITEMS, data);
          const item = itemOf(data, at, needed);
          const by = (status: string) =>
            [...reviews].filter(([, each]) => each === status).map(([who]) => who);
          expect(item.completedBy.toSorted()).toEqual(by("completed").toSorted());
          expect(item.skippedBy.toSorted()).toEqual(by("skipped").toSorted());
          expect(item.reservedBy.toSorted()).toEqual(
            [...held]
              .filter(([, until]) => until > now)
              .map(([who]) => who)
              .toSorted(),
          );
          expect(item.completedBy.length).toBeLessThanOrEqual(needed);
        }
      },
    ),
    { numRuns: 100 },
  );
});
