export { ALERT_EVENTS, ALERT_SEVERITIES } from "./alerts.js";
export { decodeRecords, encodeRecords } from "./codec.js";
export { COMPARATIVE_EXPERIMENTS } from "./comparative-experiments.js";
export { DATASET_TAGS, DATASETS, EXAMPLES } from "./datasets.js";
export { EGRESS, EGRESS_KINDS } from "./egress.js";
export { ERASURES } from "./erasures.js";
export { EVALUATION_EVENT, evaluationsOfLog, evaluationsOfSpan, JUDGEMENT_PREFIXES } from "./evaluations.js";
export {
  EVALUATOR_KINDS,
  EVALUATOR_RUNS,
  EVALUATORS,
  JUDGEMENT_TYPES,
  TEMPLATE_PLACE,
} from "./evaluators.js";
export {
  configProblem,
  FEEDBACK_CONFIG_TYPES,
  FEEDBACK_CONFIGS,
  feedbackProblem,
} from "./feedback-configs.js";
export { FEEDBACK_TOKENS } from "./feedback-tokens.js";
export { FEEDBACK, FEEDBACK_TARGETS } from "./feedback.js";
export { hexToUuid, spanIdOf, spanIdOfRunId, traceIdOf, uuidOf } from "./ids.js";
export { recordDataSchema } from "./json-schema.js";
export { PINS, RUN_TAGS, TAG_LENGTH_MAX } from "./marks.js";
export { ONLINE_EVALUATOR_TYPES, ONLINE_EVALUATORS } from "./online-evaluators.js";
export { PRICES } from "./prices.js";
export { PROJECTS } from "./projects.js";
export { PROMPT_COMMITS, PROMPTS } from "./prompts.js";
export { ANNOTATION_QUEUES, QUEUE_ITEMS, REVIEW_STATUSES, REVIEWER_ACCESS_MODES } from "./queues.js";
export * from "./record-tables.js";
export { webhookUrlProblem } from "./reach-out.js";
export { EXAMPLE_OUTPUTS, RULE_ACTIONS, RULE_OUTCOMES, RULE_RUNS, RULES } from "./rules.js";
export { SHARES } from "./shares.js";
export { timeToUnixNano, unixNanoToTime } from "./time.js";
export * from "./types.js";
export { checkRecord, type CheckOptions, isDeeper, recordTypeOf } from "./validate.js";
