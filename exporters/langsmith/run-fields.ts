import {
  anyValueToText,
  ATTR_GEN_AI_SYSTEM,
  METADATA_PREFIX,
  type AnyValue,
  type InstrumentationScope,
  type Resource,
  type Span,
} from "../../schema/index.js";
import { readInputs, readOutputs, type Content } from "./run-content.js";
import { isObject, type Attachment } from "./messages.js";
import { routeProject } from "./project-routes.js";
import {
  attributeMap,
  isRootSpan,
  numberColumn,
  readGenAi,
  runTypeOf,
  textOf,
  type AttributeMap,
  type GenAiReading,
  type Json,
} from "./read-genai.js";
import type { ProjectRoute } from "./types.js";
import { readUsage, type UsageMetadata } from "./usage.js";

/** What both modes need beside the span. */
export interface RunOptions {
  readonly projects?: readonly ProjectRoute[];
  /** Project of spans that name none and that no route matches, where the request itself can't name it. */
  readonly project?: string;
}

/** What LangSmith is to know about a span: read once, written as attributes (translate) or as a run (native). */
export interface RunFields {
  readonly attributes: AttributeMap;
  readonly reading: GenAiReading;
  readonly isRoot: boolean;
  readonly runType: string;
  readonly name: string;
  /** Project that the span names itself or a route gives it; undefined leaves the destination's. */
  readonly project?: string;
  readonly inputs?: Content;
  readonly outputs?: Content;
  readonly usage?: UsageMetadata;
  /** The span repeats usage that its children report. */
  readonly isRollup: boolean;
  readonly tags: readonly string[];
  /** Run metadata beside the resource's attributes. */
  readonly metadata: Readonly<Record<string, Json>>;
  readonly attachments: readonly Attachment[];
  readonly timeToFirstTokenMs?: number;
}

/** Reads a span. Pure; what the span says in `langsmith.*` wins over everything derived. */
export function readRun(
  span: Span,
  resource: Resource | undefined,
  scope: InstrumentationScope | undefined,
  options: RunOptions,
): RunFields {
  const attributes = attributeMap(span.attributes);
  const reading = readGenAi(span, resource, scope);
  const runType = runTypeOf(reading);
  const attachments: Attachment[] = [];
  const inputs = readInputs(runType, attributes, reading, attachments);
  const outputs = readOutputs(runType, attributes, reading, attachments);
  const isRollup = textOf(reading, "usage_scope") === "rollup";
  const usage = readUsage(attributes, reading, isRollup);
  const project =
    textOf(reading, "project") ??
    routeProject(options.projects ?? [], attributes, resource, reading) ??
    options.project;
  const timeToFirstTokenMs = numberColumn(reading, "time_to_first_token_ms");
  return {
    attributes,
    reading,
    isRoot: isRootSpan(span, attributes),
    runType,
    name: nameOf(span, attributes, reading, runType),
    ...(project === undefined ? {} : { project }),
    ...(inputs === undefined ? {} : { inputs }),
    ...(outputs === undefined ? {} : { outputs }),
    ...(usage === undefined ? {} : { usage }),
    isRollup,
    tags: tagsOf(reading),
    metadata: readMetadata(span, attributes, reading, { runType, usage }),
    attachments,
    ...(timeToFirstTokenMs === undefined ? {} : { timeToFirstTokenMs }),
  };
}

const AGENT_OPERATIONS = new Set(["invoke_agent", "create_agent"]);

function nameOf(span: Span, attributes: AttributeMap, reading: GenAiReading, runType: string): string {
  const given = attributes.get("langsmith.trace.name");
  if (given !== undefined) return anyValueToText(given);
  const tool = textOf(reading, "tool_name");
  if (runType === "tool" && tool !== undefined) return tool;
  const agent = textOf(reading, "agent_name");
  if (agent !== undefined && AGENT_OPERATIONS.has(textOf(reading, "operation") ?? "")) return agent;
  const entity = attributes.get("traceloop.entity.name");
  return entity === undefined ? span.name : anyValueToText(entity);
}

function tagsOf(reading: GenAiReading): string[] {
  const tags = reading.get("tags")?.value;
  return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
}

function readMetadata(
  span: Span,
  attributes: AttributeMap,
  reading: GenAiReading,
  run: { runType: string; usage: UsageMetadata | undefined },
): Record<string, Json> {
  const metadata: Record<string, Json> = {};
  const put = (key: string, value: Json | undefined): void => {
    if (value !== undefined && !Object.hasOwn(metadata, key)) metadata[key] = value;
  };
  for (const [key, value] of attributes) {
    if (key.startsWith(METADATA_PREFIX)) put(key.slice(METADATA_PREFIX.length), scalarOf(value));
  }
  const given = (column: string): boolean => reading.get(column)?.source.startsWith(METADATA_PREFIX) ?? false;
  if (!given("conversation_id")) put("thread_id", textOf(reading, "conversation_id"));
  if (!given("user_id")) put("user_id", textOf(reading, "user_id"));
  const named = reading.get("metadata");
  if (named !== undefined && isObject(named.value)) {
    for (const [key, value] of Object.entries(named.value)) put(key, plainOf(value));
  }
  // A framework's name is no provider, but it is what LangSmith has for one then.
  const system = attributes.get(ATTR_GEN_AI_SYSTEM);
  put(
    "ls_provider",
    textOf(reading, "provider") ?? (system === undefined ? undefined : anyValueToText(system)),
  );
  put("ls_model_name", textOf(reading, "request_model") ?? textOf(reading, "response_model"));
  if (run.runType === "llm") {
    put("ls_model_type", textOf(reading, "operation") === "text_completion" ? "llm" : "chat");
  }
  if (run.usage !== undefined) put("usage_metadata", JSON.stringify(run.usage));
  put("OTEL_TRACE_ID", span.traceId);
  put("OTEL_SPAN_ID", span.spanId);
  return metadata;
}

/** Metadata values are scalars; anything else is its JSON. */
function plainOf(value: Json): Json {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
}

/** Scalars keep their type; anything else is text. */
export function scalarOf(value: AnyValue): Json {
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.doubleValue !== undefined && Number.isFinite(value.doubleValue)) return value.doubleValue;
  if (value.intValue !== undefined && Number.isSafeInteger(Number(value.intValue)))
    return Number(value.intValue);
  return anyValueToText(value);
}
