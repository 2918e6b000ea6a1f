import { anyValueToText, type InstrumentationScope, type Resource, type Span } from "../../schema/index.js";
import { dottedOrderSegment, isUuid, nanosToIso, otelToRunId, traceIdToUuid } from "./ids.js";
import { attributeMap, jsonOf, textOf, type Json } from "./read-genai.js";
import { readRun, scalarOf, type RunFields, type RunOptions } from "./run-fields.js";
import { failureOf } from "./translate.js";

/** Where a run stands in its trace. */
export interface RunPlace {
  readonly runId: string;
  readonly traceRunId: string;
  readonly parentRunId?: string;
  readonly dottedOrder: string;
}

/** A run as LangSmith's ingest takes it. Times are ISO 8601 with microseconds. */
export interface Run {
  readonly id: string;
  readonly trace_id: string;
  readonly dotted_order: string;
  readonly parent_run_id?: string;
  readonly name: string;
  readonly run_type: string;
  readonly session_name: string;
  readonly start_time: string;
  readonly end_time?: string;
  readonly inputs: { [key: string]: Json };
  readonly outputs?: { [key: string]: Json };
  readonly error?: string;
  readonly events?: { [key: string]: Json }[];
  readonly tags: string[];
  readonly extra: { metadata: { [key: string]: Json }; invocation_params?: { [key: string]: Json } };
  readonly attachments?: Record<string, [string, Uint8Array]>;
}

/** What a run needs beside its span. */
export interface SpanToRunOptions extends RunOptions {
  readonly place: RunPlace;
  /** Project when neither the span nor a route names one. */
  readonly project: string;
}

const NANOS_PER_MS = 1e6;
const STATUS_ERROR = 2;

/** Request parameters that LangSmith shows with a run: attribute and name there. */
const INVOCATION_PARAMS: readonly (readonly [string, string])[] = [
  ["gen_ai.request.model", "model"],
  ["gen_ai.request.temperature", "temperature"],
  ["gen_ai.request.top_p", "top_p"],
  ["gen_ai.request.max_tokens", "max_tokens"],
  ["gen_ai.request.frequency_penalty", "frequency_penalty"],
  ["gen_ai.request.presence_penalty", "presence_penalty"],
  ["gen_ai.request.seed", "seed"],
  ["gen_ai.request.stop_sequences", "stop"],
  ["gen_ai.request.top_k", "top_k"],
  ["gen_ai.request.encoding_formats", "encoding_formats"],
];

/** The native run of a span: the same reading as the translation, so both modes give the same tree. Pure. */
export function spanToRun(
  span: Span,
  resource: Resource | undefined,
  scope: InstrumentationScope | undefined,
  options: SpanToRunOptions,
): Run {
  const run = readRun(span, resource, scope, options);
  const { place } = options;
  const error = errorOf(span, run);
  const outputs = outputsOf(run);
  const events = eventsOf(span, run);
  const invocation = invocationParams(run);
  return {
    id: place.runId,
    trace_id: place.traceRunId,
    dotted_order: place.dottedOrder,
    ...(place.parentRunId === undefined ? {} : { parent_run_id: place.parentRunId }),
    name: run.name,
    run_type: run.runType,
    session_name: run.project ?? options.project,
    start_time: nanosToIso(span.startTimeUnixNano),
    ...(span.endTimeUnixNano === 0n ? {} : { end_time: nanosToIso(span.endTimeUnixNano) }),
    inputs: { ...run.inputs?.value },
    ...(outputs === undefined ? {} : { outputs }),
    ...(error === undefined ? {} : { error }),
    ...(events.length === 0 ? {} : { events }),
    tags: [...run.tags],
    extra: {
      metadata: metadataOf(resource, run),
      ...(invocation === undefined ? {} : { invocation_params: invocation }),
    },
    ...attachmentsOf(run),
  };
}

