import type { JsonObject } from "../../schema/index.js";

/** The data of an item that is added. */
export function newItemData(
  queueId: string,
  run: {
    readonly runId: string;
    readonly traceId: string;
    readonly spanId: string;
    readonly project: string | null;
    readonly startTime?: string | null;
  },
  { time, addedBy }: { readonly time: string; readonly addedBy: JsonObject },
): JsonObject {
  return {
    queue_id: queueId,
    run_id: run.runId,
    trace_id: run.traceId,
    span_id: run.spanId,
    project: run.project,
    start_time: run.startTime ?? null,
    added_at: time,
    added_by: addedBy,
  };
}
