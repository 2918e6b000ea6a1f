import { nameUuid } from "../../schema/index.js";

/** Namespaces of ids that are computed, so that the same thing has the same id however often it is made (I6). */
const ITEMS = "5b8e5a64-3d0c-5d5b-9c0e-2f6c1d9a7e20";
const REVIEWS = "5b8e5a64-3d0c-5d5b-9c0e-2f6c1d9a7e21";

/** Id of a run's item in a queue: a queue has a run once. */
export function queueItemIdOf(
  queueId: string,
  { traceId, spanId }: { readonly traceId: string; readonly spanId: string },
): string {
  return nameUuid(ITEMS, `${queueId}/${traceId}/${spanId}`);
}

/** Id of what a reviewer says about an item under a key: said again, it replaces what they said. */
export function reviewFeedbackIdOf(itemId: string, reviewer: string, key: string): string {
  return nameUuid(REVIEWS, `${itemId}/${JSON.stringify([reviewer, key])}`);
}
