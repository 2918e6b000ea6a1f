/**
 * The column tables of the mirror: the one place that maps a column's name to its type and meaning.
 * Names are snake_case and part of the open format ({@link FORMAT_VERSION}).
 */

/** Version of the mirror's format: raised when a column changes meaning or goes away; adding one keeps it. */
export const FORMAT_VERSION = 1;

/** Raised when a table gets a column. A file has the columns up to the version that its writer had. */
export const COLUMNS_VERSION = 5;

/** DuckDB types that the mirror's Parquet files use. */
export type ColumnType =
  | "VARCHAR"
  | "BIGINT"
  | "INTEGER"
  | "DOUBLE"
  | "BOOLEAN"
  | "TIMESTAMP_NS"
  | "BLOB"
  | "MAP(VARCHAR, VARCHAR)";

/** One column: `json` marks a VARCHAR that holds JSON text, `content` one that holds prompts, answers or tool data. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly doc: string;
  readonly json?: true;
  readonly content?: true;
  /** {@link COLUMNS_VERSION} that added it; absent for those of the first. */
  readonly since?: number;
}

/** Tables that the sealer writes from OTLP records. */
export const TELEMETRY_TABLES = ["spans", "span_logs", "metric_points"] as const;

/** One of {@link TELEMETRY_TABLES}. */
export type TelemetryTable = (typeof TELEMETRY_TABLES)[number];

const lossless = {
  attributes: {
    name: "attributes",
    type: "MAP(VARCHAR, VARCHAR)",
    doc: "Attributes that no column holds verbatim, in the order sent: strings as they are, numbers and booleans as text, arrays and maps as JSON, bytes as base64.",
  },
  layout: {
    name: "attribute_layout",
    type: "VARCHAR",
    doc: "One code per attribute in the order sent: its type and whether it is in `attributes` or in a column. With it the OTLP attributes come back exactly.",
  },
  dropped: {
    name: "dropped_attributes_count",
    type: "BIGINT",
    doc: "Attributes that the sender says it dropped. Null when zero.",
  },
  resource: {
    name: "resource_attributes",
    type: "VARCHAR",
    json: true,
    doc: "Resource attributes as one JSON object. Doubles always carry a point or an exponent, so types come back exactly.",
  },
  resourceExtra: {
    name: "resource_extra",
    type: "VARCHAR",
    json: true,
    doc: "What else the resource carried: dropped_attributes_count, entity_refs, schema_url. Null when nothing.",
  },
  scope: {
    name: "scope",
    type: "VARCHAR",
    json: true,
    doc: "Instrumentation scope: name, version, attributes, dropped_attributes_count, schema_url. Null when absent.",
  },
  raw: {
    name: "raw",
    type: "BLOB",
    doc: "The record's own OTLP protobuf bytes (one ResourceSpans, ResourceLogs or ResourceMetrics holding only it), kept only when the columns can't carry it exactly: unknown fields, invalid UTF-8, duplicate keys, bytes inside arrays, out-of-range times.",
  },
  source: { name: "source", type: "VARCHAR", doc: "How it came in: otlp, langsmith or import." },
  receivedAt: { name: "received_at", type: "TIMESTAMP_NS", doc: "When the collector received it, UTC." },
  seq: { name: "seq", type: "BIGINT", doc: "Journal sequence number of the request it came in." },
  seqIndex: {
    name: "seq_index",
    type: "INTEGER",
    doc: "Position within that request, from 0. (seq, seq_index) names a row for ever.",
  },
} as const satisfies Record<string, Column>;

const content = (name: string, doc: string): Column => ({
  name,
  type: "VARCHAR",
  json: true,
  content: true,
  doc,
});
const text = (name: string, doc: string): Column => ({ name, type: "VARCHAR", doc });
const count = (name: string, doc: string): Column => ({ name, type: "BIGINT", doc });

