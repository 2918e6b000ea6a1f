/** What of records goes to LangSmith. */
export const PUSHED_RECORDS = ["feedback", "datasets", "projects", "prompts", "queues"] as const;

/** One of {@link PUSHED_RECORDS}. */
export type PushedRecords = (typeof PUSHED_RECORDS)[number];

/** The records of a `langsmith` exporter, as a destination of their own beside its spans. */
export interface LangSmithRecordsConfig {
  readonly type: "langsmith_records";
  readonly endpoint?: string;
  readonly apiKey: string;
  readonly workspaceId?: string;
  /** One request. Default 30,000. */
  readonly timeoutMs?: number;
  readonly push: readonly PushedRecords[];
}
