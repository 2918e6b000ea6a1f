/*
 * What log records say of the span that they were written in. Many instrumentations put prompts and answers there: one
 * event for each message (conventions up to 1.36), one for a whole exchange (later), or events of their own.
 */

import type { AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource } from "../otlp/types.js";
import { dialectsOfScope } from "./detect.js";
import { isObject, type Json, parsedIfJson } from "./json.js";
import { normaliseSpan } from "./normalise.js";
import { CONTENT_EVENTS, DETAILS_EVENT } from "./shapes/events.js";
import type { ColumnValue, NormalisedColumns, RunType } from "./types.js";

/** Columns of `spans` that log records can fill, and the run types of the spans whose columns they fill. */
export const LOG_COLUMNS = {
  input_messages: ["llm", "chain", "retriever", "embedding", "prompt", "parser", null],
  output_messages: ["llm", "chain", "prompt", "parser", null],
  system_instructions: ["llm", "chain", "prompt", "parser", null],
  tool_definitions: ["llm", "chain", "prompt", "parser", null],
  tool_arguments: ["tool"],
  tool_result: ["tool"],
  retrieval_documents: ["retriever"],
  finish_reasons: ["llm"],
  response_model: ["llm", "embedding"],
  input_tokens: ["llm", "embedding"],
  output_tokens: ["llm", "embedding"],
  cache_read_tokens: ["llm", "embedding"],
  cache_write_tokens: ["llm", "embedding"],
  reasoning_tokens: ["llm", "embedding"],
  input_includes_cache: ["llm", "embedding"],
  cost_usd: ["llm", "embedding"],
} as const satisfies Readonly<Partial<Record<keyof NormalisedColumns, readonly (RunType | null)[]>>>;

/** One of {@link LOG_COLUMNS}. */
export type LogColumn = keyof typeof LOG_COLUMNS;

/** Names of {@link LOG_COLUMNS}. */
export const LOG_COLUMN_NAMES = Object.keys(LOG_COLUMNS) as readonly LogColumn[];

/** Those that are lists of messages: several records add to them. */
export const LOG_MESSAGE_COLUMNS: ReadonlySet<LogColumn> = new Set(["input_messages", "output_messages"]);

/** Those that count as one: filled only on a span that has no usage at all. */
export const LOG_USAGE_COLUMNS: ReadonlySet<LogColumn> = new Set([
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "input_includes_cache",
]);

/** What one record says. */
export interface LogContent {
  readonly eventName: string;
  /** It holds a whole exchange, so that the last such record of a span counts alone. */
  readonly whole: boolean;
  readonly columns: Partial<Record<LogColumn, ColumnValue>>;
}

/** Name of an event: its own field, else the attribute that stood for it before, in either spelling. */
export function logEventName(record: Pick<LogRecord, "eventName" | "attributes">): string {
  if (record.eventName !== "") return record.eventName;
  const named = (key: string): string | undefined =>
    record.attributes.find((attribute) => attribute.key === key)?.value?.stringValue;
  return named("event.name") ?? named("event_name") ?? "";
}

/** Fields of a body: of a map, or of JSON text. A plain text is a message's content. */
function bodyFields(body: AnyValue | undefined): KeyValue[] {
  if (body?.kvlistValue !== undefined) return body.kvlistValue.values;
  const text = body?.stringValue;
  if (text === undefined || text === "") return [];
  const parsed: Json = parsedIfJson(text);
  if (!isObject(parsed)) return [{ key: "content", value: { stringValue: text } }];
  return Object.entries(parsed).map(([key, value]) => ({
    key,
    value: { stringValue: typeof value === "string" ? value : JSON.stringify(value) },
  }));
}

/**
 * What a log record says of its span's columns; undefined when it says nothing, belongs to no span, or is the result of an
 * evaluation. Read by the rules of its dialect: its attributes as a span's, and itself as an event `log:<name>`. Pure and
 * total, like `normaliseSpan`.
 */
export function normaliseLogRecord(
  record: LogRecord,
  scope: InstrumentationScope | undefined,
  resource: Resource | undefined,
): LogContent | undefined {
  if (record.traceId === "" || record.spanId === "") return undefined;
  const eventName = logEventName(record);
  if (eventName === "") return undefined;
  const isMessage = CONTENT_EVENTS.has(eventName);
  if (!isMessage && dialectsOfScope(scope?.name ?? "", resource).length === 0) return undefined;
  const whole = eventName === DETAILS_EVENT;
  const body = bodyFields(record.body);
  const time = record.timeUnixNano;
  const event = (name: string, attributes: KeyValue[]) =>
    ({ name, timeUnixNano: time, attributes, droppedAttributesCount: 0 }) as const;
  const fields = isMessage && !whole && body.length > 0 ? body : [...record.attributes, ...body];
  const { columns } = normaliseSpan({
    name: eventName,
    startTimeUnixNano: time,
    attributes: whole ? fields : isMessage ? [] : record.attributes,
    events: [event(eventName, fields), event(`log:${eventName}`, [...record.attributes])],
    scope,
    resource,
  });
  const found = LOG_COLUMN_NAMES.flatMap((name) => {
    const value = columns[name];
    // JSON in the shape of the conventions stays as it was sent, spaces around it included.
    return value === undefined ? [] : [[name, typeof value === "string" ? value.trim() : value] as const];
  });
  if (found.length === 0) return undefined;
  return { eventName, whole, columns: Object.fromEntries(found) };
}
