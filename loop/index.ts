export type { FeedbackFilter, Rows } from "./feedback/feedback-query.js";
export {
  createFeedbackService,
  type FeedbackChange,
  type FeedbackDraft,
  type FeedbackPorts,
  type FeedbackService,
} from "./feedback/feedback-service.js";
