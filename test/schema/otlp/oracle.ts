/**
 * An independent OTLP codec to compare ours with: protobufjs over a schema written here by hand from the public
 * opentelemetry-proto 1.11 definitions. It shares nothing with schema/otlp.
 */
import protobuf from "protobufjs";

const COMMON = `
syntax = "proto3";
package otlp;

message AnyValue {
  oneof value {
    string string_value = 1;
    bool bool_value = 2;
    int64 int_value = 3;
    double double_value = 4;
    ArrayValue array_value = 5;
    KeyValueList kvlist_value = 6;
    bytes bytes_value = 7;
    int32 string_value_strindex = 8;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; int32 key_strindex = 3; }
message InstrumentationScope {
  string name = 1;
  string version = 2;
  repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4;
}
message EntityRef {
  string schema_url = 1;
  string type = 2;
  repeated string id_keys = 3;
  repeated string description_keys = 4;
}
message Resource {
  repeated KeyValue attributes = 1;
  uint32 dropped_attributes_count = 2;
  repeated EntityRef entity_refs = 3;
}
`;

const TRACES = `
message TracesData { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { InstrumentationScope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Span {
  bytes trace_id = 1;
  bytes span_id = 2;
  string trace_state = 3;
  bytes parent_span_id = 4;
  fixed32 flags = 16;
  string name = 5;
  enum SpanKind { UNSPECIFIED = 0; INTERNAL = 1; SERVER = 2; CLIENT = 3; PRODUCER = 4; CONSUMER = 5; }
  SpanKind kind = 6;
  fixed64 start_time_unix_nano = 7;
  fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9;
  uint32 dropped_attributes_count = 10;
  repeated SpanEvent events = 11;
  uint32 dropped_events_count = 12;
  repeated SpanLink links = 13;
  uint32 dropped_links_count = 14;
  SpanStatus status = 15;
}
message SpanEvent {
  fixed64 time_unix_nano = 1;
  string name = 2;
  repeated KeyValue attributes = 3;
  uint32 dropped_attributes_count = 4;
}
message SpanLink {
  bytes trace_id = 1;
  bytes span_id = 2;
  string trace_state = 3;
  repeated KeyValue attributes = 4;
  uint32 dropped_attributes_count = 5;
  fixed32 flags = 6;
}
message SpanStatus {
  string message = 2;
  enum StatusCode { UNSET = 0; OK = 1; ERROR = 2; }
  StatusCode code = 3;
}
`;

const LOGS = `
message LogsData { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { InstrumentationScope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
enum SeverityNumber { SEVERITY_NUMBER_UNSPECIFIED = 0; SEVERITY_NUMBER_TRACE = 1; SEVERITY_NUMBER_FATAL4 = 24; }
message LogRecord {
  fixed64 time_unix_nano = 1;
  fixed64 observed_time_unix_nano = 11;
  SeverityNumber severity_number = 2;
  string severity_text = 3;
  AnyValue body = 5;
  repeated KeyValue attributes = 6;
  uint32 dropped_attributes_count = 7;
  fixed32 flags = 8;
  bytes trace_id = 9;
  bytes span_id = 10;
  string event_name = 12;
}
`;

const METRICS = `
message MetricsData { repeated ResourceMetrics resource_metrics = 1; }
message ResourceMetrics { Resource resource = 1; repeated ScopeMetrics scope_metrics = 2; string schema_url = 3; }
message ScopeMetrics { InstrumentationScope scope = 1; repeated Metric metrics = 2; string schema_url = 3; }
message Metric {
  string name = 1;
  string description = 2;
  string unit = 3;
  oneof data {
    Gauge gauge = 5;
    Sum sum = 7;
    Histogram histogram = 9;
    ExponentialHistogram exponential_histogram = 10;
    Summary summary = 11;
  }
  repeated KeyValue metadata = 12;
}
message Gauge { repeated NumberDataPoint data_points = 1; }
message Sum {
  repeated NumberDataPoint data_points = 1;
  AggregationTemporality aggregation_temporality = 2;
  bool is_monotonic = 3;
}
message Histogram {
  repeated HistogramDataPoint data_points = 1;
  AggregationTemporality aggregation_temporality = 2;
}
message ExponentialHistogram {
  repeated ExponentialHistogramDataPoint data_points = 1;
  AggregationTemporality aggregation_temporality = 2;
}
message Summary { repeated SummaryDataPoint data_points = 1; }
enum AggregationTemporality { AT_UNSPECIFIED = 0; AT_DELTA = 1; AT_CUMULATIVE = 2; }
message NumberDataPoint {
  repeated KeyValue attributes = 7;
  fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3;
  oneof value { double as_double = 4; sfixed64 as_int = 6; }
  repeated Exemplar exemplars = 5;
  uint32 flags = 8;
}
message HistogramDataPoint {
  repeated KeyValue attributes = 9;
  fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3;
  fixed64 count = 4;
  optional double sum = 5;
  repeated fixed64 bucket_counts = 6;
  repeated double explicit_bounds = 7;
  repeated Exemplar exemplars = 8;
  uint32 flags = 10;
  optional double min = 11;
  optional double max = 12;
}
message ExponentialHistogramDataPoint {
  repeated KeyValue attributes = 1;
  fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3;
  fixed64 count = 4;
  optional double sum = 5;
  sint32 scale = 6;
  fixed64 zero_count = 7;
  ExponentialBuckets positive = 8;
  ExponentialBuckets negative = 9;
  uint32 flags = 10;
  repeated Exemplar exemplars = 11;
  optional double min = 12;
  optional double max = 13;
  double zero_threshold = 14;
}
message ExponentialBuckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }
message SummaryDataPoint {
  repeated KeyValue attributes = 7;
  fixed64 start_time_unix_nano = 2;
  fixed64 time_unix_nano = 3;
  fixed64 count = 4;
  double sum = 5;
  repeated ValueAtQuantile quantile_values = 6;
  uint32 flags = 8;
}
message ValueAtQuantile { double quantile = 1; double value = 2; }
message Exemplar {
  repeated KeyValue filtered_attributes = 7;
  fixed64 time_unix_nano = 2;
  oneof value { double as_double = 3; sfixed64 as_int = 6; }
  bytes span_id = 4;
  bytes trace_id = 5;
}
`;

