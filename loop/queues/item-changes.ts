import { CounterfoilError, type JsonObject } from "../../schema/index.js";
import { assignedReviewers, reviewersNeeded } from "./item-sql.js";
import type { AnnotationQueue, QueueItem } from "./queue-types.js";

const RESERVATION_MINUTES = 1;
const MINUTE_MS = 60_000;

/** What happens to an item for one reviewer. */
export type ItemChange =
  /** They look at it: it is reserved for them where the queue has reservations. */
  | { readonly kind: "view" }
  | { readonly kind: "complete" }
  /** It is left to the others. */
  | { readonly kind: "skip" }
  /** What they did is taken back, their reservation too. */
  | { readonly kind: "reopen" }
  /** They no longer look at it: their reservation ends. */
  | { readonly kind: "release" }
  /** RFC 3339: where it stands for them from now on. */
  | { readonly kind: "place"; readonly addedAt: string };

/** Who changes which item, and when. */
export interface ItemScope {
  readonly queue: Pick<AnnotationQueue, "name" | "data">;
  readonly item: QueueItem;
  readonly reviewer: string;
  readonly now: Date;
}

/** The data of the item after a change; the same object when it changes nothing. Throws CF_CONFLICT and CF_USAGE. */
export function changedItem(scope: ItemScope, change: ItemChange): JsonObject {
  const { item, reviewer, now } = scope;
  const { data } = item;
  const time = now.toISOString();
  const of = (field: string): JsonObject[] => (data[field] ?? []) as unknown as JsonObject[];
  const others = (field: string): JsonObject[] => of(field).filter(({ user_id: id }) => id !== reviewer);
  // What ran out is not carried along.
  const reservations = others("reservations").filter(
    ({ until }) => typeof until === "string" && until > time,
  );
  switch (change.kind) {
    case "view": {
      checkAllowed(scope);
      if (scope.queue.data["enable_reservations"] === false || item.completedBy.includes(reviewer))
        return data;
      const until = new Date(now.getTime() + reservationMs(scope.queue.data)).toISOString();
      return { ...data, reservations: [...reservations, { user_id: reviewer, until }] };
    }
    case "complete":
    case "skip": {
      checkAllowed(scope);
      const status = change.kind === "complete" ? "completed" : "skipped";
      return {
        ...data,
        reviews: [...others("reviews"), { user_id: reviewer, status, at: time }],
        reservations,
        ...(status === "completed" ? { last_reviewed_time: time } : {}),
      };
    }
    case "release":
      return item.reservedBy.includes(reviewer) ? { ...data, reservations } : data;
    case "reopen":
      return { ...data, reviews: others("reviews"), reservations };
    case "place":
      return {
        ...data,
        positions: [...others("positions"), { user_id: reviewer, added_at: change.addedAt }],
      };
  }
}

/** Whoever has reviewed an item may review it again. */
function checkAllowed({ queue, item, reviewer }: ItemScope): void {
  const assigned = assignedReviewers(queue.data);
  if (assigned.length > 0 && !assigned.includes(reviewer)) {
    const text = `The annotation queue ${queue.name} is assigned to ${assigned.join(", ")}, not to ${reviewer}.`;
    throw new CounterfoilError("CF_USAGE", text);
  }
  if (queue.data["reviewer_access_mode"] === "assigned" || item.completedBy.includes(reviewer)) return;
  if (item.section === "archived") {
    throw new CounterfoilError(
      "CF_CONFLICT",
      `The item is done: ${item.completedBy.join(", ")} reviewed it.`,
    );
  }
  if (queue.data["enable_reservations"] === false) return;
  const others = item.reservedBy.filter((each) => each !== reviewer && !item.completedBy.includes(each));
  if (others.length < reviewersNeeded(queue.data) - item.completedBy.length) return;
  throw new CounterfoilError(
    "CF_CONFLICT",
    `The item is reserved by ${others.join(", ")}; ask for the next one.`,
  );
}

function reservationMs(queue: JsonObject): number {
  const minutes = queue["reservation_minutes"];
  return (typeof minutes === "number" ? minutes : RESERVATION_MINUTES) * MINUTE_MS;
}
