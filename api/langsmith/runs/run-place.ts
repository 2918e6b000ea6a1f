import { isRunId, nanosToRunTime, type RunFields, runTimeNanos } from "../../../schema/index.js";
import { badField } from "../replies.js";

/**
 * A create with its place in the trace: clients that send single runs may leave `trace_id` and `dotted_order` out, and
 * LangSmith works them out. `known` gives the runs that are remembered. Throws 422 when the parent is not among them.
 */
export function placedRun(run: RunFields, known: (id: string) => RunFields | undefined): RunFields {
  const { id, trace_id: trace, dotted_order: order, parent_run_id: parentId } = run;
  if (typeof trace === "string" && typeof order === "string") return run;
  const start = runTimeNanos(run["start_time"]);
  if (start === undefined) throw badField(["body", "start_time"], "is required without a dotted_order");
  const segment = `${nanosToRunTime(start).replace(/[-:.]|\+.*$/g, "")}Z${JSON.stringify(id).slice(1, -1)}`;
  if (!isRunId(parentId)) return { ...run, trace_id: trace ?? id ?? null, dotted_order: order ?? segment };
  const parent = known(parentId.toLowerCase());
  const parentTrace = trace ?? parent?.["trace_id"];
  if (typeof parentTrace !== "string") {
    throw badField(["body", "trace_id"], `is required: the parent run ${parentId} is not known`);
  }
  const parentOrder = parent?.["dotted_order"];
  const placed: RunFields = { ...run, trace_id: parentTrace };
  if (typeof order !== "string" && typeof parentOrder === "string") {
    placed["dotted_order"] = `${parentOrder}.${segment}`;
  }
  return placed;
}
