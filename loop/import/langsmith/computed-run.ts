import { isRunId, type JsonObject, runSpanId, runTraceId } from "../../../schema/index.js";
import type { FoundRun } from "../../queues/find-runs.js";
import { textAt } from "./import-run.js";

/** Where a run of the source will be once it is imported: its ids follow from its own. `item` has a UUID as `id`. */
export function computedRun(item: JsonObject): FoundRun {
  const id = (textAt(item, "id") ?? "").toLowerCase();
  const trace = item["trace_id"];
  return {
    runId: id,
    traceId: runTraceId(isRunId(trace) ? trace : id),
    spanId: runSpanId(id),
    project: textAt(item, "session_name") ?? null,
    startTime: textAt(item, "start_time") ?? null,
  };
}
