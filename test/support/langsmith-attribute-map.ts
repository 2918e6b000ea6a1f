import {
  anyValueToText,
  type AnyValue,
  type KeyValue,
  type Resource,
  type Span,
} from "../../schema/index.js";
import type { StoredRun } from "./langsmith-stand-in.js";

// OTLP ingest by the documented attribute map

const RUN_KINDS = new Set(["llm", "chain", "tool", "retriever", "embedding", "prompt", "parser"]);
const OPERATIONS: Record<string, string> = { chat: "llm", completion: "llm", embedding: "embedding" };
const PARAMS: Record<string, string> = {
  "gen_ai.request.model": "model",
  "gen_ai.request.temperature": "temperature",
  "gen_ai.request.top_p": "top_p",
  "gen_ai.request.max_tokens": "max_tokens",
  "gen_ai.request.frequency_penalty": "frequency_penalty",
  "gen_ai.request.presence_penalty": "presence_penalty",
  "gen_ai.request.seed": "seed",
  "gen_ai.request.stop_sequences": "stop",
  "gen_ai.request.top_k": "top_k",
  "gen_ai.request.encoding_formats": "encoding_formats",
};

/** The run that LangSmith documents for a span. */
export function runOfSpan(span: Span, resource: Resource | undefined, project: string): StoredRun {
  const attributes = new Map(span.attributes.map(({ key, value }) => [key, value ?? {}]));
  const text = (key: string): string | undefined => {
    const value = attributes.get(key);
    return value === undefined ? undefined : anyValueToText(value);
  };
  const traceId = text("langsmith.trace.id") ?? uuid(span.traceId);
  const root = span.parentSpanId === "" || text("langsmith.is_root") === "true";
  const padded = (id: string): string => `00000000-0000-0000-${id.slice(0, 4)}-${id.slice(4)}`;
  const usage = usageOf(text, attributes);
  const outputs = contentOf(
    attributes,
    ["output.value", "traceloop.entity.output", "gen_ai.completion"],
    "output",
  );
  if (outputs !== undefined && usage !== undefined) outputs["usage_metadata"] = usage;
  const inputs = contentOf(attributes, ["input.value", "traceloop.entity.input", "gen_ai.prompt"], "input");
  const error = errorOf(span);
  return {
    id: root ? traceId : padded(span.spanId),
    trace_id: traceId,
    ...(root ? { root_span: padded(span.spanId) } : { parent_run_id: padded(span.parentSpanId) }),
    name: text("langsmith.trace.name") ?? text("traceloop.entity.name") ?? span.name,
    run_type: kindOf(text),
    session_name: text("langsmith.trace.session_name") ?? project,
    start_time: time(span.startTimeUnixNano),
    ...(span.endTimeUnixNano === 0n ? {} : { end_time: time(span.endTimeUnixNano) }),
    inputs: inputs ?? {},
    ...(outputs === undefined ? {} : { outputs }),
    ...(error === undefined ? {} : { error }),
    tags: (text("langsmith.span.tags") ?? "")
      .split(",")
      .map((tag) => tag.trim())
      .filter((tag) => tag !== ""),
    metadata: metadataOf(attributes, resource),
    invocation_params: Object.fromEntries(
      Object.entries(PARAMS).flatMap(([key, name]) => {
        const value = attributes.get(key);
        return value === undefined ? [] : [[name, plain(value)]];
      }),
    ),
    attachments: attachmentsOf(text("langsmith.attachments")),
  };
}

function kindOf(text: (key: string) => string | undefined): string {
  const kind = text("langsmith.span.kind");
  if (kind !== undefined && RUN_KINDS.has(kind)) return kind;
  return (
    OPERATIONS[text("gen_ai.operation.name") ?? ""] ??
    (text("gen_ai.tool.name") === undefined ? "chain" : "tool")
  );
}

function usageOf(
  text: (key: string) => string | undefined,
  attributes: Map<string, AnyValue>,
): Record<string, unknown> | undefined {
  const given = text("langsmith.usage_metadata");
  if (given !== undefined) return JSON.parse(given) as Record<string, unknown>;
  const input = attributes.get("gen_ai.usage.input_tokens")?.intValue;
  const output = attributes.get("gen_ai.usage.output_tokens")?.intValue;
  if (input === undefined && output === undefined) return undefined;
  const [i, o] = [Number(input ?? 0n), Number(output ?? 0n)];
  return { input_tokens: i, output_tokens: o, total_tokens: i + o };
}

function contentOf(
  attributes: Map<string, AnyValue>,
  sources: readonly string[],
  key: string,
): Record<string, unknown> | undefined {
  // LangSmith would take these first, in a shape of its own; the exporter must not leave them beside its own.
  for (const first of ["gen_ai.input.messages", "gen_ai.output.messages"]) {
    if (first.includes(key) && attributes.has(first))
      return { [key]: anyValueToText(attributes.get(first) ?? {}) };
  }
  for (const source of sources) {
    const value = attributes.get(source);
    if (value === undefined) continue;
    const raw = anyValueToText(value);
    try {
      const parsed: unknown = JSON.parse(raw);
      if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
      return Array.isArray(parsed) && source.startsWith("gen_ai.") ? { messages: parsed } : { [key]: parsed };
    } catch {
      return { [key]: raw };
    }
  }
  return undefined;
}

function errorOf(span: Span): string | undefined {
  const exception = span.events.filter((event) => event.name === "exception").at(-1);
  if (exception === undefined) return undefined;
  const at = (key: string): string => {
    const found = exception.attributes.find((attribute) => attribute.key === key)?.value;
    return found === undefined ? "" : anyValueToText(found);
  };
  const stack = at("exception.stacktrace");
  const message = at("exception.message") || at("exception.type") || "Error";
  return stack === "" ? message : `${message}\n\n${stack}`;
}

function metadataOf(
  attributes: Map<string, AnyValue>,
  resource: Resource | undefined,
): Record<string, unknown> {
  const metadata: Record<string, unknown> = {};
  for (const { key, value } of resource?.attributes ?? ([] as KeyValue[])) metadata[key] = plain(value ?? {});
  const put = (key: string, source: string): void => {
    const value = attributes.get(source);
    if (value !== undefined && metadata[key] === undefined) metadata[key] = plain(value);
  };
  for (const [key, value] of attributes) {
    if (key.startsWith("langsmith.metadata."))
      metadata[key.slice("langsmith.metadata.".length)] = plain(value);
  }
  put("ls_provider", "gen_ai.system");
  put("ls_model_name", "gen_ai.request.model");
  put("ls_model_name", "gen_ai.response.model");
  if (typeof metadata["usage_metadata"] === "string")
    metadata["usage_metadata"] = JSON.parse(metadata["usage_metadata"]);
  return metadata;
}

function attachmentsOf(text: string | undefined): StoredRun["attachments"] {
  const list = (text === undefined ? [] : JSON.parse(text)) as {
    name: string;
    mime_type: string;
    content: string;
  }[];
  return Object.fromEntries(list.map(({ name, mime_type, content }) => [name, { mime_type, content }]));
}

function plain(value: AnyValue): unknown {
  if (value.intValue !== undefined) return Number(value.intValue);
  if (value.doubleValue !== undefined) return value.doubleValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.arrayValue !== undefined) return value.arrayValue.values.map(plain);
  return anyValueToText(value);
}

function uuid(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function time(nanos: bigint): string {
  const micros = String((nanos / 1000n) % 1_000_000n).padStart(6, "0");
  return `${new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19)}.${micros}Z`;
}
