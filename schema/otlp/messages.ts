/**
 * The schema of OTLP (opentelemetry-proto 1.11) as data: for every message its fields' numbers and types. The protobuf
 * codec, the scanner and the JSON codec all follow this one table. A field's name is its JSON name; the proto name is
 * the same in snake_case. Left out on purpose: `KeyValue.key_strindex` and `AnyValue.string_value_strindex`, which only
 * the profiles signal uses; they are skipped like any unknown field.
 */
import type * as otlp from "./types.js";

/** Protobuf scalar types; `hex` is `bytes` shown as lowercase hex (ids), `enum` is an int32 with names. */
export type ScalarType =
  | "string"
  | "hex"
  | "bytes"
  | "bool"
  | "int32"
  | "uint32"
  | "sint32"
  | "enum"
  | "int64"
  | "uint64"
  | "fixed32"
  | "fixed64"
  | "sfixed64"
  | "double";

/** The enums of OTLP; each name stands at its number. */
export const ENUMS = {
  SpanKind: ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map(
    (name) => `SPAN_KIND_${name}`,
  ),
  StatusCode: ["UNSET", "OK", "ERROR"].map((name) => `STATUS_CODE_${name}`),
  AggregationTemporality: ["UNSPECIFIED", "DELTA", "CUMULATIVE"].map(
    (name) => `AGGREGATION_TEMPORALITY_${name}`,
  ),
  SeverityNumber: [
    "UNSPECIFIED",
    ...["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap((name) => [
      name,
      `${name}2`,
      `${name}3`,
      `${name}4`,
    ]),
  ].map((name) => `SEVERITY_NUMBER_${name}`),
} as const;

/** One field. `oneof` names the group of which at most one is set; `optional` is proto3's explicit presence. */
export interface FieldSpec {
  readonly number: number;
  readonly type: ScalarType | MessageName;
  readonly repeated?: true;
  readonly optional?: true;
  readonly oneof?: string;
  readonly enum?: keyof typeof ENUMS;
}

/** The TypeScript shape of every message. */
export interface MessageTypes {
  TracesData: otlp.TracesData;
  ResourceSpans: otlp.ResourceSpans;
  ScopeSpans: otlp.ScopeSpans;
  Span: otlp.Span;
  SpanEvent: otlp.SpanEvent;
  SpanLink: otlp.SpanLink;
  SpanStatus: NonNullable<otlp.Span["status"]>;
  LogsData: otlp.LogsData;
  ResourceLogs: otlp.ResourceLogs;
  ScopeLogs: otlp.ScopeLogs;
  LogRecord: otlp.LogRecord;
  MetricsData: otlp.MetricsData;
  ResourceMetrics: otlp.ResourceMetrics;
  ScopeMetrics: otlp.ScopeMetrics;
  Metric: otlp.Metric;
  Gauge: NonNullable<otlp.Metric["gauge"]>;
  Sum: NonNullable<otlp.Metric["sum"]>;
  Histogram: NonNullable<otlp.Metric["histogram"]>;
  ExponentialHistogram: NonNullable<otlp.Metric["exponentialHistogram"]>;
  Summary: NonNullable<otlp.Metric["summary"]>;
  NumberDataPoint: otlp.NumberDataPoint;
  HistogramDataPoint: otlp.HistogramDataPoint;
  ExponentialHistogramDataPoint: otlp.ExponentialHistogramDataPoint;
  ExponentialBuckets: otlp.ExponentialBuckets;
  SummaryDataPoint: otlp.SummaryDataPoint;
  ValueAtQuantile: otlp.SummaryDataPoint["quantileValues"][number];
  Exemplar: otlp.Exemplar;
  Resource: otlp.Resource;
  EntityRef: otlp.EntityRef;
  InstrumentationScope: otlp.InstrumentationScope;
  KeyValue: otlp.KeyValue;
  AnyValue: otlp.AnyValue;
  ArrayValue: NonNullable<otlp.AnyValue["arrayValue"]>;
  KeyValueList: NonNullable<otlp.AnyValue["kvlistValue"]>;
}

/** Name of a message of {@link MESSAGES}. */
export type MessageName = keyof MessageTypes;

