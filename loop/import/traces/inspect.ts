import {
  CounterfoilError,
  isDeeper,
  RUN_JSON_DEPTH_MAX,
  type JsonObject,
  type JsonValue,
  type KeyValue,
  nameUuid,
  type Span,
  timeToUnixNano,
  UNIX_NANO_MAX,
  unixNanoToTime,
  ZIP_TOTAL_BYTES_MAX,
} from "../../../schema/index.js";
import {
  attributesOf,
  filled,
  namedSpanId,
  namedTraceId,
  objectAt,
  objectsAt,
  present,
  problem,
  scopeOf,
  spanOf,
  textAt,
  type TraceItem,
  wholeAt,
} from "./trace-items.js";
import { tooDeep } from "./trace-files.js";
import { ZipFile } from "./zip-file.js";

const SCORES = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e24";
const SCOPE = scopeOf("inspect_ai");
const STATUS_ERROR = 2;
const SAMPLE = /^samples\/.*\.json$/s;
/** The head of a log that is whole, and of one that was not finished. */
const HEADS = ["header.json", "start.json", "_journal/start.json"];
/** What Inspect's own metrics make of these grades. */
const GRADES = new Map([
  ["C", 1],
  ["I", 0],
  ["P", 0.5],
  ["N", 0],
]);
const ATTACHMENT = /^attachment:\/\/([0-9a-f]{32})$/;

/**
 * What Inspect's log of an evaluation holds (`.eval`, a zip file of JSON): each sample is a trace with its calls of models and
 * tools, its scores are feedback. One sample is in memory at a time. Throws CF_IMPORT_FILE_INVALID for what is no such log.
 */
export function* inspectFileItems(path: string): Generator<TraceItem[]> {
  const zip = new ZipFile(path);
  try {
    const headEntry = HEADS.map((name) => zip.entries.get(name)).find((entry) => entry !== undefined);
    if (headEntry === undefined) {
      throw new CounterfoilError(
        "CF_IMPORT_FILE_INVALID",
        `Can't import ${path}: it is no log of Inspect (it has no header.json).`,
      );
    }
    const head = jsonIn(zip.read(headEntry));
    if (head === undefined) {
      throw new CounterfoilError(
        "CF_IMPORT_FILE_INVALID",
        `Can't import ${path}: its ${headEntry.name} is no JSON.`,
      );
    }
    let bytes = 0;
    for (const entry of zip.entries.values()) {
      if (!SAMPLE.test(entry.name)) continue;
      const where = `${path} ${entry.name}`;
      bytes += entry.bytes;
      if (bytes > ZIP_TOTAL_BYTES_MAX) {
        throw new CounterfoilError(
          "CF_IMPORT_FILE_INVALID",
          `Can't import ${path}: its samples have more than ${ZIP_TOTAL_BYTES_MAX} bytes.`,
        );
      }
      const sample = jsonIn(zip.read(entry));
      yield sample === undefined
        ? [problem("rows", where, "it is no JSON object")]
        : isDeeper(sample, RUN_JSON_DEPTH_MAX)
          ? [problem("rows", where, tooDeep)]
          : sampleItems(where, objectAt(head, "eval") ?? {}, sample);
    }
  } finally {
    zip.close();
  }
}

/** The same of a log that is one JSON object. Undefined for anything else. */
export function inspectItems(where: string, row: JsonObject): TraceItem[] | undefined {
  const evaluation = objectAt(row, "eval");
  if (evaluation === undefined || textAt(evaluation, "task") === undefined) return undefined;
  return objectsAt(row, "samples").flatMap((sample, at) =>
    sampleItems(`${where} sample ${at + 1}`, evaluation, sample),
  );
}

