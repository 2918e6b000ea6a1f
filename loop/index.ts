export {
  AGREEMENT_LEVELS,
  type AgreementLevel,
  cohenKappa,
  fleissKappa,
  krippendorffAlpha,
} from "./feedback/agreement.js";
export { type AgreementReport, agreementReport, type RaterPair } from "./feedback/agreement-report.js";
export {
  type FeedbackConfig,
  FeedbackConfigCache,
  type FeedbackConfigChange,
  type FeedbackConfigFilter,
  type FeedbackConfigPorts,
  FeedbackConfigService,
} from "./feedback/feedback-configs.js";
export {
  type FeedbackToken,
  type FeedbackTokenPorts,
  FeedbackTokenService,
  type TokenFeedback,
} from "./feedback/feedback-tokens.js";
export type { FeedbackFilter, Rows } from "./feedback/feedback-query.js";
export {
  createFeedbackService,
  type FeedbackChange,
  type FeedbackDraft,
  type FeedbackPorts,
  type FeedbackService,
} from "./feedback/feedback-service.js";
export {
  type ComparativeExperiment,
  type ComparativePorts,
  ComparativeService,
  type ScoreFigures,
} from "./experiments/comparative-service.js";
export {
  type DeltaQuery,
  examplesOfExperiments,
  type ScoreDelta,
  scoreDeltas,
} from "./experiments/experiment-scores.js";
export {
  type CsvColumns,
  examplesOfCsv,
  examplesToCsv,
  examplesToJsonl,
  examplesToOpenaiEvals,
  examplesToOpenaiFineTuning,
} from "./datasets/dataset-files.js";
export { similarExamples, type SimilarExample } from "./datasets/similar-examples.js";
export { schemaProblems } from "./datasets/schema-check.js";
export { examplesToHuggingFace } from "./datasets/hugging-face.js";
export { type DatasetPorts, DatasetService } from "./datasets/dataset-service.js";
export * from "./datasets/dataset-history.js";
export {
  type MergeConflict,
  type MergePlan,
  type MergeRequest,
  planMerge,
} from "./datasets/dataset-merge.js";
export { type DecidedMerge, planDecidedMerge } from "./datasets/decided-merge.js";
export { storeVersion } from "./datasets/store-version.js";
export * from "./datasets/types.js";
export {
  type TrajectoriesOptions,
  type TrajectoriesReport,
  writeTrajectories,
} from "./export/write-trajectories.js";
export * from "./import/index.js";
export {
  type DeletedProject,
  formerNames,
  type ProjectPorts,
  type ProjectRecord,
  ProjectService,
} from "./projects/project-service.js";
export { type Shared, type SharePorts, ShareService } from "./shares/share-service.js";
export {
  DEFAULT_PROJECT,
  ERROR_SQL,
  INPUTS_SQL,
  OUTPUTS_SQL,
  PROMPT_TOKENS_SQL,
  STATUS_SQL,
} from "./filter/fields.js";
export { Bindings, filterSql } from "./filter/filter-sql.js";
export { type FilterNode, type FilterValue, parseFilter } from "./filter/parse-filter.js";
export {
  ATTACHMENTS_COLUMN,
  CONTENT_COLUMNS,
  jsonInColumn,
  keptRunContentOf,
  NATIVE_COLUMNS,
  nativeRunOfRow,
  type RunContent,
  runContentOf,
} from "./runs/run-content.js";
export {
  type Commit,
  type CommitDraft,
  type Prompt,
  type PromptPorts,
  PromptService,
} from "./prompts/prompt-service.js";
export { EgressLedger } from "./egress/egress-ledger.js";
export { type EgressFilter, readEgress } from "./egress/read-egress.js";
export { MarkService } from "./marks/mark-service.js";
export { type AlertFilter, readAlertEvents } from "./rules/alert-events.js";
export { type RuleLogFilter, readRuleLogs } from "./rules/rule-logs.js";
export { type Evaluator, readEvaluators } from "./evaluators/evaluator-book.js";
export { type EvaluatorPorts, EvaluatorService } from "./evaluators/evaluator-service.js";
export { type OnlineEvaluator, OnlineEvaluatorService } from "./evaluators/online-evaluators.js";
export { type ChangePlan, type NamedDraft, nameTaken } from "./records/named-things.js";
export { RuleService } from "./rules/rule-service.js";
export type { Rule } from "./rules/rule-types.js";
export type { QuarantineDecision } from "./rules/quarantine.js";
export type { Sandbox } from "./rules/where.js";
export { RulesEngine, type RulesEnginePorts } from "./rules/rules-engine.js";
export { InTurn } from "./records/in-turn.js";
export type { ItemChange } from "./queues/item-changes.js";
export { type ReviewedRun, reviewedRun } from "./queues/reviewed-run.js";
export { type QueuePorts, QueueService, type Review } from "./queues/queue-service.js";
export * from "./queues/queue-types.js";
export { queueAgreement } from "./queues/queue-agreement.js";
