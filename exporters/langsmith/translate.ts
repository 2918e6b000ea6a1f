import type {
  AnyValue,
  InstrumentationScope,
  KeyValue,
  Resource,
  Span,
  SpanEvent,
  TracesData,
} from "../../schema/index.js";
import {
  ATTR_GEN_AI_INPUT_MESSAGES,
  ATTR_GEN_AI_OUTPUT_MESSAGES,
  ATTR_GEN_AI_REQUEST_MODEL,
  METADATA_PREFIX,
} from "../../schema/index.js";
import { textOf, type Json } from "./read-genai.js";
import { readRun, type RunFields, type RunOptions } from "./run-fields.js";

/** OTLP's status code for an error. */
const STATUS_ERROR = 2;

/** Token counts that LangSmith would add to those of the children, and their names where they only repeat them. */
const ROLLUP_NAMES: readonly (readonly [prefix: string, rollup: string])[] = [
  ["gen_ai.usage.", "gen_ai.aggregated_usage."],
  ["llm.token_count.", "llm.aggregated_token_count."],
  ["llm.usage.", "llm.aggregated_usage."],
];

/**
 * The span with the attributes that LangSmith reads. Originals stay, except content that was written in LangSmith's own
 * form (it would be sent, and billed, twice) and the token counts of a span that repeats its children's. Any
 * `langsmith.*` attribute, `gen_ai.system`, `gen_ai.prompt` or `gen_ai.completion` already there wins. Pure.
 */
export function translateSpanForLangSmith(
  span: Span,
  resource: Resource | undefined,
  scope: InstrumentationScope | undefined,
  options: RunOptions = {},
): Span {
  const run = readRun(span, resource, scope, options);
  const removed: string[] = [];
  const added: KeyValue[] = [];
  const put = (key: string, value: AnyValue | undefined): boolean => {
    if (value === undefined || run.attributes.has(key)) return false;
    added.push({ key, value });
    return true;
  };
  const putContent = (key: string, content: RunFields["inputs"], messages: string): void => {
    const isWritten = content !== undefined && content.sources.length > 0;
    if (isWritten && !put(key, json(content.value))) return;
    // LangSmith would take the conventions' messages first, as a text: also when another attribute says more.
    removed.push(messages, ...(content?.sources ?? []));
  };

  put("langsmith.span.kind", text(run.runType));
  put("langsmith.trace.name", text(run.name));
  put("langsmith.trace.session_name", run.project === undefined ? undefined : text(run.project));
  const provider = run.metadata["ls_provider"];
  put("gen_ai.system", typeof provider === "string" ? text(provider) : undefined);
  const model = textOf(run.reading, "request_model");
  if (run.runType === "llm") put(ATTR_GEN_AI_REQUEST_MODEL, model === undefined ? undefined : text(model));
  if (run.tags.length > 0) put("langsmith.span.tags", text(run.tags.join(", ")));
  putContent("gen_ai.prompt", run.inputs, ATTR_GEN_AI_INPUT_MESSAGES);
  putContent("gen_ai.completion", run.outputs, ATTR_GEN_AI_OUTPUT_MESSAGES);
  if (run.usage !== undefined) put("langsmith.usage_metadata", json(run.usage as unknown as Json));
  for (const [key, value] of Object.entries(run.metadata)) put(`${METADATA_PREFIX}${key}`, scalar(value));
  if (run.attachments.length > 0) {
    put("langsmith.attachments", json(run.attachments.map((attachment) => ({ ...attachment }))));
  }

  const kept = span.attributes.filter(({ key }) => !removed.some((source) => holdsContent(source, key)));
  const attributes = run.isRollup ? kept.map(asRollup) : kept;
  return { ...span, attributes: [...attributes, ...added], events: withException(span, run) };
}

/** Of the groups that hold more than content, the attributes that are content. */
const CONTENT_OF_GROUPS: Readonly<Record<string, ReadonlySet<string>>> = Object.fromEntries(
  ["ai.response.", "ai.result."].map((group) => [
    `${group}*`,
    new Set(["text", "object", "reasoning", "toolCalls", "files"].map((name) => `${group}${name}`)),
  ]),
);

/** Whether an attribute is content that came from this source, as the rules write it, and nothing else. */
function holdsContent(source: string, key: string): boolean {
  if (!source.endsWith(".*")) return source === key;
  const own = CONTENT_OF_GROUPS[source];
  return own === undefined ? key.startsWith(source.slice(0, -1)) : own.has(key);
}

/** Every span of a request translated. */
export function translateTraces(data: TracesData, options: RunOptions = {}): TracesData {
  return {
    resourceSpans: data.resourceSpans.map((resource) => ({
      ...resource,
      scopeSpans: resource.scopeSpans.map((scope) => ({
        ...scope,
        spans: scope.spans.map((span) =>
          translateSpanForLangSmith(span, resource.resource, scope.scope, options),
        ),
      })),
    })),
  };
}

/** LangSmith reads a failure from an exception event only, not from the status. */
function withException(span: Span, run: RunFields): SpanEvent[] {
  const failed = span.status?.code === STATUS_ERROR;
  if (!failed || span.events.some((event) => event.name === "exception")) return span.events;
  const { type, message } = failureOf(span, run);
  const attributes: KeyValue[] = [
    { key: "exception.type", value: text(type) },
    { key: "exception.message", value: text(message) },
  ];
  const timeUnixNano = span.endTimeUnixNano === 0n ? span.startTimeUnixNano : span.endTimeUnixNano;
  return [...span.events, { timeUnixNano, name: "exception", attributes, droppedAttributesCount: 0 }];
}

/** What to say about a span whose only sign of failure is its status. */
export function failureOf(span: Span, run: RunFields): { type: string; message: string } {
  const errorType = run.reading.get("error_type")?.value;
  const type = typeof errorType === "string" && errorType !== "" ? errorType : "Error";
  const message = span.status?.message ?? "";
  return { type, message: message === "" ? type : message };
}

function asRollup(attribute: KeyValue): KeyValue {
  const { key } = attribute;
  const found = ROLLUP_NAMES.find(([prefix]) => key.startsWith(prefix));
  if (found === undefined) return attribute;
  return { ...attribute, key: `${found[1]}${key.slice(found[0].length)}` };
}

function text(value: string): AnyValue {
  return { stringValue: value };
}

function json(value: Json): AnyValue {
  return { stringValue: JSON.stringify(value) };
}

function scalar(value: Json): AnyValue {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number")
    return Number.isSafeInteger(value) ? { intValue: BigInt(value) } : { doubleValue: value };
  return text(typeof value === "string" ? value : JSON.stringify(value));
}
