import type { Column } from "../columns.js";
import { ALERT_EVENTS } from "./alerts.js";
import { COMPARATIVE_EXPERIMENTS } from "./comparative-experiments.js";
import { DATASET_TAGS, DATASETS, EXAMPLES } from "./datasets.js";
import { EGRESS } from "./egress.js";
import { ERASURES } from "./erasures.js";
import { EVALUATOR_RUNS, EVALUATORS } from "./evaluators.js";
import { FEEDBACK_CONFIGS } from "./feedback-configs.js";
import { FEEDBACK_TOKENS } from "./feedback-tokens.js";
import { FEEDBACK } from "./feedback.js";
import { PINS, RUN_TAGS } from "./marks.js";
import { ONLINE_EVALUATORS } from "./online-evaluators.js";
import { PRICES } from "./prices.js";
import { PROJECTS } from "./projects.js";
import { PROMPT_COMMITS, PROMPTS } from "./prompts.js";
import { ANNOTATION_QUEUES, QUEUE_ITEMS } from "./queues.js";
import { RULE_RUNS, RULES } from "./rules.js";
import { SHARES } from "./shares.js";
import type { RecordType } from "./types.js";

/** Every type of record that this version knows. */
export const RECORD_TYPES: readonly RecordType[] = [
  FEEDBACK,
  PRICES,
  PROJECTS,
  DATASETS,
  EXAMPLES,
  DATASET_TAGS,
  SHARES,
  FEEDBACK_CONFIGS,
  FEEDBACK_TOKENS,
  ERASURES,
  COMPARATIVE_EXPERIMENTS,
  PROMPTS,
  PROMPT_COMMITS,
  RULES,
  RULE_RUNS,
  ANNOTATION_QUEUES,
  QUEUE_ITEMS,
  EVALUATORS,
  EVALUATOR_RUNS,
  ALERT_EVENTS,
  PINS,
  RUN_TAGS,
  ONLINE_EVALUATORS,
  EGRESS,
];

/** Table of records of a type that this version does not know. */
export const UNKNOWN_RECORDS_TABLE = "records";

/** Columns that come first in every record table. */
const HEAD: readonly Column[] = [
  { name: "id", type: "VARCHAR", doc: "Id within the type." },
  {
    name: "op",
    type: "VARCHAR",
    doc: "put: `data` is the state from now on; delete: there is none any more.",
  },
  { name: "time", type: "TIMESTAMP_NS", doc: "When it was decided, UTC." },
];

/** Columns that come last in every record table. */
const TAIL: readonly Column[] = [
  {
    name: "data",
    type: "VARCHAR",
    json: true,
    content: true,
    doc: "The whole state as it was given: JSON object. Null for a delete.",
  },
  {
    name: "more",
    type: "VARCHAR",
    json: true,
    doc: "Keys of the record that its reader did not know: JSON object. Null when none.",
  },
  {
    name: "source",
    type: "VARCHAR",
    doc: "How it came in: api, langsmith, import, or otlp when it was read out of telemetry.",
  },
  { name: "received_at", type: "TIMESTAMP_NS", doc: "When it was received, UTC." },
  { name: "seq", type: "BIGINT", doc: "Journal sequence number of the record it came in." },
  {
    name: "seq_index",
    type: "INTEGER",
    doc: "Position within that record, from 0. (seq, seq_index) orders all changes.",
  },
];

const TYPE: Column = { name: "type", type: "VARCHAR", doc: "Type of the record." };

/** Columns of each record table: one row a change. */
export const RECORD_TABLE_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  ...Object.fromEntries(RECORD_TYPES.map(({ table, columns }) => [table, [...HEAD, ...columns, ...TAIL]])),
  [UNKNOWN_RECORDS_TABLE]: [TYPE, ...HEAD, ...TAIL],
};

/** Tables of records, in the order of their types. */
export const RECORD_TABLES: readonly string[] = Object.keys(RECORD_TABLE_COLUMNS);
