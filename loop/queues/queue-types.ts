import type { JsonObject } from "../../schema/index.js";

/** Where items stand for one reviewer: to be reviewed, not theirs to review (any more), or done by all who were needed. */
export const QUEUE_SECTIONS = ["needs_my_review", "needs_others_review", "archived"] as const;

/** One of {@link QUEUE_SECTIONS}. */
export type QueueSection = (typeof QUEUE_SECTIONS)[number];

/** Fields of LangSmith's annotation queues that a queue's record has as they come, beside the rubric's items. */
export const QUEUE_FIELDS = [
  "name",
  "description",
  "rubric_instructions",
  "num_reviewers_per_item",
  "enable_reservations",
  "reservation_minutes",
  "reviewer_access_mode",
  "default_dataset",
  "metadata",
  "created_at",
] as const;

/** An annotation queue, current state. */
export interface AnnotationQueue {
  readonly id: string;
  readonly name: string;
  /** As in the record type `annotation_queue`. */
  readonly data: JsonObject;
  /** RFC 3339 of its last change. */
  readonly modifiedAt: string;
  /** Its items, and those of them that are done. */
  readonly items: number;
  readonly archived: number;
}

/** A run in a queue, current state. */
export interface QueueItem {
  readonly id: string;
  /** As in the record type `queue_item`. */
  readonly data: JsonObject;
  readonly section: QueueSection;
  /** RFC 3339: where it stands for the reviewer who asked. */
  readonly effectiveAddedAt: string;
  readonly completedBy: readonly string[];
  readonly skippedBy: readonly string[];
  /** Who has it now. */
  readonly reservedBy: readonly string[];
}

/** A run that is to be added: by its id, by its trace alone (the root), or by trace and span in hex. */
export interface RunReference {
  readonly runId?: string;
  readonly traceId?: string;
  readonly spanId?: string;
  /** As LangSmith's clients give it. */
  readonly sourceProposedExampleId?: string;
}

/** Which items of a queue. */
export interface QueueItemFilter {
  /** For whom sections and places count; nobody by default. */
  readonly reviewer?: string;
  readonly sections?: readonly QueueSection[];
  /** Ids of items, or of their runs. */
  readonly ids?: readonly string[];
  readonly limit?: number;
  readonly offset?: number;
}

/** What a reviewer does with an item; `open` takes back what they did. */
export type ReviewStatus = "completed" | "skipped" | "open";
