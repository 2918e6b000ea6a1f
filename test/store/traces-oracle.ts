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
  readonly run_type?: string | null;
  readonly usage_scope?: string | null;
  readonly input_tokens?: number | null;
  readonly output_tokens?: number | null;
  readonly cost_usd?: number | null;
  readonly request_model?: string | null;
  readonly scope?: string | null;
}

/** Spans above this one, the nearest first; none when going up never ends. */
function ancestors(span: TraceSpan, byId: ReadonlyMap<string, TraceSpan>): TraceSpan[] {
  const above: TraceSpan[] = [];
  for (let at = parentOf(span, byId); at !== undefined; at = parentOf(at, byId)) {
    if (above.includes(at)) return [];
    above.push(at);
  }
  return above;
}

const parentOf = (span: TraceSpan, byId: ReadonlyMap<string, TraceSpan>): TraceSpan | undefined =>
  span.parent === null ? undefined : byId.get(span.parent);
const given = (value: number | null | undefined): value is number => value !== null && value !== undefined;
const isOwn = (span: TraceSpan): boolean => (span.usage_scope ?? "own") === "own";
const embeds = (span: TraceSpan): boolean => span.run_type === "embedding";
const hasTokens = (span: TraceSpan): boolean =>
  isOwn(span) && (given(span.input_tokens) || given(span.output_tokens));
const hasCost = (span: TraceSpan): boolean => isOwn(span) && given(span.cost_usd);

/** Whether `inner` says within the time of `outer`, by another instrumentation, that the same call took place. */
function isWithin(inner: TraceSpan, outer: TraceSpan): boolean {
  const alike = (["parent", "request_model", "input_tokens", "output_tokens"] as const).every(
    (name) => inner[name] === outer[name],
  );
  const isCall = [inner, outer].every(
    (span) =>
      span.run_type === "llm" &&
      isOwn(span) &&
      span.parent !== null &&
      (span.input_tokens ?? 0) > 0 &&
      (span.output_tokens ?? 0) > 0,
  );
  const times = [inner.start, inner.end, outer.start, outer.end];
  if (!alike || !isCall || inner.scope === outer.scope || times.includes(null)) return false;
  const [from = 0, to = 0, outerFrom = 0, outerTo = 0] = times.map(Number);
  if (from < outerFrom || to > outerTo) return false;
  return from > outerFrom || to < outerTo || inner.id > outer.id;
}

/** Totals of a trace in which no call that two spans report counts twice. */
function usageOf(spans: readonly TraceSpan[], byId: ReadonlyMap<string, TraceSpan>): object {
  const isRepeated = (span: TraceSpan, has: (one: TraceSpan) => boolean): boolean =>
    has(span) &&
    spans.some(
      (other) =>
        has(other) &&
        ((embeds(other) === embeds(span) && ancestors(other, byId).includes(span)) || isWithin(other, span)),
    );
  const counted = spans.filter((span) => hasTokens(span) && !isRepeated(span, hasTokens));
  const paid = spans.filter((span) => hasCost(span) && !isRepeated(span, hasCost));
  const sum = (values: readonly (number | null | undefined)[]): number | null => {
    const known = values.filter(given);
    return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
  };
  const isCounted = (span: TraceSpan): boolean =>
    !isRepeated(span, hasTokens) && !isRepeated(span, hasCost) && span.run_type === "llm";
  return {
    input_tokens: sum(counted.map(({ input_tokens }) => input_tokens)),
    output_tokens: sum(counted.map(({ output_tokens }) => output_tokens)),
    total_tokens: sum(
      counted.map(({ input_tokens, output_tokens }) => (input_tokens ?? 0) + (output_tokens ?? 0)),
    ),
    cost_usd: sum(paid.map(({ cost_usd }) => cost_usd)),
    llm_calls: spans.filter(isCounted).length,
  };
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
    ...usageOf(spans, byId),
  };
}

/** One row a trace, by trace id. */
export function tracesOf(spans: readonly TraceSpan[]): object[] {
  const traces = new Map<number, TraceSpan[]>();
  for (const span of spans) traces.set(span.trace, [...(traces.get(span.trace) ?? []), span]);
  return [...traces].sort(([a], [b]) => a - b).map(([, members]) => traceOf(members));
}
