import type { Metric, Signal, SignalData } from "./types.js";

function pointsOf(metric: Metric): number {
  const data =
    metric.gauge ?? metric.sum ?? metric.histogram ?? metric.exponentialHistogram ?? metric.summary;
  return data?.dataPoints.length ?? 0;
}

const COUNT: { readonly [S in Signal]: (data: SignalData[S]) => number } = {
  traces: ({ resourceSpans }) => sum(resourceSpans, (r) => sum(r.scopeSpans, (s) => s.spans.length)),
  logs: ({ resourceLogs }) => sum(resourceLogs, (r) => sum(r.scopeLogs, (s) => s.logRecords.length)),
  metrics: ({ resourceMetrics }) =>
    sum(resourceMetrics, (r) => sum(r.scopeMetrics, (s) => sum(s.metrics, pointsOf))),
};

function sum<T>(list: readonly T[], count: (item: T) => number): number {
  return list.reduce((total, item) => total + count(item), 0);
}

/** What a request counts as: spans, log records, or metric data points. */
export function countItems<S extends Signal>(signal: S, data: SignalData[S]): number {
  return COUNT[signal](data);
}
