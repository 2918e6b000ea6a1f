import { CounterfoilError, type JsonObject } from "../../schema/index.js";
import type { FeedbackDraft } from "../feedback/feedback-service.js";
import type { Rows } from "../feedback/feedback-query.js";
import { textIn } from "../records/text-in.js";
import { reviewFeedbackIdOf } from "./queue-ids.js";
import type { AnnotationQueue, QueueItem } from "./queue-types.js";

/** Whose review of what. */
export interface ReviewScope {
  readonly queue: Pick<AnnotationQueue, "id" | "name" | "data">;
  readonly item: QueueItem;
  readonly reviewer: string;
}

/** What a reviewer says about an item, as feedback on its run that names the queue. */
export function reviewFeedback({ queue, item, reviewer }: ReviewScope, said: FeedbackDraft): FeedbackDraft {
  const key = said["key"];
  if (typeof key !== "string" || key === "")
    throw new CounterfoilError("CF_RECORD_INVALID", "Not a valid feedback: key is missing.");
  return {
    ...said,
    id: reviewFeedbackIdOf(item.id, reviewer, key),
    run_id: item.data["run_id"] ?? null,
    trace_id: item.data["trace_id"] ?? null,
    span_id: item.data["span_id"] ?? null,
    feedback_source: {
      type: "human",
      user_id: reviewer,
      metadata: { queue_id: queue.id, queue_name: queue.name, queue_item_id: item.id },
    },
  };
}

/** Keys that the rubric requires and the reviewer has not answered, neither now nor before. */
export async function missingAnswers(
  rows: Rows,
  { queue, item, reviewer }: ReviewScope,
  drafts: readonly FeedbackDraft[],
): Promise<string[]> {
  const rubric = (queue.data["rubric_items"] ?? []) as readonly JsonObject[];
  const given = new Set(drafts.map((draft) => draft["key"]));
  const open = rubric.flatMap((each) => {
    const key = textIn(each, "feedback_key");
    return each["is_required"] === true && !given.has(key) ? [key] : [];
  });
  if (open.length === 0) return [];
  const ids = open.map((key) => reviewFeedbackIdOf(item.id, reviewer, key));
  const found = await rows(
    `SELECT id FROM feedback WHERE id IN (${ids.map((_, at) => `$${at + 1}`).join(", ")})`,
    ids,
  );
  const said = new Set(found.map((row) => row["id"]));
  return open.filter((_, at) => !said.has(ids[at]));
}
