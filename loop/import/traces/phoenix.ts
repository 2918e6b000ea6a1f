import {
  decodeOtlpJson,
  errorMessage,
  type JsonObject,
  type JsonValue,
  type KeyValue,
  nameUuid,
  spanIdOf,
  timeToUnixNano,
  traceIdOf,
} from "../../../schema/index.js";
import {
  attributesOf,
  filled,
  objectAt,
  objectsAt,
  otherAt,
  present,
  problem,
  spanOf,
  textAt,
  textAttribute,
  type TraceItem,
  valueOf,
} from "./trace-items.js";

/** Namespace of the ids of annotations that come without one. */
const ANNOTATIONS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e22";
/** OTLP's names as protobuf and Phoenix write them. */
const SNAKE = /^[a-z]+(?:_[a-z]+)+$/;
const PYTHON_NUMBERS = new Map([
  ["inf", "Infinity"],
  ["-inf", "-Infinity"],
  ["nan", "NaN"],
]);
const STATUS_CODES = new Map([
  ["UNSET", 0],
  ["OK", 1],
  ["ERROR", 2],
]);
/** Phoenix's kinds of annotators in the words of `feedback_source.type`. */
const SOURCE_TYPES = new Map([
  ["HUMAN", "human"],
  ["LLM", "model"],
  ["CODE", "code"],
]);
const LISTS = ["resourceLogs", "resourceMetrics"];

/**
 * What a row of OTLP or Phoenix holds: a request of OTLP/JSON (`resourceSpans`, as Phoenix writes it also `resource_spans`), a
 * span of Phoenix's JSON Lines, an annotation, or a page of its API (`{data: [...]}`). Undefined for anything else.
 */
export function phoenixItems(where: string, row: JsonObject): TraceItem[] | undefined {
  if (Array.isArray(row["resourceSpans"]) || Array.isArray(row["resource_spans"])) {
    return otlpItems(where, row);
  }
  if (LISTS.some((name) => Array.isArray(row[name]))) {
    return [problem("rows", where, "logs and metrics are not traces: only these are imported")];
  }
  if (objectAt(row, "context") !== undefined && textAt(row, "start_time") !== undefined) {
    return [phoenixSpan(where, row)];
  }
  if (objectAt(row, "result") !== undefined && textAt(row, "name") !== undefined)
    return [annotation(where, row)];
  if ("span_id" in row && "trace_id" in row && "start_time_unix_nano" in row) {
    return otlpItems(where, { resource_spans: [{ scope_spans: [{ spans: [row] }] }] });
  }
  const data = objectsAt(row, "data");
  if (data.length === 0) return undefined;
  return data.flatMap(
    (item, at) =>
      phoenixItems(`${where} item ${at + 1}`, item) ?? [problem("rows", where, "nobody knows what it is")],
  );
}

function otlpItems(where: string, row: JsonObject): TraceItem[] {
  try {
    const { resourceSpans } = decodeOtlpJson("traces", JSON.stringify(lowerCamel(row)));
    return resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ scope, spans }) =>
        spans.map((span): TraceItem =>
          /^(?!0+$)[0-9a-f]{32}$/.test(span.traceId) && /^(?!0+$)[0-9a-f]{16}$/.test(span.spanId)
            ? { kind: "span", where, span, resource, scope }
            : problem("spans", where, "a span has no valid trace id and span id"),
        ),
      ),
    );
  } catch (error) {
    return [problem("spans", where, errorMessage(error))];
  }
}

/** OTLP's own names for those that protobuf has. What is in attributes has its names as values, and stays. */
function lowerCamel(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(lowerCamel);
  // JSON.stringify writes 0.
  if (Object.is(value, -0)) return "-0";
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]): [string, JsonValue] => {
      if (name === "double_value" && typeof item === "string") {
        return ["doubleValue", PYTHON_NUMBERS.get(item) ?? item];
      }
      const camel = SNAKE.test(name)
        ? name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
        : name;
      return [camel, lowerCamel(item)];
    }),
  );
}

