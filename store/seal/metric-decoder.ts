import {
  attributesToJson,
  decodeMessage,
  encodeMessageJson,
  type HistogramDataPoint,
  type ExponentialHistogramDataPoint,
  type KeyValue,
  type Metric,
  type NumberDataPoint,
  type SummaryDataPoint,
} from "../../schema/index.js";
import { AnyJsonWriter } from "./any-json.js";
import type { ColumnBatch } from "./column-batch.js";
import { EnvelopeWalker } from "./envelope.js";
import { distinctKeys, isExactJson, ObjectRows } from "./object-rows.js";
import { isPlainMessage } from "./plain-message.js";
import type { RecordDecoder, RecordOrigin } from "./record-decoder.js";
import { IN_SCRATCH } from "./scratch.js";
import { WireReader } from "./wire.js";

const TEMPORALITIES = ["UNSPECIFIED", "DELTA", "CUMULATIVE"];
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
/** Field numbers of Metric's data messages; data points are field 1 of each. */
const DATA_FIELDS = new Set([5, 7, 9, 10, 11]);
const TAG_DATA_POINT = 10;
const TAG_METRIC = 18;

interface PointColumns {
  readonly attributes: readonly KeyValue[];
  readonly startTimeUnixNano: bigint;
  readonly timeUnixNano: bigint;
  readonly json: string;
  readonly value?: number | undefined;
  readonly count?: bigint | undefined;
  readonly sum?: number | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** Decodes ExportMetricsServiceRequests into a batch of `metric_points`, one row a data point. */
export class MetricDecoder implements RecordDecoder {
  readonly #reader = new WireReader();
  readonly #walker: EnvelopeWalker;
  readonly #rows: ObjectRows;
  readonly #c;
  #origin: RecordOrigin = { seq: 0, receivedUnixNano: 0n };
  #index = 0;

  constructor(readonly batch: ColumnBatch) {
    this.#walker = new EnvelopeWalker(batch, this.#reader, new AnyJsonWriter(this.#reader, batch.scratch));
    this.#rows = new ObjectRows(batch);
    this.#c = {
      name: batch.text("name"),
      description: batch.text("description"),
      unit: batch.text("unit"),
      type: batch.text("type"),
      temporality: batch.text("temporality"),
      isMonotonic: batch.fixed("is_monotonic"),
      metadata: batch.text("metadata"),
      startTime: batch.fixed("start_time"),
      time: batch.fixed("time"),
      value: batch.fixed("value"),
      count: batch.fixed("count"),
      sum: batch.fixed("sum"),
      min: batch.fixed("min"),
      max: batch.fixed("max"),
      point: batch.text("point"),
      attributes: batch.map("attributes"),
      source: batch.text("source"),
      receivedAt: batch.fixed("received_at"),
      seq: batch.fixed("seq"),
      seqIndex: batch.fixed("seq_index"),
      raw: batch.text("raw"),
    };
  }

  decode(start: number, end: number, origin: RecordOrigin): number {
    const first = this.batch.rows;
    this.#origin = origin;
    this.#index = 0;
    this.#walker.walk(start, end, this.#onMetric);
    return this.batch.rows - first;
  }

  readonly #onMetric = (start: number, end: number): void => {
    const reader = this.#reader;
    const plain = isPlainMessage("Metric", reader, start, end) && this.#walker.exact;
    const metric = decodeMessage("Metric", reader.bytes.subarray(start, end));
    const exactMetadata =
      distinctKeys(metric.metadata) && metric.metadata.every(({ value }) => isExactJson(value));
    const first = this.batch.rows;
    for (const point of pointsOf(metric)) this.#fill(this.batch.addRow(), metric, point);
    if (!plain || !exactMetadata) {
      for (let row = first; row < this.batch.rows; row++) {
        this.#raw(row, { start, end }, row - first);
      }
    }
    reader.pos = end;
  };

  #fill(row: number, metric: Metric, point: PointColumns): void {
    const c = this.#c;
    const rows = this.#rows;
    this.batch.putText(c.name, row, metric.name);
    rows.text(c.description, row, metric.description);
    rows.text(c.unit, row, metric.unit);
    this.batch.putText(c.type, row, typeOf(metric));
    const data = metric.sum ?? metric.histogram ?? metric.exponentialHistogram;
    if (data !== undefined) {
      const { aggregationTemporality: number } = data;
      this.batch.putText(c.temporality, row, TEMPORALITIES[number] ?? String(number));
    }
    if (metric.sum !== undefined) c.isMonotonic.setBoolean(row, metric.sum.isMonotonic);
    if (metric.metadata.length > 0) this.batch.putText(c.metadata, row, attributesToJson(metric.metadata));
    // Times that the columns can't hold are in `point`, like everything else of it.
    rows.time(c.startTime, row, point.startTimeUnixNano);
    rows.time(c.time, row, point.timeUnixNano);
    if (point.value !== undefined) c.value.setDouble(row, point.value);
    if (point.count !== undefined && point.count <= INT64_MAX) c.count.setBigInt(row, point.count);
    if (point.sum !== undefined) c.sum.setDouble(row, point.sum);
    if (point.min !== undefined) c.min.setDouble(row, point.min);
    if (point.max !== undefined) c.max.setDouble(row, point.max);
    this.batch.putText(c.point, row, point.json);
    rows.attributes(c.attributes, undefined, row, point.attributes);
    this.batch.putText(c.source, row, "otlp");
    c.receivedAt.setBigInt(row, this.#origin.receivedUnixNano);
    c.seq.setNumber(row, this.#origin.seq);
    c.seqIndex.setInt32(row, this.#index++);
  }

  /**
   * Sets `raw` to a ResourceMetrics with this metric and only its point number `keep`. The metric's field is rebuilt:
   * its other fields byte for byte, and of its points all but one left out.
   */
  #raw(row: number, field: { start: number; end: number }, keep: number): void {
    const { scratch } = this.batch;
    const reader = this.#reader;
    const metric = onePointOnly(reader, field.start, field.end, keep);
    const from = scratch.length;
    const record = Buffer.concat([Buffer.from([TAG_METRIC, ...varint(metric.length)]), metric]);
    this.#c.raw.set(row, from + IN_SCRATCH, this.#walker.cutOutAs(record));
  }
}

