import type { Field, JsonObject, JsonValue, RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;
/** LangSmith's bound on a feedback key, characters. */
const KEY_LENGTH_MAX = 180;
const USER_ID_LENGTH_MAX = 200;
const RUBRIC_ITEMS_MAX = 100;
const REVIEWERS_MAX = 100;
const RESERVATION_MINUTES_MAX = 7 * 24 * 60;

/** What a reviewer did with an item: a review that is there, or a pass to the others. */
export const REVIEW_STATUSES = ["completed", "skipped"] as const;

/** Who completes an item: as many reviewers as the queue says, or every one that is assigned. */
export const REVIEWER_ACCESS_MODES = ["any", "assigned"] as const;

const RUBRIC_FIELDS: readonly Field[] = [
  {
    name: "feedback_key",
    kind: "text",
    required: true,
    lengthMax: KEY_LENGTH_MAX,
    doc: "Key of the feedback that answers it.",
  },
  { name: "description", kind: "text", doc: "What to judge, in words." },
  { name: "value_descriptions", kind: "object", doc: "What each category means: texts by category." },
  { name: "score_descriptions", kind: "object", doc: "What each score means: texts by score." },
  { name: "is_required", kind: "boolean", doc: "Whether a review needs it." },
  { name: "is_assertion", kind: "boolean", doc: "Whether it is something that must hold." },
];

/** `annotation_queues`: runs that people are to look at, and what they are asked. */
export const ANNOTATION_QUEUES: RecordType = {
  type: "annotation_queue",
  table: "annotation_queues",
  doc: "Annotation queues: what reviewers are asked about runs, and how many of them. The runs are in `queue_items`.",
  fields: [
    { name: "name", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Unique name." },
    { name: "description", kind: "text", doc: "In words." },
    { name: "rubric_instructions", kind: "text", doc: "What reviewers are told, in words." },
    {
      name: "rubric_items",
      kind: "list",
      lengthMax: RUBRIC_ITEMS_MAX,
      doc: "What they are asked.",
      fields: RUBRIC_FIELDS,
    },
    {
      name: "num_reviewers_per_item",
      kind: "integer",
      doc: "Reviews that complete an item; 1 by default.",
    },
    {
      name: "enable_reservations",
      kind: "boolean",
      doc: "Whether who opens an item has it for a while; true by default.",
    },
    { name: "reservation_minutes", kind: "number", doc: "How long, minutes; 1 by default." },
    {
      name: "reviewer_access_mode",
      kind: "text",
      oneOf: REVIEWER_ACCESS_MODES,
      doc: "`any` (default): as many as `num_reviewers_per_item` says; `assigned`: every assigned reviewer.",
    },
    {
      name: "assigned_reviewers",
      kind: "list",
      lengthMax: REVIEWERS_MAX,
      doc: "Who is to review. With some, nobody else may.",
      fields: [
        {
          name: "user_id",
          kind: "text",
          required: true,
          lengthMax: USER_ID_LENGTH_MAX,
          doc: "As feedback has it in its source.",
        },
      ],
    },
    { name: "default_dataset", kind: "uuid", doc: "Dataset that reviewed runs usually go to." },
    { name: "metadata", kind: "object", doc: "Anything else." },
    { name: "created_at", kind: "time", doc: "When it was created." },
    { name: "updated_at", kind: "time", doc: "When it was last changed." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Unique name." },
    { name: "description", type: "VARCHAR", doc: "In words." },
    { name: "rubric_items", type: "VARCHAR", json: true, doc: "What reviewers are asked: JSON array." },
    {
      name: "num_reviewers_per_item",
      type: "BIGINT",
      doc: "Reviews that complete an item.",
      read: (data) => data["num_reviewers_per_item"] ?? 1,
    },
    {
      name: "reviewer_access_mode",
      type: "VARCHAR",
      doc: "any: as many as that; assigned: every assigned reviewer.",
      read: (data) => data["reviewer_access_mode"] ?? "any",
    },
    {
      name: "assigned_reviewers",
      type: "VARCHAR",
      json: true,
      doc: "Who is to review: JSON array of objects with `user_id`.",
    },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was created, UTC." },
  ],
  check: queueProblem,
};

function queueProblem(data: JsonObject): string | undefined {
  const reviewers = data["num_reviewers_per_item"];
  if (typeof reviewers === "number" && (reviewers < 1 || reviewers > REVIEWERS_MAX))
    return `has a num_reviewers_per_item outside 1 to ${REVIEWERS_MAX}`;
  const minutes = data["reservation_minutes"];
  if (typeof minutes === "number" && (minutes <= 0 || minutes > RESERVATION_MINUTES_MAX))
    return `has reservation_minutes that are not above 0 and at most ${RESERVATION_MINUTES_MAX}`;
  const twice =
    duplicate(textsAt(data["rubric_items"], "feedback_key")) ??
    duplicate(textsAt(data["assigned_reviewers"], "user_id"));
  if (twice !== undefined) return `names ${JSON.stringify(twice)} twice`;
  const assigned = textsAt(data["assigned_reviewers"], "user_id");
  return data["reviewer_access_mode"] === "assigned" && assigned.length === 0
    ? "has the reviewer_access_mode assigned, and no assigned_reviewers"
    : undefined;
}

const REVIEWER: Field = {
  name: "user_id",
  kind: "text",
  required: true,
  lengthMax: USER_ID_LENGTH_MAX,
  doc: "Who, as feedback has it in its source.",
};

/** `queue_items`: a run in an annotation queue, and how far its review is. */
export const QUEUE_ITEMS: RecordType = {
  type: "queue_item",
  table: "queue_items",
  doc: "Runs in annotation queues: who reviewed them, who has them just now. What reviewers said is feedback.",
  fields: [
    { name: "queue_id", kind: "uuid", required: true, doc: "Annotation queue." },
    { name: "run_id", kind: "uuid", required: true, doc: "LangSmith id of the run." },
    { name: "trace_id", kind: "trace_id", required: true, doc: "Trace of the run." },
    { name: "span_id", kind: "span_id", required: true, doc: "Span of the run." },
    { name: "project", kind: "text", doc: "Project of the run." },
    { name: "start_time", kind: "time", doc: "Start of the run." },
    { name: "added_at", kind: "time", required: true, doc: "When it was added: items come in this order." },
    {
      name: "added_by",
      kind: "object",
      doc: "What added it: `type`, and for a rule its `rule_id` and `rule_name`.",
    },
    { name: "last_reviewed_time", kind: "time", doc: "When someone last completed it." },
    {
      name: "reviews",
      kind: "list",
      lengthMax: REVIEWERS_MAX,
      doc: "What reviewers did, one entry each.",
      fields: [
        REVIEWER,
        {
          name: "status",
          kind: "text",
          required: true,
          oneOf: REVIEW_STATUSES,
          doc: "completed, or skipped: left to the others.",
        },
        { name: "at", kind: "time", required: true, doc: "When." },
      ],
    },
    {
      name: "reservations",
      kind: "list",
      lengthMax: REVIEWERS_MAX,
      doc: "Who has it for now.",
      fields: [REVIEWER, { name: "until", kind: "time", required: true, doc: "When that ends." }],
    },
    {
      name: "positions",
      kind: "list",
      lengthMax: REVIEWERS_MAX,
      doc: "Where it stands for reviewers who put it elsewhere.",
      fields: [REVIEWER, { name: "added_at", kind: "time", required: true, doc: "Instead of `added_at`." }],
    },
    { name: "source_proposed_example_id", kind: "uuid", doc: "As LangSmith's clients gave it." },
  ],
  columns: [
    { name: "queue_id", type: "VARCHAR", doc: "Annotation queue." },
    { name: "run_id", type: "VARCHAR", doc: "LangSmith id of the run." },
    { name: "trace_id", type: "VARCHAR", doc: "Trace of the run." },
    { name: "span_id", type: "VARCHAR", doc: "Span of the run." },
    { name: "project", type: "VARCHAR", doc: "Project of the run." },
    { name: "added_at", type: "TIMESTAMP_NS", doc: "When it was added, UTC." },
    {
      name: "last_reviewed_time",
      type: "TIMESTAMP_NS",
      doc: "When someone last completed it, UTC. Null when nobody did.",
    },
    {
      name: "completed_by",
      type: "VARCHAR",
      json: true,
      doc: "Who completed it: JSON array of texts.",
      read: (data) => reviewersWith(data, "completed"),
    },
    {
      name: "skipped_by",
      type: "VARCHAR",
      json: true,
      doc: "Who left it to others: JSON array of texts.",
      read: (data) => reviewersWith(data, "skipped"),
    },
    { name: "reservations", type: "VARCHAR", json: true, doc: "Who has it, and until when: JSON array." },
  ],
  check: (data) => {
    const twice = ["reviews", "reservations", "positions"].find(
      (field) => duplicate(textsAt(data[field], "user_id")) !== undefined,
    );
    return twice === undefined ? undefined : `has ${twice} with a reviewer twice`;
  },
};

function reviewersWith(data: JsonObject, status: (typeof REVIEW_STATUSES)[number]): string[] {
  const reviews = (data["reviews"] ?? []) as readonly JsonObject[];
  return textsAt(
    reviews.filter((review) => review["status"] === status),
    "user_id",
  );
}

function textsAt(list: JsonValue | undefined, field: string): string[] {
  const items = (Array.isArray(list) ? list : []) as readonly JsonObject[];
  return items.flatMap((item) => (typeof item[field] === "string" ? [item[field]] : []));
}

function duplicate(texts: readonly string[]): string | undefined {
  return texts.find((text, at) => texts.indexOf(text) !== at);
}
