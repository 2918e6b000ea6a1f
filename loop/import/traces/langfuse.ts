import {
  CounterfoilError,
  IMPORT_TRACE_ROWS_CHARS_MAX,
  type JsonObject,
  type JsonValue,
  type KeyValue,
  nameUuid,
  timeToUnixNano,
  traceIdOf,
  unixNanoToTime,
  uuidOf,
} from "../../../schema/index.js";
import {
  attributesOf,
  filled,
  namedSpanId,
  namedTraceId,
  objectAt,
  otherAt,
  present,
  problem,
  scopeOf,
  spanOf,
  textAt,
  textAttribute,
  type TraceItem,
  wholeAt,
} from "./trace-items.js";

/** Reads the rows of an export of Langfuse: observations, scores and traces, of its blob storage export or its API. */
export interface LangfuseReader {
  /** Is shown every row first: of traces, which say what their observations do not. Throws CF_USAGE for more than fit. */
  look(row: JsonObject): void;
  /** What a row holds; undefined for one that Langfuse does not write. */
  items(where: string, row: JsonObject): TraceItem[] | undefined;
  /** Traces that no observation at their root has told of. */
  rest(): TraceItem[];
}

const SCORES = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e23";
const SCOPE = scopeOf("langfuse-export");
const OBSERVATION = "langfuse.observation.";
const TRACE = "langfuse.trace.";
const STATUS_ERROR = 2;
/** Who gave a score, in the words of `feedback_source.type`. */
const SOURCES = new Map([
  ["ANNOTATION", "human"],
  ["API", "api"],
  ["EVAL", "model"],
]);
/** Columns of observations that become something else than an attribute of their own name. */
const READ = new Set(
  (
    "id trace_id parent_observation_id name start_time end_time type level status_message input output metadata " +
    "provided_model_name model model_parameters usage_details cost_details total_cost completion_start_time " +
    "prompt_name prompt_version environment version user_id session_id trace_name tags release public " +
    // Worked out of others by Langfuse.
    "latency time_to_first_token tool_call_names"
  ).split(" "),
);

/** A reader of one export. */
export function langfuseReader(): LangfuseReader {
  const traces = new Map<string, { readonly where: string; readonly row: JsonObject }>();
  const rooted = new Set<string>();
  let chars = 0;
  return {
    look(given) {
      const row = snakeCase(given);
      const id = textAt(row, "id");
      if (kindOf(row) !== "trace" || id === undefined) return;
      traces.set(id, { where: `trace ${id}`, row });
      chars += JSON.stringify(row).length;
      if (chars <= IMPORT_TRACE_ROWS_CHARS_MAX) return;
      throw new CounterfoilError(
        "CF_USAGE",
        `The rows of traces have more than ${IMPORT_TRACE_ROWS_CHARS_MAX} characters together. Import the export in parts, for instance one month at a time.`,
      );
    },
    items(where, given) {
      const row = snakeCase(given);
      const kind = kindOf(row);
      if (kind === "trace") return [];
      if (kind === "score") return [score(where, row)];
      if (kind === undefined) return undefined;
      const traceId = textAt(row, "trace_id") ?? "";
      const isRoot = textAt(row, "parent_observation_id") === undefined;
      const item = observation(where, row, { trace: traces.get(traceId)?.row, isRoot });
      if (isRoot && item.kind === "span") rooted.add(traceId);
      return [item];
    },
    rest: () =>
      [...traces].filter(([id]) => !rooted.has(id)).map(([id, { where, row }]) => traceSpan(where, id, row)),
  };
}

function kindOf(row: JsonObject): "observation" | "score" | "trace" | undefined {
  if (textAt(row, "id") === undefined) return undefined;
  if ("start_time" in row && textAt(row, "type") !== undefined) return "observation";
  if (textAt(row, "name") !== undefined && ("data_type" in row || "string_value" in row)) return "score";
  return textAt(row, "timestamp") === undefined ? undefined : "trace";
}

/** The API writes `traceId` where the export to blob storage writes `trace_id`. */
function snakeCase(row: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}

