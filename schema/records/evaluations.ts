import {
  ATTR_GEN_AI_EVALUATION_EXPLANATION,
  ATTR_GEN_AI_EVALUATION_NAME,
  ATTR_GEN_AI_EVALUATION_SCORE_LABEL,
  ATTR_GEN_AI_EVALUATION_SCORE_VALUE,
} from "../genai/attributes.js";
import type { AnyValue, KeyValue, LogRecord, Span } from "../otlp/types.js";
import {
  attribute,
  type JudgedIds,
  jsonOf,
  type Judgement,
  judgementRecord,
  withoutAbsent,
} from "./evaluation-fields.js";
import type { JsonObject, JsonValue, StoredChange } from "./types.js";

/** Name of the GenAI conventions' event, as a log record or within a span. */
export const EVALUATION_EVENT = "gen_ai.evaluation.result";

/** What OpenInference puts before the fields of a judgement: `<prefix><index>.annotation.<field>`. */
export const JUDGEMENT_PREFIXES = [
  "annotations.",
  "evaluations.",
  "trace.annotations.",
  "trace.evaluations.",
  "session.annotations.",
  "session.evaluations.",
] as const;

const EVENT_PREFIX = "gen_ai.evaluation.";
const EVENT_FIELDS: readonly string[] = [
  ATTR_GEN_AI_EVALUATION_NAME,
  ATTR_GEN_AI_EVALUATION_SCORE_VALUE,
  ATTR_GEN_AI_EVALUATION_SCORE_LABEL,
  ATTR_GEN_AI_EVALUATION_EXPLANATION,
];
const FLAT = /^(?:(trace|session)\.)?(annotations|evaluations)\.(\d{1,6})\.(?:annotation|evaluation)\.(\w+)$/;
/** OpenInference's kinds of annotators in the words of `feedback_source.type`. */
const SOURCE_TYPES: Readonly<Record<string, string>> = { HUMAN: "human", LLM: "model", CODE: "code" };
/** Who judged is not said. */
const UNKNOWN_SOURCE = "otel";

/** The feedback that a log record carries: none, or one. */
export function evaluationsOfLog(record: LogRecord): StoredChange[] {
  const name = record.eventName || attribute(record.attributes, "event.name")?.stringValue;
  if (name !== EVALUATION_EVENT) return [];
  const time = record.timeUnixNano === 0n ? record.observedTimeUnixNano : record.timeUnixNano;
  const ids = { traceId: record.traceId || undefined, spanId: record.spanId || undefined };
  return eventJudgements([{ attributes: record.attributes, time }], ids).map(judgementRecord);
}

/** The feedback that a span carries, in its events or its attributes. */
export function evaluationsOfSpan(span: Span): StoredChange[] {
  const events = span.events
    .filter(({ name }) => name === EVALUATION_EVENT)
    .map(({ attributes, timeUnixNano: time }) => ({ attributes, time: time || span.startTimeUnixNano }));
  const ids = { traceId: span.traceId, spanId: span.spanId };
  return [...eventJudgements(events, ids), ...flatJudgements(span)].map(judgementRecord);
}

interface EvaluationEvent {
  readonly attributes: readonly KeyValue[];
  readonly time: bigint;
}

function eventJudgements(events: readonly EvaluationEvent[], ids: JudgedIds): Judgement[] {
  return events.flatMap(({ attributes, time }) => {
    const name = attribute(attributes, ATTR_GEN_AI_EVALUATION_NAME)?.stringValue;
    if (name === undefined || name === "") return [];
    const responseId = attribute(attributes, "gen_ai.response.id")?.stringValue;
    const errorType = attribute(attributes, "error.type")?.stringValue;
    const metadata = evaluatorMetadata(attributes);
    const label = attribute(attributes, ATTR_GEN_AI_EVALUATION_SCORE_LABEL);
    const score = attribute(attributes, ATTR_GEN_AI_EVALUATION_SCORE_VALUE);
    const explanation = attribute(attributes, ATTR_GEN_AI_EVALUATION_EXPLANATION);
    // Without any time only its content tells it from others.
    const content =
      time === 0n
        ? [score, label, explanation].map((each) => (each === undefined ? null : jsonOf(each)))
        : [];
    return [
      {
        name,
        ids: { ...targetOf(ids), ...ids, ...(ids.spanId === undefined ? { responseId } : {}) },
        identity: [EVALUATION_EVENT, String(time), JSON.stringify([metadata, content])],
        score,
        label,
        explanation,
        sourceType: UNKNOWN_SOURCE,
        sourceMetadata: metadata,
        extra: withoutAbsent({ via: EVALUATION_EVENT, error_type: errorType, response_id: responseId }),
        failed: errorType !== undefined,
        timeUnixNano: time,
      },
    ];
  });
}