function onePointOnly(reader: WireReader, start: number, end: number, keep: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let seen = 0;
  reader.pos = start;
  while (reader.pos < end) {
    const from = reader.pos;
    const tag = reader.varint32();
    if ((tag & 7) !== 2 || !DATA_FIELDS.has(tag >>> 3)) {
      reader.skip(tag, end);
      parts.push(reader.bytes.subarray(from, reader.pos));
      continue;
    }
    const stop = reader.fieldEnd(end);
    const inner: Uint8Array[] = [];
    while (reader.pos < stop) {
      const innerFrom = reader.pos;
      const innerTag = reader.varint32();
      reader.skip(innerTag, stop);
      if (innerTag !== TAG_DATA_POINT || seen++ === keep)
        inner.push(reader.bytes.subarray(innerFrom, reader.pos));
    }
    const body = Buffer.concat(inner);
    parts.push(Buffer.from(varint(tag)), Buffer.from(varint(body.length)), body);
  }
  return Buffer.concat(parts);
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function typeOf(metric: Metric): string {
  if (metric.gauge !== undefined) return "gauge";
  if (metric.sum !== undefined) return "sum";
  if (metric.histogram !== undefined) return "histogram";
  return metric.exponentialHistogram === undefined ? "summary" : "exponential_histogram";
}

function pointsOf(metric: Metric): PointColumns[] {
  if (metric.gauge !== undefined) return metric.gauge.dataPoints.map(numberPoint);
  if (metric.sum !== undefined) return metric.sum.dataPoints.map(numberPoint);
  if (metric.histogram !== undefined) return metric.histogram.dataPoints.map(histogramPoint);
  if (metric.exponentialHistogram !== undefined) {
    return metric.exponentialHistogram.dataPoints.map(exponentialPoint);
  }
  return metric.summary?.dataPoints.map(summaryPoint) ?? [];
}

function numberPoint(point: NumberDataPoint): PointColumns {
  const value = point.asDouble ?? (point.asInt === undefined ? undefined : Number(point.asInt));
  return { ...common(point), value, json: encodeMessageJson("NumberDataPoint", point) };
}

function histogramPoint(point: HistogramDataPoint): PointColumns {
  const { count, sum, min, max } = point;
  return { ...common(point), count, sum, min, max, json: encodeMessageJson("HistogramDataPoint", point) };
}

function exponentialPoint(point: ExponentialHistogramDataPoint): PointColumns {
  const { count, sum, min, max } = point;
  const json = encodeMessageJson("ExponentialHistogramDataPoint", point);
  return { ...common(point), count, sum, min, max, json };
}

function summaryPoint(point: SummaryDataPoint): PointColumns {
  const { count, sum } = point;
  return { ...common(point), count, sum, json: encodeMessageJson("SummaryDataPoint", point) };
}

function common(
  point: Pick<PointColumns, "attributes" | "startTimeUnixNano" | "timeUnixNano">,
): Pick<PointColumns, "attributes" | "startTimeUnixNano" | "timeUnixNano"> {
  const { attributes, startTimeUnixNano, timeUnixNano } = point;
  return { attributes, startTimeUnixNano, timeUnixNano };
}
