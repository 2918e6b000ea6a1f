import type { JsonObject, JsonValue, RecordType } from "./types.js";

/** How feedback of a key is read: a number within bounds, one of some categories, or anything. */
export const FEEDBACK_CONFIG_TYPES = ["continuous", "categorical", "freeform"] as const;

const KEY_LENGTH_MAX = 180;
const CATEGORIES_MAX = 1_000;

/** `feedback_configs`: what feedback of a key must look like, and which way is better. One for a key. */
export const FEEDBACK_CONFIGS: RecordType = {
  type: "feedback_config",
  table: "feedback_configs",
  doc: "How feedback of a key is read: continuous, categorical or freeform, its bounds, and which way is better.",
  fields: [
    {
      name: "feedback_key",
      kind: "text",
      required: true,
      lengthMax: KEY_LENGTH_MAX,
      doc: "Key of the feedback.",
    },
    {
      name: "feedback_config",
      kind: "object",
      required: true,
      doc: "What a score and a value may be.",
      fields: [
        {
          name: "type",
          kind: "text",
          required: true,
          oneOf: FEEDBACK_CONFIG_TYPES,
          doc: "Kind of judgement.",
        },
        { name: "min", kind: "number", doc: "Least score; of continuous feedback." },
        { name: "max", kind: "number", doc: "Greatest score; of continuous feedback." },
        {
          name: "categories",
          kind: "list",
          lengthMax: CATEGORIES_MAX,
          doc: "The choices; of categorical feedback.",
          fields: [
            { name: "value", kind: "number", required: true, doc: "Score of the choice." },
            { name: "label", kind: "text", doc: "Name of the choice." },
          ],
        },
        {
          name: "allows_multiple_categories",
          kind: "boolean",
          doc: "Whether `value` may be a list of choices.",
        },
      ],
    },
    { name: "is_lower_score_better", kind: "boolean", doc: "Direction; by default higher is better." },
    { name: "is_enforced", kind: "boolean", doc: "As LangSmith's clients set it; every config is checked." },
    { name: "created_at", kind: "time", doc: "When it was created." },
  ],
  columns: [
    { name: "feedback_key", type: "VARCHAR", doc: "Key of the feedback." },
    {
      name: "config_type",
      type: "VARCHAR",
      doc: "continuous, categorical or freeform.",
      read: (data) => configOf(data)["type"],
    },
    { name: "min_score", type: "DOUBLE", doc: "Least score.", read: (data) => configOf(data)["min"] },
    { name: "max_score", type: "DOUBLE", doc: "Greatest score.", read: (data) => configOf(data)["max"] },
    {
      name: "categories",
      type: "VARCHAR",
      json: true,
      doc: "The choices with `value` and `label`: JSON array.",
      read: (data) => configOf(data)["categories"],
    },
    {
      name: "is_lower_score_better",
      type: "BOOLEAN",
      doc: "Whether a lower score is better. Null: higher is.",
    },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was created, UTC." },
  ],
  check: (data) => configProblem(configOf(data)),
};

function configOf(data: JsonObject): JsonObject {
  const config = data["feedback_config"];
  return typeof config === "object" && config !== null && !Array.isArray(config)
    ? (config as JsonObject)
    : {};
}

interface Category {
  readonly value: number;
  readonly label?: string | null;
}

const categoriesOf = (config: JsonObject): readonly Category[] =>
  (config["categories"] ?? []) as unknown as readonly Category[];

/** The name of a choice: its label, or its value when it has none. */
const nameOf = ({ value, label }: Category): string => label ?? String(value);

/** What is wrong with a feedback config whose fields are valid by themselves; undefined when nothing is. */
export function configProblem(config: JsonObject): string | undefined {
  const { type, min, max } = config;
  const categories = categoriesOf(config);
  const bounded = typeof min === "number" || typeof max === "number";
  if (type === "categorical") {
    if (bounded) return "has min or max, which only continuous feedback has";
    if (categories.length < 2) return "has fewer than two categories";
    if (new Set(categories.map(({ value }) => value)).size < categories.length)
      return "has two categories with the same value";
    if (new Set(categories.map(nameOf)).size < categories.length)
      return "has two categories with the same label";
    return undefined;
  }
  if (categories.length > 0) return "has categories, which only categorical feedback has";
  if (type === "freeform") return bounded ? "has min or max, which only continuous feedback has" : undefined;
  return typeof min === "number" && typeof max === "number" && min > max
    ? `has a min of ${min} above its max of ${max}`
    : undefined;
}

/**
 * What is wrong with a feedback by the config of its key; undefined when nothing is. A score may be left out (a comment
 * alone is feedback as well), and true and false are 1 and 0.
 */
export function feedbackProblem(config: JsonObject, feedback: JsonObject): string | undefined {
  const { type } = config;
  if (type === "freeform" || feedback["error"] === true) return undefined;
  const given = feedback["score"];
  const score = typeof given === "boolean" ? Number(given) : typeof given === "number" ? given : undefined;
  return type === "categorical"
    ? categoricalProblem(config, score, feedback["value"] ?? null)
    : score === undefined
      ? undefined
      : boundsProblem(config, score);
}

function boundsProblem({ min, max }: JsonObject, score: number): string | undefined {
  if (typeof min === "number" && score < min) return `score must be at least ${min}, got ${score}`;
  if (typeof max === "number" && score > max) return `score must be at most ${max}, got ${score}`;
  return undefined;
}

function categoricalProblem(
  config: JsonObject,
  score: number | undefined,
  value: JsonValue,
): string | undefined {
  const categories = categoriesOf(config);
  const known = `(${categories.map((category) => `${category.value} ${nameOf(category)}`).join(", ")})`;
  if (score !== undefined && !categories.some((category) => category.value === score)) {
    return `score ${score} is no category ${known}`;
  }
  if (value === null) return undefined;
  const several = Array.isArray(value);
  if (several && config["allows_multiple_categories"] !== true)
    return "value must be one category, got a list";
  const chosen = (several ? value : [value]) as readonly JsonValue[];
  const wrong = chosen.find(
    (choice) => !categories.some((category) => choice === nameOf(category) || choice === category.value),
  );
  return wrong === undefined ? undefined : `value ${JSON.stringify(wrong)} is no category ${known}`;
}