/** `spans`: one row a span. */
export const SPAN_COLUMNS: readonly Column[] = [
  text("trace_id", "Trace id, 32 lowercase hex digits."),
  text("span_id", "Span id, 16 lowercase hex digits."),
  text("parent_span_id", "Parent span id. Null for a root span."),
  text("name", "Span name."),
  text(
    "kind",
    "INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER, UNSPECIFIED, or the number of a kind unknown here.",
  ),
  {
    name: "start_time",
    type: "TIMESTAMP_NS",
    doc: "Start, UTC, nanoseconds. Null when the sender left it 0.",
  },
  { name: "end_time", type: "TIMESTAMP_NS", doc: "End, UTC, nanoseconds. Null when the sender left it 0." },
  count("duration_ns", "end_time - start_time in nanoseconds. Null when either is missing."),
  text(
    "status_code",
    "UNSET, OK, ERROR, or the number of a code unknown here. Null when the span carried no status.",
  ),
  text("status_message", "Status message. Null when empty."),
  text("service_name", "Resource attribute service.name."),
  text(
    "project",
    "LangSmith project this span belongs to: langsmith.trace.session_name, else null (the exporter's default applies).",
  ),
  text("environment", "deployment.environment.name, else deployment.environment."),
  text("operation", "What was done, in the GenAI conventions' words: chat, execute_tool, invoke_agent, ..."),
  text("run_type", "LangSmith run type: llm, chain, tool, retriever, embedding, prompt, parser."),
  text(
    "provider",
    "Provider of the model, by the GenAI conventions' names: openai, anthropic, aws.bedrock, ...",
  ),
  text("request_model", "Model asked for."),
  text("response_model", "Model that answered."),
  text("agent_name", "Name of the agent."),
  text("tool_name", "Name of the tool."),
  text("conversation_id", "Conversation, session or thread the span belongs to."),
  text("user_id", "End user."),
  count("input_tokens", "Prompt tokens as reported."),
  count("output_tokens", "Completion tokens as reported."),
  count("cache_read_tokens", "Prompt tokens read from the provider's cache."),
  count("cache_write_tokens", "Prompt tokens written to the provider's cache."),
  count("reasoning_tokens", "Output tokens spent on reasoning."),
  {
    name: "input_includes_cache",
    type: "BOOLEAN",
    doc: "Whether input_tokens includes the cache tokens. Null when unknown.",
  },
  {
    name: "usage_details",
    type: "VARCHAR",
    json: true,
    since: 2,
    doc: "Other token counts, where reported: JSON object of total_tokens, uncached_input_tokens, audio_input_tokens, audio_output_tokens, image_input_tokens, image_output_tokens, cache_write_5m_tokens, cache_write_1h_tokens.",
  },
  text("usage_scope", "own: the tokens of this call; rollup: a parent's sum over its children."),
  {
    name: "cost_usd",
    type: "DOUBLE",
    doc: "Cost in US dollars: as the emitter reported it, else by the price table. Null when neither knows.",
  },
  {
    name: "cost_source",
    type: "VARCHAR",
    since: 3,
    doc: "Where cost_usd comes from: emitter or price. Null without a cost, and on rows of builds that had the emitter's alone.",
  },
  {
    name: "price_version",
    type: "VARCHAR",
    since: 3,
    doc: "Version (content hash) of the price table that cost_usd was made with. Null unless cost_source is price.",
  },
  {
    name: "service_tier",
    type: "VARCHAR",
    since: 3,
    doc: "Service tier of the provider that served the call, else the one asked for: default, flex, priority, batch, ...",
  },
  { name: "time_to_first_token_ms", type: "DOUBLE", doc: "Milliseconds to the first token or chunk." },
  {
    name: "finish_reasons",
    type: "VARCHAR",
    json: true,
    doc: "Why generation stopped: JSON array of strings.",
  },
  text("error_type", "error.type, else the type of the exception event."),
  { name: "tags", type: "VARCHAR", json: true, doc: "Tags: JSON array of strings." },
  {
    name: "metadata",
    type: "VARCHAR",
    json: true,
    doc: "Metadata of the user: JSON object of langsmith.metadata.*, or what other dialects have for it.",
  },
  content("input_messages", "Messages in, in the GenAI convention's JSON shape."),
  content("output_messages", "Messages out, in the GenAI convention's JSON shape."),
  content("system_instructions", "System instructions: JSON array of parts."),
  content("tool_definitions", "Tools offered to the model: JSON array."),
  content("tool_arguments", "Arguments of a tool call: JSON."),
  content("tool_result", "Result of a tool call: JSON; a plain text is a JSON string."),
  content("retrieval_documents", "Documents that a retrieval found: JSON array."),
  lossless.attributes,
  lossless.layout,
  lossless.dropped,
  {
    name: "events",
    type: "VARCHAR",
    json: true,
    content: true,
    doc: "Span events: JSON array of {time_unix_nano, name, attributes, dropped_attributes_count}. Null when none.",
  },
  count("dropped_events_count", "Events that the sender says it dropped. Null when zero."),
  {
    name: "links",
    type: "VARCHAR",
    json: true,
    doc: "Span links: JSON array of {trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags}. Null when none.",
  },
  count("dropped_links_count", "Links that the sender says it dropped. Null when zero."),
  count("flags", "Span flags as sent. Null when zero."),
  text("trace_state", "W3C trace state. Null when empty."),
  lossless.resource,
  lossless.resourceExtra,
  lossless.scope,
  text("dialect", "Instrumentation dialects that the span speaks, comma separated."),
  {
    name: "provenance",
    type: "VARCHAR",
    json: true,
    since: 2,
    doc: "Which source filled each column, as `docs/dialects.md` writes sources: JSON object by column, without those that the GenAI conventions' own current attribute filled. Null when it is empty.",
  },
  {
    name: "rule_set_version",
    type: "INTEGER",
    doc: "Version of the rule set that filled the GenAI columns.",
  },
  text(
    "run_id",
    "LangSmith run id when it is not the one computed from the ids; the `spans` view computes the rest.",
  ),
  lossless.source,
  lossless.receivedAt,
  lossless.seq,
  lossless.seqIndex,
  lossless.raw,
];

