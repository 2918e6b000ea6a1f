import type { RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;

/** `datasets`: LangSmith's datasets. */
export const DATASETS: RecordType = {
  type: "dataset",
  table: "datasets",
  doc: "Datasets: collections of examples.",
  fields: [
    { name: "name", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Unique name." },
    { name: "description", kind: "text", doc: "In words." },
    { name: "data_type", kind: "text", oneOf: ["kv", "llm", "chat"], doc: "Shape of its examples." },
    { name: "inputs_schema_definition", kind: "object", doc: "JSON Schema of inputs." },
    { name: "outputs_schema_definition", kind: "object", doc: "JSON Schema of outputs." },
    { name: "metadata", kind: "object", doc: "Anything else." },
    { name: "created_at", kind: "time", doc: "When it was created." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Unique name." },
    { name: "description", type: "VARCHAR", doc: "In words." },
    { name: "data_type", type: "VARCHAR", doc: "kv, llm or chat." },
    { name: "metadata", type: "VARCHAR", json: true, doc: "Anything else: JSON object." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was created, UTC." },
  ],
};

/**
 * `examples`: every revision is a row of `examples_history`. A version of a dataset is a `time` at which examples changed:
 * its state are the last rows with a `time` up to it.
 */
export const EXAMPLES: RecordType = {
  type: "example",
  table: "examples",
  doc: "Examples of datasets: inputs, and what the outputs should be.",
  fields: [
    { name: "dataset_id", kind: "uuid", required: true, doc: "Dataset that it belongs to." },
    { name: "inputs", kind: "object", doc: "What goes in." },
    { name: "outputs", kind: "object", doc: "What should come out." },
    { name: "metadata", kind: "object", doc: "Anything else; `dataset_split` lists its splits." },
    { name: "source_run_id", kind: "uuid", doc: "Run that it was made of." },
    {
      name: "attachments",
      kind: "list",
      doc: "Files.",
      fields: [
        { name: "name", kind: "text", required: true, doc: "Name within the example." },
        { name: "mime_type", kind: "text", required: true, doc: "Media type." },
        { name: "content", kind: "text", required: true, doc: "Base64." },
      ],
    },
    {
      name: "provenance",
      kind: "object",
      doc: "Where it came from: of a rule the rule and its version, the run and its hash, the feedback and who gave it; of a merge the other example, and the hashes of both then.",
    },
    { name: "created_at", kind: "time", doc: "When it was first added." },
  ],
  columns: [
    { name: "dataset_id", type: "VARCHAR", doc: "Dataset that it belongs to; null for a delete." },
    { name: "inputs", type: "VARCHAR", json: true, content: true, doc: "What goes in: JSON object." },
    {
      name: "outputs",
      type: "VARCHAR",
      json: true,
      content: true,
      doc: "What should come out: JSON object.",
    },
    { name: "metadata", type: "VARCHAR", json: true, doc: "Anything else: JSON object." },
    { name: "source_run_id", type: "VARCHAR", doc: "Run that it was made of." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was first added, UTC." },
  ],
};

/** `dataset_tags`: names for versions. The id is the dataset's, a slash, and the tag. */
export const DATASET_TAGS: RecordType = {
  type: "dataset_tag",
  table: "dataset_tags",
  doc: "Tags of dataset versions; a tag can be moved.",
  fields: [
    { name: "dataset_id", kind: "uuid", required: true, doc: "Dataset." },
    { name: "tag", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Name of the version." },
    { name: "as_of", kind: "time", required: true, doc: "The version: the time of its last change." },
  ],
  columns: [
    { name: "dataset_id", type: "VARCHAR", doc: "Dataset." },
    { name: "tag", type: "VARCHAR", doc: "Name of the version." },
    { name: "as_of", type: "TIMESTAMP_NS", doc: "The version: the time of its last change, UTC." },
  ],
};
