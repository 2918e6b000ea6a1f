import {
  JsonText,
  type NativeRun,
  type RunFields,
  runTimeNanos,
  spanToNativeRun,
  type Span,
} from "../../schema/index.js";
import { nanosToIso } from "./ids.js";
import type { Run } from "./run.js";

/** Marks a run whose create has not come (`api/langsmith`); LangSmith is not told. */
const UPDATE_ONLY = "counterfoil_update_only";

/** A run for LangSmith's client, and whether it is an update of one that went out before. */
export interface OutgoingRun {
  readonly run: Run;
  readonly update: boolean;
}

/**
 * The run of a span that came as a run, with its ids and fields as they were; undefined for any other span. Every such
 * span has the whole run, so an update repeats what the create said.
 */
export function nativeRun(span: Span, project: string): OutgoingRun | undefined {
  const native = spanToNativeRun(span);
  return native === undefined ? undefined : { run: runOf(native, project), update: native.update === true };
}

/** Each run once: the last record of it, as a create if any of them was one. */
export function latestRuns(runs: readonly OutgoingRun[]): { creates: Run[]; updates: Run[] } {
  const byId = new Map<string, OutgoingRun>();
  for (const { run, update } of runs) {
    const before = byId.get(run.id);
    byId.set(run.id, { run, update: update && before?.update !== false });
  }
  const all = [...byId.values()];
  return {
    creates: all.flatMap(({ run, update }) => (update ? [] : [run])),
    updates: all.flatMap(({ run, update }) => (update ? [run] : [])),
  };
}

function runOf({ run, attachments }: NativeRun, project: string): Run {
  const { [UPDATE_ONLY]: _own, ...fields } = run;
  const sent: RunFields = { session_name: project, ...fields };
  for (const [field, value] of Object.entries(sent))
    if (value instanceof JsonText) sent[field] = value.parse();
  const files = Object.fromEntries(
    attachments.map(({ name, mimeType, content }) => [name, [mimeType, content]]),
  );
  // The client reads texts only; a number is what older clients of its own sent.
  for (const field of ["start_time", "end_time"]) {
    const nanos = typeof sent[field] === "number" ? runTimeNanos(sent[field]) : undefined;
    if (nanos !== undefined) sent[field] = nanosToIso(nanos);
  }
  return { ...sent, ...(attachments.length === 0 ? {} : { attachments: files }) } as unknown as Run;
}
