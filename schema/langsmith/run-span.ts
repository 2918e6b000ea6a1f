import type { AnyValue, KeyValue, Span } from "../otlp/types.js";
import {
  JsonText,
  parseRunJson,
  type RunFields,
  type RunValue,
  writeRunFields,
  writeRunJson,
} from "./json-text.js";
import { isRunId, runSpanId, runTraceId } from "./ids.js";
import { dottedOrderNanos, runTimeNanos } from "./time.js";

/** Any JSON value. */
export type RunJson = string | number | boolean | null | RunJson[] | { [key: string]: RunJson };

/** Any JSON object. */
export type RunRecord = { [field: string]: RunJson };

/** A file that belongs to a run. */
export interface RunAttachment {
  readonly name: string;
  readonly mimeType: string;
  readonly content: Uint8Array;
}

/** A run with what does not travel in its JSON. */
export interface NativeRun {
  readonly run: RunFields;
  readonly attachments: readonly RunAttachment[];
  /** The run, or its create, was in a record before this one. */
  readonly update?: boolean;
  /** It was imported out of LangSmith, so it does not go there. */
  readonly imported?: boolean;
}

/** Marks a span that came as a LangSmith run: the run's JSON without what other attributes hold. */
export const ATTR_LANGSMITH_RUN = "langsmith.run";
/** The run's own id, when it is not the one computed from trace and span id. */
export const ATTR_LANGSMITH_SPAN_ID = "langsmith.span.id";
/** On spans that an import brought: the system that they are from. */
export const ATTR_IMPORT = "counterfoil.import";
/** Name of the instrumentation scope of such spans. */
export const NATIVE_RUN_SCOPE = "langsmith";

export const ATTR_INPUTS = "gen_ai.prompt";
export const ATTR_OUTPUTS = "gen_ai.completion";
export const ATTR_UPDATE = "langsmith.run.update";
export const ATTR_TAGS = "langsmith.span.tags";
export const ATTR_METADATA_PREFIX = "langsmith.metadata.";
export const ATTR_USAGE = "langsmith.usage_metadata";
export const ATTR_MODEL = "gen_ai.request.model";
export const ATTR_TOOL_NAME = "langsmith.trace.name";
export const ATTR_TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk";
const ATTR_ATTACHMENTS = "langsmith.attachments";
export const STATUS_OK = 1;
export const STATUS_ERROR = 2;
export const KIND_INTERNAL = 1;

/** Fields that are attributes of their own, too, in their order. */
export const RUN_TEXTS: readonly (readonly [field: string, attribute: string])[] = [
  ["run_type", "langsmith.span.kind"],
  ["session_name", "langsmith.trace.session_name"],
  ["trace_id", "langsmith.trace.id"],
  ["id", ATTR_LANGSMITH_SPAN_ID],
  ["parent_run_id", "langsmith.span.parent_id"],
  ["dotted_order", "langsmith.span.dotted_order"],
  ["reference_example_id", "langsmith.reference_example_id"],
];

/**
 * The span of a run. `run` must have `id` and `trace_id`, both UUIDs; everything else may be missing. Nothing is lost:
 * {@link spanToNativeRun} gives the same run back. The attributes are LangSmith's own OpenTelemetry names, so that the
 * rules which read those fill the mirror's columns. `encodeRuns` writes the same from a run's bytes.
 */
export function runToSpan({ run, attachments, update, imported }: NativeRun): Span {
  const id = textOf(run["id"]) ?? "";
  const parent = textOf(run["parent_run_id"]);
  const error = textOf(run["error"]);
  const end = runTimeNanos(run["end_time"]) ?? 0n;
  const start = runTimeNanos(run["start_time"]) ?? dottedOrderNanos(run["dotted_order"]) ?? 0n;
  const code = error !== undefined && error !== "" ? STATUS_ERROR : end === 0n ? undefined : STATUS_OK;
  return {
    traceId: runTraceId(textOf(run["trace_id"]) ?? id),
    spanId: runSpanId(id),
    traceState: "",
    parentSpanId: parent !== undefined && isRunId(parent) ? runSpanId(parent) : "",
    flags: 0,
    name: textOf(run["name"]) ?? "",
    kind: KIND_INTERNAL,
    startTimeUnixNano: start,
    endTimeUnixNano: end,
    attributes: [
      ...runAttributes(run, start),
      ...attachmentAttribute(attachments),
      ...(update === true ? [{ key: ATTR_UPDATE, value: { boolValue: true } }] : []),
      ...(imported === true ? [{ key: ATTR_IMPORT, value: { stringValue: "langsmith" } }] : []),
    ],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...(code === undefined ? {} : { status: { code, message: code === STATUS_ERROR ? (error ?? "") : "" } }),
  };
}

/** The run that a span came from; undefined when it did not come as a run. */
export function spanToNativeRun(span: Pick<Span, "attributes">): NativeRun | undefined {
  const texts = new Map<string, string>();
  for (const { key, value } of span.attributes) {
    if (value?.stringValue !== undefined && !texts.has(key)) texts.set(key, value.stringValue);
  }
  const native = nativeRunOf((key) => texts.get(key));
  const update = span.attributes.some(({ key, value }) => key === ATTR_UPDATE && value?.boolValue === true);
  return native === undefined || !update ? native : { ...native, update };
}

/** The same from attributes by name, as the mirror has them. */
export function nativeRunOf(attribute: (key: string) => string | undefined): NativeRun | undefined {
  const rest = attribute(ATTR_LANGSMITH_RUN);
  if (rest === undefined) return undefined;
  const run = parseRunJson(rest) as RunFields;
  const inputs = attribute(ATTR_INPUTS);
  const outputs = attribute(ATTR_OUTPUTS);
  const attachments = attribute(ATTR_ATTACHMENTS);
  return {
    run: {
      ...run,
      ...(inputs === undefined ? {} : { inputs: new JsonText(inputs) }),
      ...(outputs === undefined ? {} : { outputs: new JsonText(outputs) }),
    },
    attachments: attachments === undefined ? [] : attachmentsOf(JSON.parse(attachments)),
  };
}