const ANSWERS = `
message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
message RpcStatus { int32 code = 1; string message = 2; repeated Any details = 3; }
message Any { string type_url = 1; bytes value = 2; }
message RetryInfo { Duration retry_delay = 1; }
message Duration { int64 seconds = 1; int32 nanos = 2; }
`;

const ROOT = protobuf.parse(COMMON + TRACES + LOGS + METRICS + ANSWERS).root;

/** Fields of OTLP that only the profiles signal uses. */
export const PROFILES_ONLY: ReadonlySet<string> = new Set([
  "KeyValue.keyStrindex",
  "AnyValue.stringValueStrindex",
]);

/** An oracle message type by its name. */
export function oracleType(name: string): protobuf.Type {
  return ROOT.lookupType(`otlp.${name}`);
}

/** The message types reachable from one of the three requests. */
export function reachableTypes(): protobuf.Type[] {
  const found = new Map<string, protobuf.Type>();
  const visit = (type: protobuf.Type): void => {
    if (found.has(type.name)) return;
    found.set(type.name, type);
    for (const field of type.fieldsArray) {
      field.resolve();
      if (field.resolvedType instanceof protobuf.Type) visit(field.resolvedType);
    }
  };
  for (const root of ["TracesData", "LogsData", "MetricsData"]) visit(oracleType(root));
  return [...found.values()];
}

type Plain = Record<string, unknown>;

const LONG_TYPES = new Set(["int64", "uint64", "fixed64", "sfixed64"]);

/** Encodes one of our objects with the oracle. */
export function oracleEncode(name: string, value: unknown): Uint8Array {
  const type = oracleType(name);
  return new Uint8Array(type.encode(type.fromObject(toOracle(type, value as Plain))).finish());
}

/** Decodes bytes with the oracle, into our objects. */
export function oracleDecode(name: string, bytes: Uint8Array): unknown {
  return fromOracle(oracleType(name), oracleType(name).decode(bytes));
}

function toOracle(type: protobuf.Type, value: Plain): Plain {
  const result: Plain = {};
  for (const field of type.fieldsArray) {
    const member = value[field.name];
    if (member === undefined) continue;
    result[field.name] = field.repeated
      ? (member as unknown[]).map((item) => singleToOracle(field, item))
      : singleToOracle(field, member);
  }
  return result;
}

function singleToOracle(field: protobuf.Field, value: unknown): unknown {
  field.resolve();
  if (field.resolvedType instanceof protobuf.Type) return toOracle(field.resolvedType, value as Plain);
  if (field.type === "bytes" && typeof value === "string") return Buffer.from(value, "hex");
  return LONG_TYPES.has(field.type) ? String(value) : value;
}

function fromOracle(type: protobuf.Type, value: Plain): Plain {
  const result: Plain = {};
  for (const field of type.fieldsArray) {
    field.resolve();
    if (PROFILES_ONLY.has(`${type.name}.${field.name}`)) continue;
    const hasPresence = field.partOf !== null || field.resolvedType instanceof protobuf.Type;
    const isSet = Object.hasOwn(value, field.name);
    if (field.repeated) {
      const list = isSet ? (value[field.name] as unknown[]) : [];
      result[field.name] = list.map((item) => singleFromOracle(field, item));
    } else if (isSet || !hasPresence) {
      result[field.name] = singleFromOracle(field, isSet ? value[field.name] : field.defaultValue);
    }
  }
  return result;
}

function singleFromOracle(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return fromOracle(field.resolvedType, value as Plain);
  if (field.type === "bytes") {
    const bytes = Uint8Array.from(value as ArrayLike<number>);
    return field.name === "bytesValue" ? bytes : Buffer.from(bytes).toString("hex");
  }
  return LONG_TYPES.has(field.type) ? BigInt(String(value)) : value;
}