function jsonIn(bytes: Buffer): JsonObject | undefined {
  const text = bytes.toString("utf8");
  const value = parsed(text) ?? parsed(withoutConstants(text));
  return typeof value === "object" && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

function parsed(text: string): JsonValue | undefined {
  try {
    return (JSON.parse(text) as JsonValue) ?? undefined;
  } catch {
    return undefined;
  }
}

/** Python writes NaN and Infinity, which JSON does not have: they say nothing. */
function withoutConstants(text: string): string {
  return text.replaceAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/gs, (found) =>
    found.startsWith('"') ? found : "null",
  );
}

/** A sample of one epoch, with what its parts refer to. */
interface Sample {
  readonly traceId: string;
  readonly rootId: string;
  readonly row: JsonObject;
  readonly attachments: JsonObject;
  /** Messages that are referred to by their places. */
  readonly pool: readonly JsonObject[];
}

function sampleItems(where: string, evaluation: JsonObject, row: JsonObject): TraceItem[] {
  const place = [
    evaluation["eval_id"] ?? evaluation["run_id"] ?? null,
    row["id"] ?? null,
    row["epoch"] ?? null,
  ];
  const identity = textAt(row, "uuid") ?? JSON.stringify(place);
  const traceId = namedTraceId(`inspect/${identity}`);
  const data = objectAt(row, "events_data") ?? {};
  const sample = {
    traceId,
    rootId: namedSpanId(`inspect/root/${identity}`),
    row,
    attachments: objectAt(row, "attachments") ?? {},
    pool: [...objectsAt(data, "messages"), ...objectsAt(row, "message_pool")],
  };
  const events = objectsAt(row, "events");
  const [start, end] = timesOf(evaluation, row, events);
  if (start === undefined) return [problem("spans", where, "nothing in it says when it was")];
  const spans = [
    rootSpan(sample, evaluation, { start, end: end ?? start }),
    ...events.flatMap((event, at) => eventSpan(sample, event, at)),
  ];
  return [
    ...spans.map((span): TraceItem => ({ kind: "span", where, scope: SCOPE, span })),
    ...scoresOf(where, sample, unixNanoToTime(end ?? start)),
  ];
}

function timesOf(
  evaluation: JsonObject,
  row: JsonObject,
  events: readonly JsonObject[],
): [start: bigint | undefined, end: bigint | undefined] {
  const start =
    timeToUnixNano(row["started_at"]) ??
    timeToUnixNano(events[0]?.["timestamp"]) ??
    timeToUnixNano(evaluation["created"]);
  const nanos = typeof row["total_time"] === "number" ? Math.round(row["total_time"] * 1e9) : NaN;
  const end =
    timeToUnixNano(row["completed_at"]) ??
    // A number of JSON may be infinite, or beyond any time.
    (start !== undefined && nanos >= 0 && nanos < Number(UNIX_NANO_MAX - start)
      ? start + BigInt(nanos)
      : undefined) ??
    timeToUnixNano(events.at(-1)?.["timestamp"]);
  return [start, end];
}

function rootSpan(
  sample: Sample,
  evaluation: JsonObject,
  { start, end }: { readonly start: bigint; readonly end: bigint },
): Span {
  const { row } = sample;
  const task = textAt(evaluation, "task") ?? "";
  const input = row["input"];
  const error = objectAt(row, "error");
  const asked =
    typeof input === "string" ? [{ role: "user", content: input }] : Array.isArray(input) ? input : [];
  const choice = objectsAt(objectAt(row, "output") ?? {}, "choices")[0];
  const answer = choice === undefined ? undefined : objectAt(choice, "message");
  return spanOf({
    traceId: sample.traceId,
    spanId: sample.rootId,
    name: task,
    startTimeUnixNano: start,
    endTimeUnixNano: end < start ? start : end,
    ...(error === undefined
      ? {}
      : { status: { code: STATUS_ERROR, message: textAt(error, "message") ?? "" } }),
    attributes: attributesOf({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": task,
      "gen_ai.input.messages": messagesOf(sample, asked as readonly JsonValue[]),
      "gen_ai.output.messages": answer === undefined ? undefined : messagesOf(sample, [answer]),
      "langsmith.trace.session_name": task,
      "inspect.eval_id": evaluation["eval_id"],
      "inspect.run_id": evaluation["run_id"],
      "inspect.task_version": evaluation["task_version"],
      "inspect.model": evaluation["model"],
      "inspect.dataset": textAt(objectAt(evaluation, "dataset"), "name"),
      "inspect.sample.id": row["id"],
      "inspect.sample.epoch": row["epoch"],
      "inspect.sample.target": row["target"],
      "inspect.sample.choices": row["choices"],
      "inspect.sample.metadata": filled(wholeAt(row, "metadata")),
      "inspect.sample.limit": filled(wholeAt(row, "limit")),
      "inspect.sample.model_usage": filled(wholeAt(row, "model_usage")),
    }),
  });
}

