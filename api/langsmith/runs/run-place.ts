import { isRunId, nanosToRunTime, type RawFields } from "../../../schema/index.js";
import { badField } from "../replies.js";

/**
 * A create with its place in the trace: clients that send single runs may leave `trace_id` and `dotted_order` out, and
 * LangSmith works them out. `known` gives the runs that are remembered. Throws 422 when the parent is not among them.
 */
export function placedRun(
  id: string,
  run: RawFields,
  known: (id: string) => RawFields | undefined,
): RawFields {
  const isGiven = (field: string): boolean => run.isString(run.find(field));
  if (isGiven("trace_id") && isGiven("dotted_order")) return run;
  const trace = run.text("trace_id");
  const order = run.text("dotted_order");
  const start = run.time("start_time");
  if (start === undefined) throw badField(["body", "start_time"], "is required without a dotted_order");
  const segment = `${nanosToRunTime(start).replace(/[-:.]|\+.*$/g, "")}Z${id}`;
  const parentId = run.text("parent_run_id");
  if (!isRunId(parentId)) return run.with("trace_id", trace ?? id).with("dotted_order", order ?? segment);
  const parent = known(parentId.toLowerCase());
  const parentTrace = trace ?? parent?.text("trace_id");
  if (parentTrace === undefined) {
    throw badField(["body", "trace_id"], `is required: the parent run ${parentId} is not known`);
  }
  const placed = run.with("trace_id", parentTrace);
  const parentOrder = parent?.text("dotted_order");
  if (order !== undefined || parentOrder === undefined) return placed;
  return placed.with("dotted_order", `${parentOrder}.${segment}`);
}
