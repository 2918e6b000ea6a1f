import type { FeedbackConfigCache } from "../loop/index.js";

/** What the APIs share: each takes feedback, and all go by the same configs. */
export interface SharedParts {
  readonly configs: FeedbackConfigCache;
}
