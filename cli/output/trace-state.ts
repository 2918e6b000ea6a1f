import { formatCount, formatDurationNs } from "./values.js";

/** What the view `traces` says of how whole a trace is; 64-bit integers as numbers or decimal text. */
export interface TraceState {
  readonly status: string;
  readonly has_root: boolean;
  readonly root_count: number | string;
  readonly open_spans: number | string;
  /** Null when it is not known. */
  readonly orphans: number | string | null;
  readonly clock_skew_ms: number | null;
}

/** The columns of {@link TraceState}, for a select list. */
export const TRACE_STATE_COLUMNS = "status, has_root, root_count, open_spans, orphans, clock_skew_ms";

/** The status and what is wrong: `success`, `pending: no root, 2 orphans`. */
export function formatTraceState(state: TraceState): string {
  const wrong: string[] = [];
  const some = (value: number | string | null, one: string, many: string): void => {
    const count = Number(value ?? 0);
    if (count > 0) wrong.push(`${formatCount(count)} ${count === 1 ? one : many}`);
  };
  if (!state.has_root) wrong.push("no root");
  if (Number(state.root_count) > 1) some(state.root_count, "root", "roots");
  some(state.open_spans, "span without an end", "spans without an end");
  some(state.orphans, "orphan", "orphans");
  const skew = state.clock_skew_ms ?? 0;
  if (skew > 0) wrong.push(`clock skew ${formatDurationNs(skew * 1e6)}`);
  return `${state.status}${wrong.length === 0 ? "" : `: ${wrong.join(", ")}`}`;
}

/** Columns of a span that tell how whole its trace is. */
export interface StateSpan {
  readonly span_id: string;
  readonly parent_span_id: string | null;
  readonly start_time: string | null;
  readonly end_time: string | null;
  readonly status_code: string | null;
}

/** The state of the trace that these spans make up, as the view `traces` has it, to the millisecond. */
export function traceStateOf(spans: readonly StateSpan[]): TraceState {
  const starts = new Map(spans.map((span) => [span.span_id, timeMs(span.start_time)]));
  const roots = spans.filter((span) => span.parent_span_id === null);
  const root = roots.reduce<StateSpan | undefined>(
    (best, span) => (isBefore(span, best) ? span : best),
    undefined,
  );
  const skews = spans.map((span) => {
    const parentStart = span.parent_span_id === null ? undefined : starts.get(span.parent_span_id);
    return (parentStart ?? Number.NaN) - timeMs(span.start_time);
  });
  const failed = root === undefined ? spans.some(isFailed) : isFailed(root);
  const ended = root !== undefined && root.end_time !== null;
  return {
    status: failed ? "error" : ended ? "success" : "pending",
    has_root: root !== undefined,
    root_count: roots.length,
    open_spans: spans.filter((span) => span.end_time === null).length,
    orphans: spans.filter((span) => span.parent_span_id !== null && !starts.has(span.parent_span_id)).length,
    clock_skew_ms: Math.max(0, ...skews.filter((skew) => skew > 0)),
  };
}

const isFailed = (span: StateSpan): boolean => span.status_code === "ERROR";
const timeMs = (time: string | null): number => (time === null ? Number.NaN : Date.parse(time));

/** Roots without a start come last; ids decide between roots of the same moment. */
function isBefore(span: StateSpan, other: StateSpan | undefined): boolean {
  if (other === undefined) return true;
  const [a, b] = [span.start_time ?? "~", other.start_time ?? "~"];
  return a === b ? span.span_id < other.span_id : a < b;
}