function observation(
  where: string,
  row: JsonObject,
  { isRoot, trace }: { readonly isRoot: boolean; readonly trace: JsonObject | undefined },
): TraceItem {
  const [id, traceId] = [textAt(row, "id") ?? "", textAt(row, "trace_id")];
  const [start, end] = [nanosAt(row, "start_time"), nanosAt(row, "end_time")];
  if (traceId === undefined) return problem("spans", where, "it has no trace_id");
  if (start === undefined) return problem("spans", where, "its start_time is no time");
  const parent = textAt(row, "parent_observation_id");
  const isError = textAt(row, "level") === "ERROR";
  return {
    kind: "span",
    where,
    scope: SCOPE,
    span: spanOf({
      traceId: traceIdIn(traceId),
      spanId: spanIdIn(id),
      parentSpanId: parent === undefined ? "" : spanIdIn(parent),
      name: textAt(row, "name") ?? "",
      startTimeUnixNano: start,
      // An event is a moment.
      endTimeUnixNano: end ?? (textAt(row, "type") === "EVENT" ? start : 0n),
      attributes: [
        ...observationAttributes(row),
        ...contextAttributes({ ...present(trace ?? {}), ...present(row) }),
        ...(isRoot && trace !== undefined ? traceAttributes(trace) : []),
      ],
      ...(isError ? { status: { code: STATUS_ERROR, message: textAt(row, "status_message") ?? "" } } : {}),
    }),
  };
}

/** As Langfuse's own SDK writes them. What it has no attribute for stays under the column's name. */
function observationAttributes(row: JsonObject): KeyValue[] {
  const start = textAt(row, "completion_start_time");
  const first = start === undefined ? undefined : nanosAt(row, "completion_start_time");
  const total = row["total_cost"];
  const version = row["prompt_version"];
  return [
    ...attributesOf({
      [`${OBSERVATION}type`]: textAt(row, "type")?.toLowerCase(),
      [`${OBSERVATION}input`]: contentOf(row["input"]),
      [`${OBSERVATION}output`]: contentOf(row["output"]),
      [`${OBSERVATION}level`]: textAt(row, "level"),
      [`${OBSERVATION}status_message`]: textAt(row, "status_message"),
      [`${OBSERVATION}model.name`]: textAt(row, "provided_model_name") ?? textAt(row, "model"),
      [`${OBSERVATION}model.parameters`]: contentOf(row["model_parameters"]),
      [`${OBSERVATION}usage_details`]: contentOf(filled(wholeAt(row, "usage_details"))),
      [`${OBSERVATION}cost_details`]: contentOf(
        filled(wholeAt(row, "cost_details")) ||
          (typeof total === "number" && total > 0 ? { total } : undefined),
      ),
      [`${OBSERVATION}completion_start_time`]:
        first === undefined ? undefined : JSON.stringify(unixNanoToTime(first)),
      [`${OBSERVATION}prompt.name`]: textAt(row, "prompt_name"),
      [`${OBSERVATION}prompt.version`]: typeof version === "string" ? Number(version) : version,
    }),
    ...metadataOf(row, `${OBSERVATION}metadata`),
    ...attributesOf(
      Object.fromEntries(
        Object.entries({ ...row, observation_id: row["id"] }).flatMap(([name, value]) =>
          READ.has(name) || value === undefined ? [] : [[`langfuse.export.${name}`, filled(value)]],
        ),
      ),
    ),
  ];
}

/** What Langfuse says of the trace on each of its observations. */
function contextAttributes(row: JsonObject): KeyValue[] {
  return attributesOf({
    "user.id": textAt(row, "user_id"),
    "session.id": textAt(row, "session_id"),
    "langfuse.environment": textAt(row, "environment"),
    "langfuse.release": textAt(row, "release"),
    "langfuse.version": textAt(row, "version"),
    [`${TRACE}name`]: textAt(row, "trace_name"),
    [`${TRACE}tags`]: listOf(row["tags"]),
    [`${TRACE}public`]: row["public"] === true ? true : undefined,
  });
}

function traceAttributes(trace: JsonObject): KeyValue[] {
  return [
    ...attributesOf({
      [`${TRACE}name`]: textAt(trace, "name"),
      [`${TRACE}input`]: contentOf(trace["input"]),
      [`${TRACE}output`]: contentOf(trace["output"]),
    }),
    ...metadataOf(trace, `${TRACE}metadata`),
  ];
}

