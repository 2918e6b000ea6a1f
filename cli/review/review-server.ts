import type { JsonObject, JsonValue } from "../../schema/index.js";
import { callServer, requireServer } from "../server-client.js";

/** An item with its run and what was said about it, as the API gives it. */
export interface ReviewItem extends JsonObject {
  readonly id: string;
  readonly run: JsonObject;
  readonly feedback: readonly JsonObject[];
  /** Where the item stands for a thread; absent from older servers. */
  readonly thread?: { readonly id: string; readonly turns: readonly JsonObject[] } | null;
}

/** How many items are where, for the reviewer. */
export interface ReviewCounts {
  readonly needs_my_review: number;
  readonly needs_others_review: number;
  readonly archived: number;
}

/** A queue as a reviewer needs it. */
export interface ReviewQueue {
  readonly name: string;
  readonly rubric_instructions?: string | null;
  readonly rubric_items?: readonly JsonObject[] | null;
}

/** What reviewing asks of a server. Failures are thrown as CommandError. */
export interface ReviewServer {
  queue(): Promise<ReviewQueue>;
  /** The next item to review, reserved; null when none is left. */
  next(): Promise<{ readonly item: ReviewItem | null; readonly counts: ReviewCounts }>;
  item(id: string): Promise<ReviewItem>;
  review(
    id: string,
    status: "completed" | "skipped" | "released",
    feedback?: readonly JsonObject[],
  ): Promise<void>;
}

/** Over HTTP, each time to the server that runs then on the data directory. */
export function createReviewServer(dataDir: string, queue: string, reviewer: string): ReviewServer {
  const path = `/api/v1/queues/${encodeURIComponent(queue)}`;
  const call = (method: "GET" | "POST", more: string, body?: JsonValue): Promise<unknown> =>
    callServer(requireServer(dataDir), {
      method,
      path: path + more,
      ...(body === undefined ? {} : { body }),
    });
  return {
    queue: async () => (await call("GET", "")) as ReviewQueue,
    next: async () =>
      (await call("POST", "/next", { reviewer })) as Awaited<ReturnType<ReviewServer["next"]>>,
    item: async (id) =>
      (await call("GET", `/items/${id}?reviewer=${encodeURIComponent(reviewer)}`)) as ReviewItem,
    review: async (id, status, feedback = []) => {
      await call("POST", `/items/${id}/review`, { reviewer, status, feedback });
    },
  };
}