/** `span_logs`: one row a log record. */
export const SPAN_LOG_COLUMNS: readonly Column[] = [
  text("trace_id", "Trace id in hex. Null when the record belongs to no trace."),
  text("span_id", "Span id in hex. Null when the record belongs to no span."),
  { name: "time", type: "TIMESTAMP_NS", doc: "When it happened, UTC. Null when the sender left it 0." },
  {
    name: "observed_time",
    type: "TIMESTAMP_NS",
    doc: "When it was observed, UTC. Null when the sender left it 0.",
  },
  text("event_name", "event_name, else the attribute event.name."),
  { name: "severity_number", type: "INTEGER", doc: "Severity 1 to 24. Null when zero." },
  text("severity_text", "Severity text. Null when empty."),
  text("service_name", "Resource attribute service.name."),
  { name: "body", type: "VARCHAR", content: true, doc: "Body: a string as it is, anything else as JSON." },
  text("body_type", "Type code of the body, as in attribute_layout. Null when there is no body."),
  lossless.attributes,
  lossless.layout,
  lossless.dropped,
  count("flags", "Flags as sent. Null when zero."),
  lossless.resource,
  lossless.resourceExtra,
  lossless.scope,
  lossless.source,
  lossless.receivedAt,
  lossless.seq,
  lossless.seqIndex,
  lossless.raw,
];

/** `metric_points`: one row a data point. */
export const METRIC_POINT_COLUMNS: readonly Column[] = [
  text("name", "Metric name."),
  text("description", "Metric description. Null when empty."),
  text("unit", "Unit. Null when empty."),
  text("type", "gauge, sum, histogram, exponential_histogram or summary."),
  text("temporality", "DELTA, CUMULATIVE or UNSPECIFIED. Null for types without one."),
  { name: "is_monotonic", type: "BOOLEAN", doc: "For sums: whether it only grows. Null otherwise." },
  { name: "metadata", type: "VARCHAR", json: true, doc: "Metric metadata: JSON object. Null when none." },
  {
    name: "start_time",
    type: "TIMESTAMP_NS",
    doc: "Start of the interval, UTC. Null when the sender left it 0.",
  },
  { name: "time", type: "TIMESTAMP_NS", doc: "Time of the point, UTC. Null when the sender left it 0." },
  {
    name: "value",
    type: "DOUBLE",
    doc: "Value of a gauge or sum point (an int64 may be rounded; `point` has it exactly).",
  },
  { name: "count", type: "BIGINT", doc: "Count of a histogram or summary point." },
  { name: "sum", type: "DOUBLE", doc: "Sum of a histogram or summary point." },
  { name: "min", type: "DOUBLE", doc: "Minimum, where sent." },
  { name: "max", type: "DOUBLE", doc: "Maximum, where sent." },
  {
    name: "point",
    type: "VARCHAR",
    json: true,
    doc: "The whole data point in OTLP/JSON: attributes, buckets, quantiles, exemplars, flags.",
  },
  {
    name: "attributes",
    type: "MAP(VARCHAR, VARCHAR)",
    doc: "Attributes of the point as text, for queries; `point` has their types.",
  },
  text("service_name", "Resource attribute service.name."),
  lossless.resource,
  lossless.resourceExtra,
  lossless.scope,
  lossless.source,
  lossless.receivedAt,
  lossless.seq,
  lossless.seqIndex,
  lossless.raw,
];

/** Columns of each table that the sealer writes. */
export const TABLE_COLUMNS: Readonly<Record<TelemetryTable, readonly Column[]>> = {
  spans: SPAN_COLUMNS,
  span_logs: SPAN_LOG_COLUMNS,
  metric_points: METRIC_POINT_COLUMNS,
};
