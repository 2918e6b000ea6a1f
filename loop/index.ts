export type { FeedbackFilter, Rows } from "./feedback/feedback-query.js";
export {
  createFeedbackService,
  type FeedbackChange,
  type FeedbackDraft,
  type FeedbackPorts,
  type FeedbackService,
} from "./feedback/feedback-service.js";
export { type DatasetPorts, DatasetService } from "./datasets/dataset-service.js";
export * from "./datasets/types.js";
export { type ProjectPorts, type ProjectRecord, ProjectService } from "./projects/project-service.js";
export { type Shared, type SharePorts, ShareService } from "./shares/share-service.js";
