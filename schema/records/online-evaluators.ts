import type { JsonObject, RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;

/** LangSmith's kinds of online evaluators. */
export const ONLINE_EVALUATOR_TYPES = ["llm", "code", "decision_model"] as const;

/** `online_evaluators`: evaluators that LangSmith runs. What runs here is in `evaluators`. */
export const ONLINE_EVALUATORS: RecordType = {
  type: "online_evaluator",
  table: "online_evaluators",
  doc: "Online evaluators in LangSmith's words, kept as they came: prompts of its hub and programs in its sandbox, which only LangSmith runs. Those that run here are in `evaluators`.",
  fields: [
    { name: "name", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Name." },
    {
      name: "type",
      kind: "text",
      required: true,
      oneOf: ONLINE_EVALUATOR_TYPES,
      doc: "What judges.",
    },
    { name: "llm_evaluator", kind: "object", doc: "llm: the prompt, and how it gets its variables." },
    { name: "code_evaluator", kind: "object", doc: "code: the program and its language." },
    { name: "feedback_keys", kind: "list", lengthMax: 1_000, doc: "Keys of its feedback: texts." },
    { name: "metadata", kind: "object", doc: "Anything else." },
    { name: "created_at", kind: "time", doc: "When it was made." },
    { name: "updated_at", kind: "time", doc: "When it was last changed." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Name." },
    { name: "type", type: "VARCHAR", doc: "llm, code or decision_model." },
    { name: "feedback_keys", type: "VARCHAR", json: true, doc: "Keys of its feedback: JSON array." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was made, UTC." },
  ],
  check: evaluatorProblem,
};

function evaluatorProblem(data: JsonObject): string | undefined {
  const type = data["type"];
  const field = type === "llm" ? "llm_evaluator" : type === "code" ? "code_evaluator" : undefined;
  if (field === undefined || (data[field] ?? null) !== null) return undefined;
  return `has no ${field}, as its type needs`;
}
