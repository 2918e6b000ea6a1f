import { CounterfoilError, decodeMessageJson, type Metric } from "../schema/index.js";
import type { MirrorRow } from "./mirror-row.js";
import { plainJsonToPairs } from "./seal/plain-json.js";

const TEMPORALITIES = ["UNSPECIFIED", "DELTA", "CUMULATIVE"];

/** Adds the data point of a row of `metric_points` to the last metric when it is the same one, else as a new one. */
export function addPoint(metrics: Metric[], row: MirrorRow): void {
  const metric = emptyMetric(row);
  const last = metrics.at(-1);
  const joined = last !== undefined && sameMetric(last, metric) ? last : metric;
  if (joined === metric) metrics.push(metric);
  const json = row.text("point") ?? "{}";
  if (joined.gauge !== undefined) joined.gauge.dataPoints.push(decodeMessageJson("NumberDataPoint", json));
  else if (joined.sum !== undefined) joined.sum.dataPoints.push(decodeMessageJson("NumberDataPoint", json));
  else if (joined.histogram !== undefined) {
    joined.histogram.dataPoints.push(decodeMessageJson("HistogramDataPoint", json));
  } else if (joined.exponentialHistogram !== undefined) {
    const point = decodeMessageJson("ExponentialHistogramDataPoint", json);
    joined.exponentialHistogram.dataPoints.push(point);
  } else joined.summary?.dataPoints.push(decodeMessageJson("SummaryDataPoint", json));
}

function emptyMetric(row: MirrorRow): Metric {
  const metric: Metric = {
    name: row.text("name") ?? "",
    description: row.text("description") ?? "",
    unit: row.text("unit") ?? "",
    metadata: plainJsonToPairs(row.text("metadata")),
  };
  const aggregationTemporality = temporalityOf(row.text("temporality"));
  const type = row.text("type");
  if (type === "gauge") return { ...metric, gauge: { dataPoints: [] } };
  if (type === "summary") return { ...metric, summary: { dataPoints: [] } };
  if (type === "histogram") return { ...metric, histogram: { dataPoints: [], aggregationTemporality } };
  if (type === "exponential_histogram") {
    return { ...metric, exponentialHistogram: { dataPoints: [], aggregationTemporality } };
  }
  if (type === "sum") {
    const isMonotonic = row.boolean("is_monotonic") === true;
    return { ...metric, sum: { dataPoints: [], aggregationTemporality, isMonotonic } };
  }
  throw new CounterfoilError(
    "CF_CATALOG_CORRUPT",
    `a row of metric_points has the type "${type ?? ""}", which this format version does not define`,
  );
}

function temporalityOf(text: string | null): number {
  if (text === null) return 0;
  const known = TEMPORALITIES.indexOf(text);
  return known < 0 ? Number(text) : known;
}

function sameMetric(a: Metric, b: Metric): boolean {
  return header(a) === header(b);
}

function header(metric: Metric): string {
  const data = metric.sum ?? metric.histogram ?? metric.exponentialHistogram;
  const { gauge, sum, histogram, exponentialHistogram, summary, ...rest } = metric;
  const kinds = [gauge, sum, histogram, exponentialHistogram, summary].map((kind) => kind !== undefined);
  const more = [data?.aggregationTemporality, sum?.isMonotonic];
  return JSON.stringify([rest, kinds, more], (_key, value: unknown) => replace(value));
}

function replace(value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "number" && !Number.isInteger(value) ? String(value) : value;
}
