import type { JsonObject, JsonValue } from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";

/** A span as an export of trajectories reads it. */
export interface TraceSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | undefined;
  readonly name: string;
  /** Ns since 1970; 0 when the sender left it out. */
  readonly startNs: bigint;
  readonly runType: string | undefined;
  readonly operation: string | undefined;
  readonly model: string | undefined;
  readonly agentName: string | undefined;
  readonly toolName: string | undefined;
  readonly conversationId: string | undefined;
  readonly usage: JsonObject;
  readonly inputMessages: readonly JsonObject[];
  readonly outputMessages: readonly JsonObject[];
  readonly systemInstructions: readonly JsonObject[];
  readonly toolDefinitions: JsonValue | undefined;
  readonly toolArguments: JsonValue | undefined;
  readonly toolResult: JsonValue | undefined;
  readonly agentVersion: string | undefined;
  readonly callId: string | undefined;
  /** What an import of a trajectory kept of it that no column says. */
  readonly atif: Readonly<Record<"trajectory" | "step" | "tool_call" | "results", JsonValue | undefined>>;
}

/** The select list that {@link spanOfRow} reads, of `spans` as `s`. */
export const TRACE_SPAN_COLUMNS = `s.trace_id, s.span_id, s.parent_span_id, s.name, epoch_ns(s.start_time)::VARCHAR AS start_ns,
  s.run_type, s.operation, coalesce(s.request_model, s.response_model) AS model, s.agent_name, s.tool_name, s.conversation_id,
  s.input_tokens::DOUBLE AS input_tokens, s.output_tokens::DOUBLE AS output_tokens, s.cache_read_tokens::DOUBLE AS cache_read_tokens,
  s.cache_write_tokens::DOUBLE AS cache_write_tokens, s.reasoning_tokens::DOUBLE AS reasoning_tokens, s.input_includes_cache, s.cost_usd,
  s.input_messages, s.output_messages, s.system_instructions, s.tool_definitions, s.tool_arguments, s.tool_result,
  s.attributes['gen_ai.agent.version'] AS agent_version, s.attributes['gen_ai.tool.call.id'] AS call_id,
  s.attributes['atif.trajectory'] AS atif_trajectory, s.attributes['atif.step'] AS atif_step,
  s.attributes['atif.tool_call'] AS atif_tool_call, s.attributes['atif.results'] AS atif_results`;

/** A row with {@link TRACE_SPAN_COLUMNS}. */
export function spanOfRow(row: ReaderRow): TraceSpan {
  const text = (name: string): string | undefined => {
    const value = row[name];
    return typeof value === "string" ? value : undefined;
  };
  const json = (name: string): JsonValue | undefined => jsonIn(text(name));
  return {
    traceId: text("trace_id") ?? "",
    spanId: text("span_id") ?? "",
    parentId: text("parent_span_id"),
    name: text("name") ?? "",
    startNs: BigInt(text("start_ns") ?? "0"),
    runType: text("run_type"),
    operation: text("operation"),
    model: text("model"),
    agentName: text("agent_name"),
    toolName: text("tool_name"),
    conversationId: text("conversation_id"),
    usage: usageOf(row),
    inputMessages: objectsIn(json("input_messages")),
    outputMessages: objectsIn(json("output_messages")),
    systemInstructions: objectsIn(json("system_instructions")),
    toolDefinitions: json("tool_definitions"),
    toolArguments: json("tool_arguments"),
    toolResult: json("tool_result"),
    agentVersion: text("agent_version"),
    callId: text("call_id"),
    atif: {
      trajectory: json("atif_trajectory"),
      step: json("atif_step"),
      tool_call: json("atif_tool_call"),
      results: json("atif_results"),
    },
  };
}

/** ATIF's metrics of a call. Its prompt tokens are all that went in, those of the cache among them. */
function usageOf(row: ReaderRow): JsonObject {
  const number = (name: string): number | undefined => {
    const value = row[name];
    return typeof value === "number" ? value : undefined;
  };
  const [input, read, written] = ["input_tokens", "cache_read_tokens", "cache_write_tokens"].map(number);
  const beside = row["input_includes_cache"] === false ? (read ?? 0) + (written ?? 0) : 0;
  const extra = defined({
    reasoning_tokens: number("reasoning_tokens"),
    cache_creation_input_tokens: written,
  });
  return defined({
    prompt_tokens: input === undefined ? undefined : input + beside,
    completion_tokens: number("output_tokens"),
    cached_tokens: read,
    cost_usd: number("cost_usd"),
    extra: Object.keys(extra).length === 0 ? undefined : extra,
  });
}

/** The members that are there. */
export function defined(fields: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, JsonValue] => entry[1] !== undefined),
  );
}

/** JSON text's value; the text itself when it is none. */
export function jsonIn(text: string | undefined): JsonValue | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** Objects of a list; one object is a list of one, and a text the content of a message. */
export function objectsIn(value: JsonValue | undefined): readonly JsonObject[] {
  const list = Array.isArray(value) ? (value as readonly JsonValue[]) : value === undefined ? [] : [value];
  return list.flatMap((item): JsonObject[] => {
    if (typeof item === "string") return [{ content: item }];
    return typeof item === "object" && item !== null && !Array.isArray(item) ? [item as JsonObject] : [];
  });
}
