import type { LogsData, Metric, MetricsData, Signal, SignalData, TracesData } from "../../schema/index.js";

/** The items numbered `from` to `to` (exclusive, in order of the message) with their resources and scopes kept. */
export function sliceItems<S extends Signal>(
  signal: S,
  data: SignalData[S],
  from: number,
  to: number,
): SignalData[S] {
  const window = { skip: from, take: to - from };
  if (signal === "traces") return sliceTraces(data as TracesData, window) as SignalData[S];
  if (signal === "logs") return sliceLogs(data as LogsData, window) as SignalData[S];
  return sliceMetrics(data as MetricsData, window) as SignalData[S];
}

interface Window {
  skip: number;
  take: number;
}

/** Takes what the window still wants of one list. */
function cut<T>(items: readonly T[], window: Window): T[] {
  const start = Math.min(window.skip, items.length);
  const end = Math.min(start + window.take, items.length);
  window.skip -= start;
  window.take -= end - start;
  return items.slice(start, end);
}

function keepFilled<T>(items: readonly T[], change: (item: T) => T | undefined): T[] {
  const kept: T[] = [];
  for (const item of items) {
    const changed = change(item);
    if (changed !== undefined) kept.push(changed);
  }
  return kept;
}

function sliceTraces(data: TracesData, window: Window): TracesData {
  return {
    resourceSpans: keepFilled(data.resourceSpans, (resource) => {
      const scopeSpans = keepFilled(resource.scopeSpans, (scope) => {
        const spans = cut(scope.spans, window);
        return spans.length === 0 ? undefined : { ...scope, spans };
      });
      return scopeSpans.length === 0 ? undefined : { ...resource, scopeSpans };
    }),
  };
}

function sliceLogs(data: LogsData, window: Window): LogsData {
  return {
    resourceLogs: keepFilled(data.resourceLogs, (resource) => {
      const scopeLogs = keepFilled(resource.scopeLogs, (scope) => {
        const logRecords = cut(scope.logRecords, window);
        return logRecords.length === 0 ? undefined : { ...scope, logRecords };
      });
      return scopeLogs.length === 0 ? undefined : { ...resource, scopeLogs };
    }),
  };
}

function sliceMetrics(data: MetricsData, window: Window): MetricsData {
  return {
    resourceMetrics: keepFilled(data.resourceMetrics, (resource) => {
      const scopeMetrics = keepFilled(resource.scopeMetrics, (scope) => {
        const metrics = keepFilled(scope.metrics, (metric) => sliceMetric(metric, window));
        return metrics.length === 0 ? undefined : { ...scope, metrics };
      });
      return scopeMetrics.length === 0 ? undefined : { ...resource, scopeMetrics };
    }),
  };
}

function sliceMetric(metric: Metric, window: Window): Metric | undefined {
  if (metric.gauge !== undefined) {
    const dataPoints = cut(metric.gauge.dataPoints, window);
    return dataPoints.length === 0 ? undefined : { ...metric, gauge: { dataPoints } };
  }
  if (metric.sum !== undefined) {
    const dataPoints = cut(metric.sum.dataPoints, window);
    return dataPoints.length === 0 ? undefined : { ...metric, sum: { ...metric.sum, dataPoints } };
  }
  if (metric.histogram !== undefined) {
    const dataPoints = cut(metric.histogram.dataPoints, window);
    return dataPoints.length === 0
      ? undefined
      : { ...metric, histogram: { ...metric.histogram, dataPoints } };
  }
  if (metric.exponentialHistogram !== undefined) {
    const dataPoints = cut(metric.exponentialHistogram.dataPoints, window);
    return dataPoints.length === 0
      ? undefined
      : { ...metric, exponentialHistogram: { ...metric.exponentialHistogram, dataPoints } };
  }
  if (metric.summary !== undefined) {
    const dataPoints = cut(metric.summary.dataPoints, window);
    return dataPoints.length === 0 ? undefined : { ...metric, summary: { dataPoints } };
  }
  return undefined;
}