/** A line of Phoenix's own JSON Lines. Its annotations are among its attributes, as OpenInference has them. */
function phoenixSpan(where: string, row: JsonObject): TraceItem {
  const context = objectAt(row, "context");
  const [traceId, spanId] = [traceIdOf(context?.["trace_id"]), spanIdOf(context?.["span_id"])];
  const [start, end] = [timeToUnixNano(row["start_time"]), timeToUnixNano(row["end_time"])];
  if (traceId === undefined || spanId === undefined)
    return problem("spans", where, "its ids are no trace id and span id");
  if (start === undefined) return problem("spans", where, "its start_time is no time");
  const attributes = attributesAt(row);
  const kind = textAt(row, "span_kind");
  if (kind !== undefined && !attributes.some(({ key }) => key === "openinference.span.kind")) {
    attributes.push(textAttribute("openinference.span.kind", kind));
  }
  return {
    kind: "span",
    where,
    span: spanOf({
      traceId,
      spanId,
      name: textAt(row, "name") ?? "",
      parentSpanId: spanIdOf(row["parent_id"]) ?? "",
      startTimeUnixNano: start,
      endTimeUnixNano: end ?? 0n,
      attributes,
      events: objectsAt(row, "events").map((event) => ({
        name: textAt(event, "name") ?? "",
        timeUnixNano: timeToUnixNano(event["timestamp"]) ?? 0n,
        attributes: attributesAt(event),
        droppedAttributesCount: 0,
      })),
      status: {
        code: STATUS_CODES.get(textAt(row, "status_code") ?? "") ?? 0,
        message: textAt(row, "status_message") ?? "",
      },
    }),
  };
}

function attributesAt(row: JsonObject): KeyValue[] {
  return [
    ...flattened(objectAt(row, "attributes") ?? {}, ""),
    ...attributesOf({ attributes: filled(otherAt(row, "attributes")) }),
  ];
}

/** Attributes by their flat names: `llm.input_messages.0.message.role`. */
function flattened(given: JsonObject, prefix: string): KeyValue[] {
  return Object.entries(given).flatMap(([name, value]): KeyValue[] => {
    const key = `${prefix}${name}`;
    const isDeep = Array.isArray(value)
      ? value.some((item: JsonValue) => typeof item === "object" && item !== null)
      : typeof value === "object" && value !== null;
    if (isDeep) return flattened(value as JsonObject, `${key}.`);
    const made = valueOf(value);
    return made === undefined ? [] : [{ key, value: made }];
  });
}

/** An annotation of a span, a trace or a session, as Phoenix's API gives them. */
function annotation(where: string, row: JsonObject): TraceItem {
  const [traceId, spanId] = [traceIdOf(row["trace_id"]), spanIdOf(row["span_id"])];
  const thread = textAt(row, "session_id");
  const result = objectAt(row, "result") ?? {};
  const { label, score } = result;
  const time = textAt(row, "updated_at") ?? textAt(row, "created_at");
  if (traceId === undefined && spanId === undefined && thread === undefined) {
    return problem("feedback", where, "it names no span, trace or session");
  }
  if (time === undefined || timeToUnixNano(time) === undefined) {
    return problem("feedback", where, "it has neither updated_at nor created_at");
  }
  const name = textAt(row, "name") ?? "";
  const kind = textAt(row, "annotator_kind");
  const identity = [
    textAt(row, "id") ?? textAt(row, "identifier") ?? "",
    traceId ?? "",
    spanId ?? "",
    thread ?? "",
    name,
  ];
  const data = present({
    key: name,
    score: typeof score === "number" ? score : undefined,
    value: label,
    comment: textAt(result, "explanation"),
    target: spanId !== undefined ? "span" : traceId !== undefined ? "trace" : "thread",
    trace_id: traceId,
    span_id: spanId,
    thread_id: thread,
    feedback_source: present({
      type: kind === undefined ? "import" : (SOURCE_TYPES.get(kind) ?? kind),
      metadata: objectAt(row, "metadata"),
      user_id: textAt(row, "user_id"),
    }),
    extra: present({ via: "phoenix", metadata: filled(otherAt(row, "metadata")) }),
    created_at: textAt(row, "created_at"),
    modified_at: time,
  });
  return { kind: "feedback", where, id: nameUuid(ANNOTATIONS, JSON.stringify(identity)), time, data };
}
