/** What a trace's row in the view `traces` is to be, in plain JavaScript. */

/** A span; times in milliseconds. */
export interface TraceSpan {
  readonly trace: number;
  /** 16 hex digits; it decides between spans of the same moment. */
  readonly id: string;
  readonly parent: string | null;
  readonly name: string;
  readonly start: number | null;
  readonly end: number | null;
  readonly status_code: string | null;
  readonly status_message: string | null;
  readonly error_type: string | null;
  readonly input_messages: string | null;
  readonly output_messages: string | null;
  readonly conversation_id?: string;
}

function first(spans: readonly TraceSpan[]): TraceSpan | undefined {
  return [...spans].sort(
    (a, b) => (a.start ?? Infinity) - (b.start ?? Infinity) || (a.id < b.id ? -1 : 1),
  )[0];
}

function last(spans: readonly TraceSpan[]): TraceSpan | undefined {
  return [...spans].sort((a, b) => (b.end ?? -1) - (a.end ?? -1) || (a.id < b.id ? 1 : -1))[0];
}

const problem = (span: TraceSpan | undefined): string | null =>
  span?.status_message ?? span?.error_type ?? null;
const times = (values: readonly (number | null)[]): number[] => values.filter((value) => value !== null);

function traceOf(spans: readonly TraceSpan[]): object {
  const byId = new Map(spans.map((span) => [span.id, span]));
  const roots = spans.filter(({ parent }) => parent === null);
  const root = first(roots);
  const failed = spans.filter(({ status_code }) => status_code === "ERROR");
  const orphans = spans.filter(({ parent }) => parent !== null && !byId.has(parent)).length;
  const skews = spans.map(({ parent, start }) => {
    const parentStart = parent === null ? null : (byId.get(parent)?.start ?? null);
    return parentStart === null || start === null ? 0 : parentStart - start;
  });
  const statusCode =
    root === undefined ? (failed.length > 0 ? "ERROR" : "UNSET") : (root.status_code ?? "UNSET");
  const openSpans = spans.filter(({ end }) => end === null).length;
  const ended = root !== undefined && root.end !== null;
  const starts = times(spans.map(({ start }) => start));
  const ends = times(spans.map(({ end }) => end));
  return {
    trace_id: `${spans[0]?.trace}`.padStart(32, "0"),
    name: root?.name ?? null,
    has_root: root !== undefined,
    status: statusCode === "ERROR" ? "error" : ended ? "success" : "pending",
    status_code: statusCode,
    complete: root !== undefined && openSpans === 0 && orphans === 0,
    root_count: roots.length,
    open_spans: openSpans,
    orphans,
    clock_skew_ms: Math.max(0, ...skews),
    span_count: spans.length,
    error_count: failed.length,
    error: (root?.status_code === "ERROR" ? problem(root) : null) ?? problem(first(failed)),
    input: root?.input_messages ?? null,
    first_input:
      root?.input_messages ??
      first(spans.filter((span) => span.input_messages !== null))?.input_messages ??
      null,
    output: root?.output_messages ?? null,
    last_output:
      root?.output_messages ??
      last(spans.filter((span) => span.output_messages !== null))?.output_messages ??
      null,
    start_ms: starts.length === 0 ? null : Math.min(...starts),
    end_ms: ends.length === 0 ? null : Math.max(...ends),
  };
}

/** One row a trace, by trace id. */
export function tracesOf(spans: readonly TraceSpan[]): object[] {
  const traces = new Map<number, TraceSpan[]>();
  for (const span of spans) traces.set(span.trace, [...(traces.get(span.trace) ?? []), span]);
  return [...traces].sort(([a], [b]) => a - b).map(([, members]) => traceOf(members));
}
