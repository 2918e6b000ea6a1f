/*
 * What log records say of the span that they were written in. Many instrumentations put prompts and answers there: one
 * event for each message (conventions up to 1.36), one for a whole exchange (later), or events of their own.
 */

import type { AnyValue, InstrumentationScope, KeyValue, LogRecord, Resource } from "../otlp/types.js";
import { dialectsOfScope } from "./detect.js";
import { isObject, type Json, parsedIfJson } from "./json.js";
import { LOG_COLUMN_NAMES, type LogColumn } from "./log-columns.js";
import { normaliseSpan } from "./normalise.js";
import { usageOfColumns } from "./prices/usage-of-columns.js";
import type { PricedUsage } from "./prices/types.js";
import { CHOICE_EVENT, CONTENT_EVENTS, DETAILS_EVENT } from "./shapes/events.js";
import type { ColumnValue, NormalisedColumns } from "./types.js";

/** The column that holds it is an INTEGER. */
const CHOICE_MAX = 0x7fff_ffff;

/** What one record says. */
export interface LogContent {
  readonly eventName: string;
  /** It holds a whole exchange, so that the last such record of a span counts alone. */
  readonly whole: boolean;
  readonly columns: Partial<Record<LogColumn, ColumnValue>>;
  /** For a `gen_ai.choice`: which of the answers to one request it is, from 0. */
  readonly choice?: number;
  /** For usage without a cost: whose call of which model it was, and all that was counted. */
  readonly call?: LogCall;
}

/** A call that a log record tells of, for the price table. */
export interface LogCall {
  readonly provider: string;
  readonly model: string;
  readonly usage: PricedUsage;
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
  const choice = eventName === CHOICE_EVENT ? { choice: choiceOf(fields) } : {};
  const call = callOf(columns);
  return {
    eventName,
    whole,
    columns: Object.fromEntries(found),
    ...choice,
    ...(call === undefined ? {} : { call }),
  };
}

function choiceOf(fields: readonly KeyValue[]): number {
  const value = fields.find(({ key }) => key === "index")?.value;
  const index = Number(value?.intValue ?? value?.stringValue ?? 0);
  return Number.isSafeInteger(index) && index >= 0 && index <= CHOICE_MAX ? index : 0;
}

function callOf(columns: NormalisedColumns): LogCall | undefined {
  const { provider, response_model, request_model } = columns;
  const model = response_model ?? request_model;
  const hasUsage = columns.input_tokens !== undefined || columns.output_tokens !== undefined;
  if (!hasUsage || columns.cost_usd !== undefined) return undefined;
  if (typeof provider !== "string" || typeof model !== "string") return undefined;
  return { provider, model, usage: usageOfColumns(columns) };
}
