import type { RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;
const EXPERIMENTS_MAX = 1_000;

/** `comparative_experiments`: experiments over one dataset that were judged against each other. */
export const COMPARATIVE_EXPERIMENTS: RecordType = {
  type: "comparative_experiment",
  table: "comparative_experiments",
  doc: "Experiments over one dataset that were judged against each other; the judgements are feedback that names it.",
  fields: [
    { name: "name", kind: "text", lengthMax: NAME_LENGTH_MAX, doc: "Name." },
    { name: "description", kind: "text", doc: "In words." },
    { name: "reference_dataset_id", kind: "uuid", required: true, doc: "Dataset of the experiments." },
    {
      name: "experiment_ids",
      kind: "list",
      required: true,
      lengthMax: EXPERIMENTS_MAX,
      doc: "Ids of the experiments (projects): texts.",
    },
    { name: "extra", kind: "object", doc: "Anything else, with `metadata`." },
    { name: "created_at", kind: "time", doc: "When it was created." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Name." },
    { name: "description", type: "VARCHAR", doc: "In words." },
    { name: "reference_dataset_id", type: "VARCHAR", doc: "Dataset of the experiments." },
    {
      name: "experiment_ids",
      type: "VARCHAR",
      json: true,
      doc: "Ids of the experiments (projects): JSON array.",
    },
    { name: "extra", type: "VARCHAR", json: true, doc: "Anything else, with `metadata`: JSON object." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was created, UTC." },
  ],
  check: ({ experiment_ids: ids }) =>
    Array.isArray(ids) && ids.length > 0 && ids.every((id) => typeof id === "string")
      ? undefined
      : "has no experiment_ids",
};