/** A trace that has nothing at its root: what it says itself would be lost without a span. */
function traceSpan(where: string, id: string, row: JsonObject): TraceItem {
  const time = nanosAt(row, "timestamp");
  if (time === undefined) return problem("spans", where, "its timestamp is no time");
  return {
    kind: "span",
    where,
    scope: SCOPE,
    span: spanOf({
      traceId: traceIdIn(id),
      spanId: namedSpanId(`langfuse/trace/${id}`),
      name: textAt(row, "name") ?? "",
      startTimeUnixNano: time,
      endTimeUnixNano: time,
      attributes: [
        textAttribute(`${OBSERVATION}type`, "span"),
        ...contextAttributes(row),
        ...traceAttributes(row),
      ],
    }),
  };
}

function score(where: string, row: JsonObject): TraceItem {
  const id = textAt(row, "id") ?? "";
  const [trace, observed, session] = ["trace_id", "observation_id", "session_id"].map((name) =>
    textAt(row, name),
  );
  const time = nanosAt(row, "updated_at") ?? nanosAt(row, "timestamp");
  if (trace === undefined && session === undefined) {
    return problem("feedback", where, "it is of no trace and no session");
  }
  if (time === undefined) return problem("feedback", where, "it has neither updated_at nor timestamp");
  const dataType = textAt(row, "data_type") ?? "NUMERIC";
  const created = nanosAt(row, "timestamp");
  const { value } = row;
  const text = textAt(row, "string_value");
  const author = textAt(row, "author_user_id");
  const isWord = dataType === "CATEGORICAL" || dataType === "TEXT";
  const data = present({
    key: textAt(row, "name"),
    score:
      isWord || dataType === "CORRECTION"
        ? undefined
        : dataType === "BOOLEAN"
          ? numberOf(value) === 1
          : numberOf(value),
    value: isWord ? text : undefined,
    correction: dataType === "CORRECTION" ? text : undefined,
    comment: textAt(row, "comment"),
    target: observed !== undefined ? "span" : trace !== undefined ? "trace" : "thread",
    trace_id: trace === undefined ? undefined : traceIdIn(trace),
    span_id: observed === undefined ? undefined : spanIdIn(observed),
    thread_id: trace === undefined ? session : undefined,
    feedback_source: present({
      type: SOURCES.get(textAt(row, "source") ?? "") ?? "import",
      metadata: objectAt(row, "metadata"),
      user_id: author,
    }),
    extra: present({
      via: "langfuse",
      data_type: dataType,
      environment: textAt(row, "environment"),
      metadata: filled(otherAt(row, "metadata")),
      dataset_run_id: textAt(row, "dataset_run_id"),
      config_id: textAt(row, "config_id"),
      queue_id: textAt(row, "queue_id"),
      evaluator_id: textAt(row, "evaluator_id"),
    }),
    created_at: created === undefined ? undefined : unixNanoToTime(created),
    modified_at: unixNanoToTime(time),
  });
  return {
    kind: "feedback",
    where,
    id: uuidOf(id) ?? nameUuid(SCORES, id),
    time: unixNanoToTime(time),
    data,
  };
}

/** Ids of Langfuse are any text. Those that OpenTelemetry made are kept; others always give the same id. */
function traceIdIn(id: string): string {
  const known = traceIdOf(id);
  return known === undefined || /^0+$/.test(known) ? namedTraceId(`langfuse/trace/${id}`) : known;
}

function spanIdIn(id: string): string {
  return /^(?!0+$)[0-9a-f]{16}$/.test(id) ? id : namedSpanId(`langfuse/observation/${id}`);
}

function nanosAt(row: JsonObject, name: string): bigint | undefined {
  const text = textAt(row, name);
  return text === undefined ? undefined : timeToUnixNano(text.replace(/([+-]\d{2})$/, "$1:00"));
}

/** As Langfuse's own SDK writes them: an attribute for each name, and one for what has no names. */
function metadataOf(row: JsonObject, key: string): KeyValue[] {
  const names = Object.entries(objectAt(row, "metadata") ?? {});
  return attributesOf({
    ...Object.fromEntries(names.map(([name, value]) => [`${key}.${name}`, value])),
    [key]: filled(otherAt(row, "metadata")),
  });
}

/** Texts as they are, everything else as JSON. */
function contentOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A list, also as the text that CSV has. */
function listOf(value: JsonValue | undefined): JsonValue | undefined {
  const given = typeof value === "string" ? jsonList(value) : value;
  return Array.isArray(given) && given.length > 0 ? given : undefined;
}

function jsonList(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}

function numberOf(value: JsonValue | undefined): number | undefined {
  const given = typeof value === "string" && value !== "" ? Number(value) : value;
  return typeof given === "number" && Number.isFinite(given) ? given : undefined;
}