const one = (number: number, type: FieldSpec["type"]): FieldSpec => ({ number, type });
const many = (number: number, type: FieldSpec["type"]): FieldSpec => ({ number, type, repeated: true });
const maybe = (number: number, type: FieldSpec["type"]): FieldSpec => ({ number, type, optional: true });
const choice = (number: number, type: FieldSpec["type"], oneof: string): FieldSpec => ({
  number,
  type,
  oneof,
});
const named = (number: number, name: keyof typeof ENUMS): FieldSpec => ({ number, type: "enum", enum: name });

/** The table: every message, every field. The type makes leaving out a field of types.ts a compile error. */
export const MESSAGES: {
  readonly [M in MessageName]: { readonly [F in keyof Required<MessageTypes[M]>]: FieldSpec };
} = {
  TracesData: { resourceSpans: many(1, "ResourceSpans") },
  ResourceSpans: {
    resource: one(1, "Resource"),
    scopeSpans: many(2, "ScopeSpans"),
    schemaUrl: one(3, "string"),
  },
  ScopeSpans: { scope: one(1, "InstrumentationScope"), spans: many(2, "Span"), schemaUrl: one(3, "string") },
  Span: {
    traceId: one(1, "hex"),
    spanId: one(2, "hex"),
    traceState: one(3, "string"),
    parentSpanId: one(4, "hex"),
    flags: one(16, "fixed32"),
    name: one(5, "string"),
    kind: named(6, "SpanKind"),
    startTimeUnixNano: one(7, "fixed64"),
    endTimeUnixNano: one(8, "fixed64"),
    attributes: many(9, "KeyValue"),
    droppedAttributesCount: one(10, "uint32"),
    events: many(11, "SpanEvent"),
    droppedEventsCount: one(12, "uint32"),
    links: many(13, "SpanLink"),
    droppedLinksCount: one(14, "uint32"),
    status: one(15, "SpanStatus"),
  },
  SpanEvent: {
    timeUnixNano: one(1, "fixed64"),
    name: one(2, "string"),
    attributes: many(3, "KeyValue"),
    droppedAttributesCount: one(4, "uint32"),
  },
  SpanLink: {
    traceId: one(1, "hex"),
    spanId: one(2, "hex"),
    traceState: one(3, "string"),
    attributes: many(4, "KeyValue"),
    droppedAttributesCount: one(5, "uint32"),
    flags: one(6, "fixed32"),
  },
  SpanStatus: { message: one(2, "string"), code: named(3, "StatusCode") },
  LogsData: { resourceLogs: many(1, "ResourceLogs") },
  ResourceLogs: {
    resource: one(1, "Resource"),
    scopeLogs: many(2, "ScopeLogs"),
    schemaUrl: one(3, "string"),
  },
  ScopeLogs: {
    scope: one(1, "InstrumentationScope"),
    logRecords: many(2, "LogRecord"),
    schemaUrl: one(3, "string"),
  },
  LogRecord: {
    timeUnixNano: one(1, "fixed64"),
    observedTimeUnixNano: one(11, "fixed64"),
    severityNumber: named(2, "SeverityNumber"),
    severityText: one(3, "string"),
    body: one(5, "AnyValue"),
    attributes: many(6, "KeyValue"),
    droppedAttributesCount: one(7, "uint32"),
    flags: one(8, "fixed32"),
    traceId: one(9, "hex"),
    spanId: one(10, "hex"),
    eventName: one(12, "string"),
  },
  MetricsData: { resourceMetrics: many(1, "ResourceMetrics") },
  ResourceMetrics: {
    resource: one(1, "Resource"),
    scopeMetrics: many(2, "ScopeMetrics"),
    schemaUrl: one(3, "string"),
  },
  ScopeMetrics: {
    scope: one(1, "InstrumentationScope"),
    metrics: many(2, "Metric"),
    schemaUrl: one(3, "string"),
  },
  Metric: {
    name: one(1, "string"),
    description: one(2, "string"),
    unit: one(3, "string"),
    gauge: choice(5, "Gauge", "data"),
    sum: choice(7, "Sum", "data"),
    histogram: choice(9, "Histogram", "data"),
    exponentialHistogram: choice(10, "ExponentialHistogram", "data"),
    summary: choice(11, "Summary", "data"),
    metadata: many(12, "KeyValue"),
  },
  Gauge: { dataPoints: many(1, "NumberDataPoint") },
  Sum: {
    dataPoints: many(1, "NumberDataPoint"),
    aggregationTemporality: named(2, "AggregationTemporality"),
    isMonotonic: one(3, "bool"),
  },
  Histogram: {
    dataPoints: many(1, "HistogramDataPoint"),
    aggregationTemporality: named(2, "AggregationTemporality"),
  },
  ExponentialHistogram: {
    dataPoints: many(1, "ExponentialHistogramDataPoint"),
    aggregationTemporality: named(2, "AggregationTemporality"),
  },
  Summary: { dataPoints: many(1, "SummaryDataPoint") },
  NumberDataPoint: {
    attributes: many(7, "KeyValue"),
    startTimeUnixNano: one(2, "fixed64"),
    timeUnixNano: one(3, "fixed64"),
    asDouble: choice(4, "double", "value"),
    asInt: choice(6, "sfixed64", "value"),
    exemplars: many(5, "Exemplar"),
    flags: one(8, "uint32"),
  },
  HistogramDataPoint: {
    attributes: many(9, "KeyValue"),
    startTimeUnixNano: one(2, "fixed64"),
    timeUnixNano: one(3, "fixed64"),
    count: one(4, "fixed64"),
    sum: maybe(5, "double"),
    bucketCounts: many(6, "fixed64"),
    explicitBounds: many(7, "double"),
    exemplars: many(8, "Exemplar"),
    flags: one(10, "uint32"),
    min: maybe(11, "double"),
    max: maybe(12, "double"),
  },
  ExponentialHistogramDataPoint: {
    attributes: many(1, "KeyValue"),
    startTimeUnixNano: one(2, "fixed64"),
    timeUnixNano: one(3, "fixed64"),
    count: one(4, "fixed64"),
    sum: maybe(5, "double"),
    scale: one(6, "sint32"),
    zeroCount: one(7, "fixed64"),
    positive: one(8, "ExponentialBuckets"),
    negative: one(9, "ExponentialBuckets"),
    flags: one(10, "uint32"),
    exemplars: many(11, "Exemplar"),
    min: maybe(12, "double"),
    max: maybe(13, "double"),
    zeroThreshold: one(14, "double"),
  },
  ExponentialBuckets: { offset: one(1, "sint32"), bucketCounts: many(2, "uint64") },
  SummaryDataPoint: {
    attributes: many(7, "KeyValue"),
    startTimeUnixNano: one(2, "fixed64"),
    timeUnixNano: one(3, "fixed64"),
    count: one(4, "fixed64"),
    sum: one(5, "double"),
    quantileValues: many(6, "ValueAtQuantile"),
    flags: one(8, "uint32"),
  },
  ValueAtQuantile: { quantile: one(1, "double"), value: one(2, "double") },
  Exemplar: {
    filteredAttributes: many(7, "KeyValue"),
    timeUnixNano: one(2, "fixed64"),
    asDouble: choice(3, "double", "value"),
    asInt: choice(6, "sfixed64", "value"),
    spanId: one(4, "hex"),
    traceId: one(5, "hex"),
  },
  Resource: {
    attributes: many(1, "KeyValue"),
    droppedAttributesCount: one(2, "uint32"),
    entityRefs: many(3, "EntityRef"),
  },
  EntityRef: {
    schemaUrl: one(1, "string"),
    type: one(2, "string"),
    idKeys: many(3, "string"),
    descriptionKeys: many(4, "string"),
  },
  InstrumentationScope: {
    name: one(1, "string"),
    version: one(2, "string"),
    attributes: many(3, "KeyValue"),
    droppedAttributesCount: one(4, "uint32"),
  },
  KeyValue: { key: one(1, "string"), value: one(2, "AnyValue") },
  AnyValue: {
    stringValue: choice(1, "string", "value"),
    boolValue: choice(2, "bool", "value"),
    intValue: choice(3, "int64", "value"),
    doubleValue: choice(4, "double", "value"),
    arrayValue: choice(5, "ArrayValue", "value"),
    kvlistValue: choice(6, "KeyValueList", "value"),
    bytesValue: choice(7, "bytes", "value"),
  },
  ArrayValue: { values: many(1, "AnyValue") },
  KeyValueList: { values: many(1, "KeyValue") },
};
