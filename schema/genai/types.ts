import type { AnyValue, InstrumentationScope, KeyValue, Resource, SpanEvent } from "../otlp/types.js";
import type { Json } from "./json.js";

/** LangSmith's run types, into which every dialect's kinds are mapped. */
export type RunType = "llm" | "chain" | "tool" | "retriever" | "embedding" | "prompt" | "parser";

/** What a dialect can fill: columns of `spans`, and the members of its `usage_details` ({@link USAGE_DETAILS}). */
export const GENAI_COLUMNS = [
  "run_type",
  "operation",
  "project",
  "environment",
  "provider",
  "request_model",
  "response_model",
  "agent_name",
  "tool_name",
  "conversation_id",
  "user_id",
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
  "total_tokens",
  "uncached_input_tokens",
  "audio_input_tokens",
  "audio_output_tokens",
  "image_input_tokens",
  "image_output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
  "cost_usd",
  "service_tier",
  "time_to_first_token_ms",
  "finish_reasons",
  "error_type",
  "tags",
  "metadata",
  "input_messages",
  "output_messages",
  "system_instructions",
  "tool_definitions",
  "tool_arguments",
  "tool_result",
  "retrieval_documents",
] as const;

/** One of {@link GENAI_COLUMNS}. */
export type GenAiColumn = (typeof GENAI_COLUMNS)[number];

/** Token counts that are packed into the JSON object `usage_details`. */
export const USAGE_DETAILS = [
  "total_tokens",
  "uncached_input_tokens",
  "audio_input_tokens",
  "audio_output_tokens",
  "image_input_tokens",
  "image_output_tokens",
  "cache_write_5m_tokens",
  "cache_write_1h_tokens",
] as const satisfies readonly GenAiColumn[];

/** Columns that hold JSON text; all others are scalars. */
export const JSON_COLUMNS: ReadonlySet<string> = new Set([
  "usage_details",
  "finish_reasons",
  "tags",
  "metadata",
  "input_messages",
  "output_messages",
  "system_instructions",
  "tool_definitions",
  "tool_arguments",
  "tool_result",
  "retrieval_documents",
]);

/** How a source's value becomes a column's. See `shapes/index.ts` for what each takes. */
export type ShapeName =
  | "text"
  | "lower"
  | "operation"
  | "provider"
  | "int"
  | "double"
  | "sum"
  | "seconds_to_ms"
  | "ms"
  | "instant_to_ms"
  | "strings"
  | "finish_reasons"
  | "metadata"
  | "json"
  | "input"
  | "output"
  | "question"
  | "system"
  | "tools"
  | "documents"
  | "openinference_messages"
  | "openinference_answers"
  | "openinference_tools"
  | "openinference_documents"
  | "openinference_texts"
  | "indexed_input"
  | "indexed_output"
  | "indexed_tools"
  | "ai_sdk_response"
  | "event_input"
  | "event_output"
  | "event_documents"
  | "listed_event_input"
  | "listed_event_output"
  | "quoted_text"
  | "quoted_provider"
  | "quoted_input"
  | "quoted_output"
  | "event_finish_reasons";

/**
 * One source of a column. `from` is:
 * - `a.b`: the attribute of that name;
 * - `a.b#x.y`: the member x.y of the JSON in that attribute;
 * - `a.b.*`: all attributes with that prefix together;
 * - `@a.b`: the attribute a.b of span events with {@link Rule.event}, or all events of the old conventions.
 */
export interface Rule {
  readonly from: string;
  /** A second source of the same form: the value is the sum of both numbers, and there is none without both. */
  readonly plus?: string;
  /** Default: the column's own shape. */
  readonly as?: ShapeName;
  /** The column's value for each value of the source (compared in lower case); other values fill nothing. */
  readonly map?: Readonly<Record<string, string>>;
  /** Only for spans of these run types. */
  readonly when?: readonly RunType[];
}

/** What tells a dialect. Any one of them is enough. */
export interface Detection {
  /** Scope names; a `*` at the end stands for any rest. */
  readonly scopes?: readonly string[];
  /** Attribute names; a `*` at the end stands for any rest. */
  readonly attributes?: readonly string[];
  /** Attribute and the value it must have. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Names of span events; a `*` at the end stands for any rest. */
  readonly events?: readonly string[];
  /** Resource attribute and the value it must have. */
  readonly resource?: Readonly<Record<string, readonly string[]>>;
}

/** One dialect: plain data, no code. */
export interface Dialect {
  /** Its name in the column `dialect`. */
  readonly name: string;
  /** What people call it, with the versions it covers. */
  readonly title: string;
  readonly detect: Detection;
  /** Sources of each column, most authoritative first. */
  readonly columns: Readonly<Partial<Record<GenAiColumn, readonly (string | Rule)[]>>>;
  /**
   * Whether input_tokens includes the cache tokens, where arithmetic does not tell: for all providers, or by the
   * provider's name with `*` for the rest. Left out: unknown.
   */
  readonly inputIncludesCache?: boolean | Readonly<Record<string, boolean>>;
  /** Sources that only sum up what other spans report: a span whose tokens come from one is a rollup. */
  readonly rollupSources?: readonly string[];
  /** Scopes whose chains report usage that no span below them has: it is their own. */
  readonly ownUsageScopes?: readonly string[];
  /** Remarks for `docs/dialects.md`. */
  readonly notes?: readonly string[];
}

/** A span's attributes by name, the first of equal names; those without a value are not there. A `Map` is one. */
export interface NamedAttributes {
  /** The same for the same names in the same order, and never for others; undefined when that is not known. */
  readonly signature?: string | undefined;
  readonly size: number;
  keys(): Iterable<string>;
  has(name: string): boolean;
  get(name: string): AnyValue | undefined;
}

/** What the normaliser reads of a span. An OTLP {@link Span} with its scope and resource fits. */
export interface NormaliserInput {
  readonly name: string;
  /** 0 when unknown: then instants can't become durations. */
  readonly startTimeUnixNano: bigint;
  readonly attributes: readonly KeyValue[];
  readonly events: readonly SpanEvent[];
  readonly scope: InstrumentationScope | undefined;
  readonly resource: Resource | undefined;
}

/** The same, or with its attributes by name: for who reads a value only when it is asked for. */
export type ReadableSpan = Omit<NormaliserInput, "attributes"> & {
  readonly attributes: readonly KeyValue[] | NamedAttributes;
};

/** A column's value: a string (JSON text for {@link JSON_COLUMNS}), a number, or a boolean. */
export type ColumnValue = string | number | boolean;

/** Values by column of `spans`; absent means null. */
export type NormalisedColumns = Partial<
  Record<
    | Exclude<GenAiColumn, (typeof USAGE_DETAILS)[number]>
    | "usage_details"
    | "usage_scope"
    | "input_includes_cache",
    ColumnValue
  >
>;

/** What a span's attributes mean. */
export interface NormalisedSpan {
  readonly columns: NormalisedColumns;
  /** Which source filled each column, as {@link Rule.from} writes it; `=...` for what was derived. */
  readonly provenance: Readonly<Record<string, string>>;
  /** Names of the dialects found, most authoritative first. */
  readonly dialects: readonly string[];
}

/** A source that was not taken although it said something else. */
export interface Conflict {
  readonly column: string;
  readonly source: string;
  readonly value: Json;
}