function targetOf({ spanId, traceId }: JudgedIds): Pick<JudgedIds, "target"> {
  // A response id stands for the span of its call.
  return spanId === undefined && traceId !== undefined ? {} : { target: "span" };
}

/** What else is said of the evaluator: `gen_ai.evaluation.evaluator.source` and the like. */
function evaluatorMetadata(attributes: readonly KeyValue[]): JsonObject {
  const pairs = attributes
    .filter(({ key }) => key.startsWith(EVENT_PREFIX) && !EVENT_FIELDS.includes(key))
    .map(({ key, value }) => [key.slice(EVENT_PREFIX.length), jsonOf(value ?? {})] as const);
  return Object.fromEntries(pairs);
}

/** One judgement in flattened attributes: its place, and its fields by name. */
interface FlatJudgement {
  readonly scope: string;
  readonly list: string;
  readonly fields: Map<string, AnyValue>;
}

/**
 * OpenInference's annotations and evaluations. They are about the span that carries them; a span with exactly one link
 * carries them for the linked one. Those of a session are about the thread that `session.id` names.
 */
function flatJudgements(span: Span): Judgement[] {
  const found = new Map<string, FlatJudgement>();
  for (const { key, value } of span.attributes) {
    const match = FLAT.exec(key);
    if (match === null || value === undefined) continue;
    const [, scope = "", list = "", index = "", field = ""] = match;
    const place = `${scope} ${list} ${index}`;
    const judgement = found.get(place) ?? { scope, list, fields: new Map<string, AnyValue>() };
    found.set(place, judgement);
    judgement.fields.set(field, value);
  }
  const seen = new Map<string, number>();
  return [...found.values()].flatMap((flat) => {
    const name = flat.fields.get("name")?.stringValue;
    if (name === undefined || name === "") return [];
    const ids = judgedBy(span, flat.scope);
    const sort = JSON.stringify([ids, name]);
    const nth = seen.get(sort) ?? 0;
    seen.set(sort, nth + 1);
    return [flatJudgement(span, flat, { name, ids, nth })];
  });
}

function flatJudgement(
  span: Span,
  { fields, list }: FlatJudgement,
  { name, ids, nth }: { readonly name: string; readonly ids: JudgedIds; readonly nth: number },
): Judgement {
  const kind = fields.get("annotator_kind")?.stringValue;
  const identifier = fields.get("identifier")?.stringValue;
  const isElsewhere = ids.spanId !== span.spanId;
  return {
    name,
    ids,
    // With an identifier it is one judgement that may come again and change; indices say nothing.
    identity:
      identifier === undefined
        ? ["openinference", span.traceId, span.spanId, String(nth)]
        : ["openinference", identifier],
    score: fields.get("score"),
    label: fields.get("label"),
    explanation: fields.get("explanation"),
    sourceType: kind === undefined ? UNKNOWN_SOURCE : (SOURCE_TYPES[kind] ?? kind),
    sourceMetadata: metadataOf(fields.get("metadata")),
    extra: withoutAbsent({
      via: list,
      identifier,
      annotator_kind: kind,
      ...(isElsewhere ? { carrier_trace_id: span.traceId, carrier_span_id: span.spanId } : {}),
    }),
    failed: false,
    timeUnixNano: span.endTimeUnixNano || span.startTimeUnixNano,
  };
}

function judgedBy(span: Span, scope: string): JudgedIds {
  if (scope === "session") {
    return { target: "thread", threadId: attribute(span.attributes, "session.id")?.stringValue };
  }
  const [link] = span.links;
  const { traceId, spanId } = link !== undefined && span.links.length === 1 ? link : span;
  return scope === "trace" ? { target: "trace", traceId } : { target: "span", traceId, spanId };
}

/** `metadata` is a JSON object in a string. */
function metadataOf(value: AnyValue | undefined): JsonObject {
  if (value === undefined) return {};
  const text = value.stringValue;
  try {
    const parsed = text === undefined ? jsonOf(value) : (JSON.parse(text) as JsonValue);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
    return { metadata: parsed };
  } catch {
    return { metadata: text ?? null };
  }
}