/** The span of a call of a model or a tool; other events of the transcript are no calls. */
function eventSpan(sample: Sample, event: JsonObject, at: number): Span[] {
  const kind = textAt(event, "event");
  const start = timeToUnixNano(event["timestamp"]);
  // A call that is still open is written down again when it is done.
  if ((kind !== "model" && kind !== "tool") || start === undefined || event["pending"] === true) return [];
  const id = textAt(event, "uuid") ?? `${kind}/${at}`;
  const failure = kind === "tool" ? textAt(objectAt(event, "error"), "message") : textAt(event, "error");
  const end = timeToUnixNano(event["completed"]) ?? start;
  return [
    spanOf({
      traceId: sample.traceId,
      spanId: namedSpanId(`inspect/event/${sample.rootId}/${id}`),
      parentSpanId: sample.rootId,
      name: kind === "model" ? `chat ${textAt(event, "model") ?? ""}` : (textAt(event, "function") ?? "tool"),
      startTimeUnixNano: start,
      endTimeUnixNano: end < start ? start : end,
      attributes: kind === "model" ? modelAttributes(sample, event) : toolAttributes(sample, event),
      ...(failure === undefined ? {} : { status: { code: STATUS_ERROR, message: failure } }),
    }),
  ];
}

function modelAttributes(sample: Sample, event: JsonObject): KeyValue[] {
  const output = objectAt(event, "output") ?? {};
  const choices = objectsAt(output, "choices");
  const input =
    Array.isArray(event["input"]) && event["input"].length > 0
      ? (event["input"] as readonly JsonValue[])
      : referred(sample, event["input_refs"]);
  const config = objectAt(event, "config") ?? {};
  const [provider] = (textAt(event, "model") ?? "").split("/");
  return attributesOf({
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": (textAt(event, "model") ?? "").includes("/") ? provider : undefined,
    "gen_ai.request.model": (textAt(event, "model") ?? "").replace(/^[^/]*\//, ""),
    "gen_ai.response.model": textAt(output, "model"),
    "gen_ai.input.messages": messagesOf(sample, input),
    "gen_ai.output.messages": messagesOf(
      sample,
      choices.flatMap((choice) => objectAt(choice, "message") ?? []),
    ),
    "gen_ai.response.finish_reasons": filled(
      choices.flatMap((choice) => textAt(choice, "stop_reason") ?? []),
    ),
    "gen_ai.request.temperature": config["temperature"],
    "gen_ai.request.max_tokens": config["max_tokens"],
    "gen_ai.tool.definitions": filled(
      objectsAt(event, "tools").map((tool) => ({ type: "function", ...tool })),
    ),
    ...usageOf(objectAt(output, "usage") ?? {}),
    "inspect.cache": textAt(event, "cache"),
  });
}

/** Some providers count cached tokens as input, others beside it: the total tells. The conventions count them as input. */
function usageOf(usage: JsonObject): Record<string, JsonValue | undefined> {
  const count = (name: string): number => (typeof usage[name] === "number" ? usage[name] : 0);
  const cached = count("input_tokens_cache_read") + count("input_tokens_cache_write");
  const isBeside =
    cached > 0 && count("total_tokens") >= count("input_tokens") + count("output_tokens") + cached;
  return {
    "gen_ai.usage.input_tokens":
      usage["input_tokens"] === undefined ? undefined : count("input_tokens") + (isBeside ? cached : 0),
    "gen_ai.usage.output_tokens": usage["output_tokens"],
    "gen_ai.usage.cache_read.input_tokens": usage["input_tokens_cache_read"],
    "gen_ai.usage.cache_write.input_tokens": usage["input_tokens_cache_write"],
    "gen_ai.usage.reasoning.output_tokens": usage["reasoning_tokens"],
  };
}

function toolAttributes(sample: Sample, event: JsonObject): KeyValue[] {
  const result = resolved(sample, event["result"] ?? null);
  return attributesOf({
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": textAt(event, "function"),
    "gen_ai.tool.call.id": textAt(event, "id"),
    "gen_ai.tool.call.arguments": jsonText(resolved(sample, event["arguments"] ?? null)),
    "gen_ai.tool.call.result": typeof result === "string" ? result : jsonText(result),
  });
}

/** Messages as OpenAI has them, which the rules of the mirror's columns read. */
function messagesOf(sample: Sample, messages: readonly JsonValue[]): string | undefined {
  const given = messages.filter(
    (each): each is JsonObject => typeof each === "object" && each !== null && !Array.isArray(each),
  );
  const made = given.map((message) => {
    const { role, content, tool_call_id: callId } = resolved(sample, message) as JsonObject;
    const calls = objectsAt(message, "tool_calls").map((call) => ({
      id: call["id"] ?? "",
      type: "function",
      function: {
        name: call["function"] ?? "",
        arguments: jsonText(resolved(sample, call["arguments"] ?? {})) ?? "{}",
      },
    }));
    return present({
      role,
      content,
      tool_call_id: callId,
      tool_calls: calls.length === 0 ? undefined : calls,
    });
  });
  return made.length === 0 ? undefined : JSON.stringify(made);
}

/** Messages by ranges of places in the pool. */
function referred({ pool }: Sample, refs: JsonValue | undefined): JsonObject[] {
  if (!Array.isArray(refs)) return [];
  return (refs as readonly JsonValue[]).flatMap((range) => {
    const [from, to] = Array.isArray(range) ? (range as readonly JsonValue[]) : [];
    return typeof from === "number" && typeof to === "number" ? pool.slice(from, to) : [];
  });
}

/** The same with texts in the places where attachments are named. */
function resolved(sample: Sample, value: JsonValue): JsonValue {
  if (typeof value === "string") {
    const found = sample.attachments[ATTACHMENT.exec(value)?.[1] ?? ""];
    return typeof found === "string" ? found : value;
  }
  if (Array.isArray(value)) return value.map((item: JsonValue) => resolved(sample, item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, resolved(sample, item)]));
}

function scoresOf(where: string, sample: Sample, time: string): TraceItem[] {
  const single = objectAt(sample.row, "score");
  const scores = objectAt(sample.row, "scores") ?? (single === undefined ? {} : { score: single });
  return Object.keys(scores).map((key): TraceItem => {
    const score = objectAt(scores, key) ?? {};
    const { value } = score;
    const number =
      typeof value === "number" || typeof value === "boolean"
        ? value
        : typeof value === "string"
          ? GRADES.get(value)
          : undefined;
    const data = present({
      key,
      score: number,
      value: typeof value === "number" || typeof value === "boolean" ? undefined : value,
      comment: textAt(resolved(sample, score) as JsonObject, "explanation"),
      target: "trace",
      trace_id: sample.traceId,
      feedback_source: { type: "model", metadata: { scorer: key } },
      extra: present({
        via: "inspect",
        answer: score["answer"],
        metadata: filled(wholeAt(score, "metadata")),
      }),
      created_at: time,
    });
    return { kind: "feedback", where, id: nameUuid(SCORES, `${sample.traceId}/${key}`), time, data };
  });
}

function jsonText(value: JsonValue): string | undefined {
  return value === null ? undefined : JSON.stringify(value);
}
