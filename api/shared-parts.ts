import type { DatasetService, FeedbackConfigCache, QueueService, RulesEngine } from "../loop/index.js";

/** What the APIs share. */
export interface SharedParts {
  /** Each takes feedback, and all go by the same configs. */
  readonly configs: FeedbackConfigCache;
  /** One for all, so that changes come in turn and each makes a version of its own. */
  readonly datasets: DatasetService;
  readonly rules: RulesEngine;
  /** One for all, so that changes of items come in turn. */
  readonly queues: QueueService;
}
