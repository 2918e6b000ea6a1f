import type { RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;

/** `projects`: what is known of a project or experiment beside its runs. LangSmith's API calls it a session. */
export const PROJECTS: RecordType = {
  type: "project",
  table: "projects",
  doc: "Projects that were created or described by someone; one with a reference dataset is an experiment.",
  fields: [
    {
      name: "name",
      kind: "text",
      required: true,
      lengthMax: NAME_LENGTH_MAX,
      doc: "Name, as runs have it in `project`.",
    },
    { name: "description", kind: "text", doc: "In words." },
    { name: "reference_dataset_id", kind: "uuid", doc: "Dataset that an experiment ran over." },
    { name: "default_dataset_id", kind: "uuid", doc: "Dataset that its runs are mostly added to." },
    { name: "extra", kind: "object", doc: "Anything else, with `metadata`." },
    { name: "former_names", kind: "list", doc: "Names that it had before; its older runs still have them." },
    { name: "start_time", kind: "time", doc: "When it began." },
    { name: "end_time", kind: "time", doc: "When it ended." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Name, as runs have it in `project`." },
    { name: "description", type: "VARCHAR", doc: "In words." },
    { name: "reference_dataset_id", type: "VARCHAR", doc: "Dataset that an experiment ran over." },
    { name: "extra", type: "VARCHAR", json: true, doc: "Anything else, with `metadata`: JSON object." },
    { name: "start_time", type: "TIMESTAMP_NS", doc: "When it began, UTC." },
    { name: "end_time", type: "TIMESTAMP_NS", doc: "When it ended, UTC." },
  ],
};