function runAttributes(run: RunFields, start: bigint): KeyValue[] {
  const { inputs, outputs, ...fields } = run;
  const attributes: KeyValue[] = [];
  const put = (key: string, value: RunValue | undefined): void => {
    if (typeof value === "string") attributes.push({ key, value: { stringValue: value } });
  };
  const rest: RunFields = fields;
  // A null says something, too (an update may set one): it stays in the JSON.
  if (inputs === null) rest["inputs"] = null;
  if (outputs === null) rest["outputs"] = null;
  put(ATTR_LANGSMITH_RUN, writeRunFields(rest));
  for (const [field, attribute] of RUN_TEXTS) put(attribute, run[field]);
  if (run["run_type"] === "tool") put(ATTR_TOOL_NAME, run["name"]);
  const tags = run["tags"];
  if (Array.isArray(tags) && tags.length > 0) {
    attributes.push({ key: ATTR_TAGS, value: { arrayValue: { values: tags.map(textValue) } } });
  }
  const extra = objectOf(run["extra"]);
  attributes.push(...metadataAttributes(run, extra));
  const usage = usageOf(run, extra);
  if (usage !== undefined) put(ATTR_USAGE, writeRunJson(usage));
  const first = firstTokenSeconds(run["events"], start);
  if (first !== undefined) {
    attributes.push({ key: ATTR_TIME_TO_FIRST_CHUNK, value: { doubleValue: first } });
  }
  if (inputs !== undefined && inputs !== null) put(ATTR_INPUTS, writeRunJson(inputs));
  if (outputs !== undefined && outputs !== null) put(ATTR_OUTPUTS, writeRunJson(outputs));
  return attributes;
}

function metadataAttributes(run: RunFields, extra: RunFields | undefined): KeyValue[] {
  const metadata = objectOf(extra?.["metadata"]);
  const attributes: KeyValue[] = [];
  for (const [name, value] of Object.entries(metadata ?? {})) {
    if (value === null || name === "usage_metadata") continue;
    attributes.push({ key: `${ATTR_METADATA_PREFIX}${name}`, value: scalarValue(value) });
  }
  const params = objectOf(extra?.["invocation_params"]);
  const model = textOf(params?.["model"]) ?? textOf(params?.["model_name"]);
  if (run["run_type"] === "llm" && model !== undefined && metadata?.["ls_model_name"] === undefined) {
    attributes.push({ key: ATTR_MODEL, value: { stringValue: model } });
  }
  return attributes;
}

/** Where LangSmith's clients put token counts, the first that is there. */
function usageOf({ outputs }: RunFields, extra: RunFields | undefined): RunValue | undefined {
  // Outputs are large, and mostly without: they are taken apart only when the word is there.
  const silent = outputs instanceof JsonText && !outputs.text.includes('"usage_metadata"');
  const said = silent ? undefined : objectOf(outputs);
  const metadata = objectOf(extra?.["metadata"]);
  return objectOf(said?.["usage_metadata"]) ?? objectOf(metadata?.["usage_metadata"]);
}

/** From the start to the first `new_token` event, seconds. */
export function firstTokenSeconds(events: RunValue | undefined, start: bigint): number | undefined {
  const list = events instanceof JsonText ? events.parse() : events;
  if (!Array.isArray(list) || start === 0n) return undefined;
  const first = list.map(objectOf).find((event) => event?.["name"] === "new_token");
  const at = runTimeNanos(first?.["time"]);
  return at === undefined || at < start ? undefined : Number(at - start) / 1e9;
}

/** The files of a run as an attribute; none when it has none. */
export function attachmentAttribute(attachments: readonly RunAttachment[]): KeyValue[] {
  if (attachments.length === 0) return [];
  const list = attachments.map(({ name, mimeType, content }) => ({
    name,
    content: Buffer.from(content).toString("base64"),
    mime_type: mimeType,
  }));
  return [{ key: ATTR_ATTACHMENTS, value: { stringValue: JSON.stringify(list) } }];
}

function attachmentsOf(list: unknown): RunAttachment[] {
  return (list as { name: string; content: string; mime_type: string }[]).map((item) => ({
    name: item.name,
    mimeType: item.mime_type,
    content: Buffer.from(item.content, "base64"),
  }));
}

/** A value of the metadata as an attribute has it. */
export function scalarValue(value: Exclude<RunValue, null>): AnyValue {
  if (typeof value === "boolean") return { boolValue: value };
  if (value instanceof JsonText && INT64.test(value.text)) return int64Value(value.text);
  if (typeof value !== "number")
    return { stringValue: typeof value === "string" ? value : writeRunJson(value) };
  return Number.isSafeInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value };
}

const INT64 = /^-?\d{1,19}$/;

function int64Value(text: string): AnyValue {
  const intValue = BigInt(text);
  return BigInt.asIntN(64, intValue) === intValue ? { intValue } : { stringValue: text };
}

/** The same of a tag: whatever it is, as text. */
export function textValue(value: RunValue): AnyValue {
  return { stringValue: typeof value === "string" ? value : writeRunJson(value) };
}

function textOf(value: RunValue | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A value that is a JSON object; undefined for any other. */
export function objectOf(value: RunValue | undefined): RunFields | undefined {
  if (value instanceof JsonText) return value.text.startsWith("{") ? (value.parse() as RunFields) : undefined;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}