/** Ids and order of a root, or of a span whose ancestors' segments are known. */
export function placeBelow(span: Span, isRoot: boolean, ancestors: readonly string[]): RunPlace {
  const attributes = attributeMap(span.attributes);
  const uuidAt = (key: string): string | undefined => {
    const value = attributes.get(key);
    const text = value === undefined ? undefined : anyValueToText(value);
    return isUuid(text) ? text : undefined;
  };
  const traceRunId = uuidAt("langsmith.trace.id") ?? traceIdToUuid(span.traceId);
  const runId = uuidAt("langsmith.span.id") ?? otelToRunId(span.traceId, span.spanId, isRoot);
  const parent = uuidAt("langsmith.span.parent_id") ?? ancestors.at(-1)?.slice(-UUID_CHARS);
  const given = attributes.get("langsmith.span.dotted_order");
  const segment = dottedOrderSegment(span.startTimeUnixNano, runId);
  return {
    runId,
    traceRunId,
    ...(isRoot || parent === undefined ? {} : { parentRunId: parent }),
    dottedOrder: given === undefined ? [...ancestors, segment].join(".") : anyValueToText(given),
  };
}

const UUID_CHARS = 36;

function outputsOf(run: RunFields): { [key: string]: Json } | undefined {
  if (run.outputs === undefined) return undefined;
  if (run.usage === undefined) return { ...run.outputs.value };
  return { ...run.outputs.value, usage_metadata: run.usage as unknown as Json };
}

function metadataOf(resource: Resource | undefined, run: RunFields): { [key: string]: Json } {
  const metadata: { [key: string]: Json } = {};
  for (const { key, value } of resource?.attributes ?? []) {
    if (value !== undefined) metadata[key] = scalarOf(value);
  }
  Object.assign(metadata, run.metadata);
  if (run.usage !== undefined) metadata["usage_metadata"] = run.usage as unknown as Json;
  return metadata;
}

function errorOf(span: Span, run: RunFields): string | undefined {
  const exception = span.events.findLast((event) => event.name === "exception");
  if (exception === undefined) {
    return span.status?.code === STATUS_ERROR ? failureOf(span, run).message : undefined;
  }
  const attributes = attributeMap(exception.attributes);
  const textAt = (key: string): string => {
    const value = attributes.get(key);
    return value === undefined ? "" : anyValueToText(value);
  };
  const message = textAt("exception.message") || textAt("exception.type") || "Error";
  const stack = textAt("exception.stacktrace");
  return stack === "" ? message : `${message}\n\n${stack}`;
}

function eventsOf(span: Span, run: RunFields): { [key: string]: Json }[] {
  const events: { [key: string]: Json }[] = [];
  if (run.timeToFirstTokenMs !== undefined && run.timeToFirstTokenMs >= 0) {
    const nanos = BigInt(Math.round(run.timeToFirstTokenMs * NANOS_PER_MS));
    events.push({ name: "new_token", time: nanosToIso(span.startTimeUnixNano + nanos) });
  }
  for (const event of span.events) {
    const kwargs: { [key: string]: Json } = {};
    for (const { key, value } of event.attributes) {
      if (value !== undefined) kwargs[key] = scalarOf(value);
    }
    events.push({ name: event.name, time: nanosToIso(event.timeUnixNano), kwargs });
  }
  return events;
}

function invocationParams(run: RunFields): { [key: string]: Json } | undefined {
  const params: { [key: string]: Json } = {};
  for (const [attribute, name] of INVOCATION_PARAMS) {
    const value = run.attributes.get(attribute);
    if (value !== undefined) params[name] = value.arrayValue === undefined ? scalarOf(value) : jsonOf(value);
  }
  const model = textOf(run.reading, "request_model");
  if (params["model"] === undefined && run.runType === "llm" && model !== undefined) params["model"] = model;
  return Object.keys(params).length === 0 ? undefined : params;
}

function attachmentsOf(run: RunFields): { attachments?: Record<string, [string, Uint8Array]> } {
  const given = run.attributes.get("langsmith.attachments");
  const list: Json = given === undefined ? run.attachments.map((item) => ({ ...item })) : jsonOf(given);
  const attachments: Record<string, [string, Uint8Array]> = {};
  for (const item of Array.isArray(list) ? list : []) {
    if (typeof item !== "object" || item === null || Array.isArray(item)) continue;
    const { name, content, mime_type: mimeType } = item;
    if (typeof name !== "string" || typeof content !== "string") continue;
    const mime = typeof mimeType === "string" ? mimeType : "application/octet-stream";
    attachments[name.replaceAll(".", "_")] = [mime, Buffer.from(content, "base64")];
  }
  return Object.keys(attachments).length === 0 ? {} : { attachments };
}
