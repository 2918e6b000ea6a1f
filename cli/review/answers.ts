import { isDeepStrictEqual } from "node:util";
import type { JsonObject, JsonValue } from "../../schema/index.js";
import type { ReviewItem, ReviewQueue } from "./review-server.js";

/** One thing that reviewers are asked. */
export interface Question {
  readonly key: string;
  readonly description: string;
  readonly isRequired: boolean;
  /** What scores and categories mean: `1: good`. */
  readonly meanings: readonly string[];
}

/** What a reviewer says under a key. */
export interface Answer {
  readonly score?: number;
  readonly value?: JsonValue;
  readonly comment?: string;
  readonly correction?: JsonValue;
}

/** Key that is asked for where a queue has no rubric. */
export const DEFAULT_KEY = "correctness";

/** What a queue asks; without a rubric one question under `key`. */
export function questionsOf(queue: ReviewQueue, key: string): Question[] {
  const rubric = queue.rubric_items ?? [];
  if (rubric.length === 0) return [{ key, description: "", isRequired: false, meanings: [] }];
  return rubric.map((item) => ({
    key: textOf(item["feedback_key"]),
    description: textOf(item["description"]),
    isRequired: item["is_required"] === true,
    meanings: [item["score_descriptions"], item["value_descriptions"]].flatMap(meaningsIn),
  }));
}

function meaningsIn(value: JsonValue | undefined): string[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).map(([what, meaning]) => `${what}: ${textOf(meaning)}`);
}

/** What a reviewer has said about an item already, by key. */
export function answersOf(item: ReviewItem, reviewer: string): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  for (const feedback of item.feedback) {
    const source = (feedback["feedback_source"] ?? {}) as JsonObject;
    const metadata = (source["metadata"] ?? {}) as JsonObject;
    if (source["user_id"] !== reviewer || metadata["queue_item_id"] !== item.id) continue;
    const fields = ["score", "value", "comment", "correction"].flatMap((name) =>
      (feedback[name] ?? null) === null ? [] : [[name, feedback[name]] as const],
    );
    answers.set(textOf(feedback["key"]), Object.fromEntries(fields) as Answer);
  }
  return answers;
}

/** The answers that differ from what was said before, as feedback. */
export function feedbackOf(
  answers: ReadonlyMap<string, Answer>,
  before: ReadonlyMap<string, Answer>,
): JsonObject[] {
  return [...answers].flatMap(([key, answer]): JsonObject[] =>
    isDeepStrictEqual(answer, before.get(key)) || Object.keys(answer).length === 0
      ? []
      : [{ key, ...answer }],
  );
}

/** Text of a JSON value; a text as it is. */
export function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}
