import type {
  InstrumentationScope,
  KeyValue,
  LogRecord,
  LogsData,
  Metric,
  MetricsData,
  Resource,
  Signal,
  SignalData,
  Span,
  TracesData,
} from "../../schema/index.js";

/** A data point of any metric type, as far as processors look at it. */
export interface DataPoint {
  attributes: KeyValue[];
  exemplars?: { filteredAttributes: KeyValue[] }[];
}

/** One item with what it stands in. */
export type ItemView =
  | { readonly signal: "traces"; readonly item: Span; readonly context: ItemContext }
  | { readonly signal: "logs"; readonly item: LogRecord; readonly context: ItemContext }
  | {
      readonly signal: "metrics";
      readonly item: DataPoint;
      readonly context: ItemContext;
      readonly metric: Metric;
    };

/** The resource and scope of an item; shared with its neighbours. */
export interface ItemContext {
  readonly resource: Resource | undefined;
  readonly scope: InstrumentationScope | undefined;
}

/** Decides about one item. */
export type Keep = (view: ItemView) => boolean;

/** The items that `keep` accepts, in order; resources, scopes and metrics left empty are left out. `data` is not changed. */
export function filterItems<S extends Signal>(signal: S, data: SignalData[S], keep: Keep): SignalData[S] {
  if (signal === "traces") return filterTraces(data as TracesData, keep) as SignalData[S];
  if (signal === "logs") return filterLogs(data as LogsData, keep) as SignalData[S];
  return filterMetrics(data as MetricsData, keep) as SignalData[S];
}

/** Calls `visit` for each item in order. */
export function eachItem<S extends Signal>(
  signal: S,
  data: SignalData[S],
  visit: (view: ItemView) => void,
): void {
  filterItems(signal, data, (view) => {
    visit(view);
    return false;
  });
}

function filterTraces(data: TracesData, keep: Keep): TracesData {
  const resourceSpans = data.resourceSpans.map((holder) => ({
    ...holder,
    scopeSpans: holder.scopeSpans
      .map((inner) => {
        const context = { resource: holder.resource, scope: inner.scope };
        return { ...inner, spans: inner.spans.filter((item) => keep({ signal: "traces", item, context })) };
      })
      .filter((inner) => inner.spans.length > 0),
  }));
  return { resourceSpans: resourceSpans.filter((holder) => holder.scopeSpans.length > 0) };
}

function filterLogs(data: LogsData, keep: Keep): LogsData {
  const resourceLogs = data.resourceLogs.map((holder) => ({
    ...holder,
    scopeLogs: holder.scopeLogs
      .map((inner) => {
        const context = { resource: holder.resource, scope: inner.scope };
        return {
          ...inner,
          logRecords: inner.logRecords.filter((item) => keep({ signal: "logs", item, context })),
        };
      })
      .filter((inner) => inner.logRecords.length > 0),
  }));
  return { resourceLogs: resourceLogs.filter((holder) => holder.scopeLogs.length > 0) };
}

function filterMetrics(data: MetricsData, keep: Keep): MetricsData {
  const resourceMetrics = data.resourceMetrics.map((holder) => ({
    ...holder,
    scopeMetrics: holder.scopeMetrics
      .map((inner) => {
        const context = { resource: holder.resource, scope: inner.scope };
        const metrics = inner.metrics.flatMap((metric) => {
          const filtered = filterMetric(metric, (item) => keep({ signal: "metrics", item, context, metric }));
          return filtered === undefined ? [] : [filtered];
        });
        return { ...inner, metrics };
      })
      .filter((inner) => inner.metrics.length > 0),
  }));
  return { resourceMetrics: resourceMetrics.filter((holder) => holder.scopeMetrics.length > 0) };
}

const POINT_HOLDERS = ["gauge", "sum", "histogram", "exponentialHistogram", "summary"] as const;

function filterMetric(metric: Metric, keep: (point: DataPoint) => boolean): Metric | undefined {
  for (const name of POINT_HOLDERS) {
    const holder = metric[name] as { dataPoints: DataPoint[] } | undefined;
    if (holder === undefined) continue;
    const dataPoints = holder.dataPoints.filter(keep);
    return dataPoints.length === 0 ? undefined : { ...metric, [name]: { ...holder, dataPoints } };
  }
  return undefined;
}
