import { patternsProblem, REDACT_FIELDS } from "./redact-fields.js";
import type { Field, JsonObject, JsonValue } from "./types.js";

const LIST_MAX = 100;

/** What is asked before a run enters a dataset: `guards` of the action `add_to_dataset`. */
export const GUARD_FIELDS: readonly Field[] = [
  {
    name: "consensus",
    kind: "object",
    doc: "Enough people must say the same of the run. What they say is the correction that counts.",
    fields: [
      { name: "key", kind: "text", lengthMax: 180, doc: "Only feedback of this key." },
      { name: "annotators", kind: "integer", doc: "So many different users must agree; 2 by default." },
      { name: "trusted_users", kind: "list", lengthMax: LIST_MAX, doc: "Or one of these users says it." },
      {
        name: "trusted_sources",
        kind: "list",
        lengthMax: LIST_MAX,
        doc: "Or feedback comes from a source of one of these types: human, model, app, ...",
      },
      {
        name: "trusted_roles",
        kind: "list",
        lengthMax: LIST_MAX,
        doc: "Or its source's metadata has one of these as `role`.",
      },
    ],
  },
  {
    name: "duplicates",
    kind: "text",
    oneOf: ["exact", "near"],
    doc: "Refuse inputs that the dataset has: the same text, or also a similar one.",
  },
  {
    name: "similarity",
    kind: "number",
    doc: "duplicates near: share of common 5-character pieces from which texts are alike; 0.8 by default.",
  },
  {
    name: "exclusive_splits",
    kind: "list",
    lengthMax: LIST_MAX,
    doc: "Refuse inputs that the dataset has in another one of these splits.",
  },
  {
    name: "exclusive_datasets",
    kind: "list",
    lengthMax: LIST_MAX,
    doc: "Refuse inputs that one of these datasets has, by name.",
  },
  {
    name: "redact",
    kind: "list",
    lengthMax: LIST_MAX,
    doc: "What to replace in every text of inputs and outputs before they are stored.",
    fields: REDACT_FIELDS,
  },
  { name: "quarantine", kind: "boolean", doc: "Wait until someone approves (`rules approve`)." },
];

/** What is wrong with the guards of an action beyond single fields; undefined when nothing is. */
export function guardsProblem(action: JsonObject): string | undefined {
  const guards = (action["guards"] ?? undefined) as JsonObject | undefined;
  if (guards === undefined) return undefined;
  if (action["type"] !== "add_to_dataset") return "has guards, which only add_to_dataset can have";
  const consensus = (guards["consensus"] ?? {}) as JsonObject;
  const annotators = consensus["annotators"];
  if (typeof annotators === "number" && annotators < 1) return "has guards.consensus.annotators below 1";
  const similarity = guards["similarity"];
  if (typeof similarity === "number" && (similarity <= 0 || similarity > 1)) {
    return "has guards.similarity that is not above 0 and at most 1";
  }
  const lists: readonly (readonly [string, JsonValue | undefined])[] = [
    ...["exclusive_splits", "exclusive_datasets"].map((name) => [name, guards[name]] as const),
    ...["trusted_users", "trusted_sources", "trusted_roles"].map(
      (name) => [`consensus.${name}`, consensus[name]] as const,
    ),
  ];
  for (const [name, list] of lists) {
    const isTexts = ((list ?? []) as readonly JsonValue[]).every(
      (each) => typeof each === "string" && each !== "",
    );
    if (!isTexts) return `has guards.${name} with items that are no texts`;
  }
  const exclusive = new Set((guards["exclusive_splits"] ?? []) as readonly JsonValue[]);
  const both = ((action["splits"] ?? []) as readonly string[]).filter((split) => exclusive.has(split));
  if (both.length > 1) return `puts runs into ${both.join(" and ")}, which are exclusive_splits`;
  return patternsProblem("guards.redact", (guards["redact"] ?? []) as readonly JsonObject[]);
}
