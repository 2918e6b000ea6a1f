import { type JsonObject, type JsonValue, type Span, timeToUnixNano } from "../../../schema/index.js";
import {
  attributesOf,
  namedSpanId,
  namedTraceId,
  objectAt,
  objectsAt,
  present,
  problem,
  scopeOf,
  spanOf,
  textAt,
  type TraceItem,
} from "./trace-items.js";

const SCOPE = scopeOf("atif");
const VERSION = /^ATIF-v1\.\d+$/;
/** Trajectories of subagents within each other. */
const DEPTH_MAX = 20;
/** Of a step, what the attributes of its spans do not say. */
const SAID = new Set([
  "message",
  "reasoning_content",
  "tool_calls",
  "observation",
  "timestamp",
  "source",
  "model_name",
]);

/**
 * A trajectory (ATIF 1.x, Agent Trajectory Interchange Format) as a trace: the agent, below it a call of a model for each of its
 * steps and of a tool for each of theirs, and the trajectories of its subagents. Undefined for anything else.
 */
export function atifItems(where: string, row: JsonObject): TraceItem[] | undefined {
  if (!Array.isArray(row["steps"]) || textAt(row, "schema_version") === undefined) return undefined;
  const version = textAt(row, "schema_version") ?? "";
  if (!VERSION.test(version))
    return [problem("spans", where, `it is of version ${version.slice(0, 40)}; 1.x are known`)];
  const traceId = namedTraceId(`atif/${textAt(row, "session_id") ?? identityOf(row)}`);
  // What Counterfoil wrote names the thread apart: there a session is one trace.
  const sessionId = textAt(objectAt(row, "extra"), "conversation_id") ?? textAt(row, "session_id");
  const trajectory = { traceId, parentId: "", sessionId, depth: 0 };
  return trajectoryItems(where, row, trajectory);
}

interface Place {
  readonly traceId: string;
  /** Span that it is below; empty for none. */
  readonly parentId: string;
  readonly sessionId: string | undefined;
  readonly depth: number;
}

/** What a document is known by when it comes again, perhaps with more steps. */
function identityOf(row: JsonObject): string {
  const first = objectsAt(row, "steps").find((step) => textAt(step, "timestamp") !== undefined);
  const place = [
    textAt(row, "session_id") ?? "",
    textAt(objectAt(row, "agent"), "name") ?? "",
    textAt(first, "timestamp") ?? "",
  ];
  return textAt(row, "trajectory_id") ?? JSON.stringify(place);
}

function trajectoryItems(where: string, row: JsonObject, place: Place): TraceItem[] {
  const steps = objectsAt(row, "steps");
  const times = timesOf(steps);
  const [start, end] = [times[0], times.at(-1)];
  if (start === undefined || end === undefined)
    return [problem("spans", where, "none of its steps has a timestamp")];
  if (place.depth > DEPTH_MAX)
    return [problem("spans", where, `its subagents are nested more than ${DEPTH_MAX} deep`)];
  const identity = identityOf(row);
  const rootId = spanIdOf(place, `root/${identity}`);
  const spans = [rootSpan(row, { ...place, rootId }, { start, end })];
  /** Spans of calls by what they delegated to: ids of trajectories and sessions. */
  const delegated = new Map<string, string>();
  let said: JsonObject[] = [];
  for (const [at, step] of steps.entries()) {
    const time = times[at] ?? start;
    const source = textAt(step, "source");
    if (source !== "agent" || step["is_copied_context"] === true) {
      const role = source === "agent" ? "assistant" : source === "system" ? "system" : "user";
      said.push(present({ role, content: step["message"] }));
      continue;
    }
    const own = { ...place, parentId: rootId };
    const stepId = `${identity}/${at}`;
    if (isModelCall(step)) spans.push(modelSpan(row, step, { place: own, id: stepId, time, said }));
    const tools = toolSpans(step, { place: own, id: stepId, time, delegated });
    spans.push(...tools.spans);
    said = tools.results;
  }
  const below = objectsAt(row, "subagent_trajectories").flatMap((child, at) => {
    const parentId = [textAt(child, "trajectory_id"), textAt(child, "session_id")]
      .map((id) => (id === undefined ? undefined : delegated.get(id)))
      .find((id) => id !== undefined);
    return trajectoryItems(`${where} subagent ${at + 1}`, child, {
      ...place,
      parentId: parentId ?? rootId,
      depth: place.depth + 1,
    });
  });
  return [...spans.map((span): TraceItem => ({ kind: "span", where, scope: SCOPE, span })), ...below];
}

function isModelCall(step: JsonObject): boolean {
  return (
    textAt(step, "source") === "agent" && step["is_copied_context"] !== true && step["llm_call_count"] !== 0
  );
}

/** A step without a time was when the one before it was; those before the first one with a time, when that was. */
function timesOf(steps: readonly JsonObject[]): bigint[] {
  let last = steps.map((step) => timeToUnixNano(step["timestamp"])).find((time) => time !== undefined);
  if (last === undefined) return [];
  const times: bigint[] = [];
  for (const step of steps) {
    const time = timeToUnixNano(step["timestamp"]);
    // Clocks of several machines may disagree; a trace ends after it began.
    if (time !== undefined && time > last) last = time;
    times.push(last);
  }
  return times;
}

function rootSpan(
  row: JsonObject,
  { depth, parentId, rootId, sessionId, traceId }: Place & { readonly rootId: string },
  { end, start }: { readonly start: bigint; readonly end: bigint },
): Span {
  const agent = objectAt(row, "agent") ?? {};
  const steps = objectsAt(row, "steps");
  const asked = steps.filter((step) => textAt(step, "source") === "user").slice(0, 1);
  const answered = steps.filter((step) => textAt(step, "source") === "agent").slice(-1);
  // Everything that no other span says: the steps of users and systems among it, and those without a call of a model.
  const { steps: _steps, subagent_trajectories: _below, ...rest } = row;
  const others = steps.filter((step) => !isModelCall(step));
  return spanOf({
    traceId,
    spanId: rootId,
    parentSpanId: parentId,
    name: textAt(agent, "name") ?? "agent",
    startTimeUnixNano: start,
    endTimeUnixNano: end,
    attributes: attributesOf({
      "gen_ai.operation.name": "invoke_agent",
      "gen_ai.agent.name": textAt(agent, "name"),
      "gen_ai.agent.version": textAt(agent, "version"),
      "gen_ai.conversation.id": sessionId,
      "gen_ai.input.messages": messages(
        asked.map((step) => present({ role: "user", content: step["message"] })),
      ),
      "gen_ai.output.messages": messages(
        answered.map((step) => present({ role: "assistant", content: step["message"] })),
      ),
      "gen_ai.tool.definitions": jsonOf(agent["tool_definitions"]),
      "atif.trajectory": JSON.stringify({ ...rest, steps: others }),
      "atif.depth": depth === 0 ? undefined : depth,
    }),
  });
}

interface At {
  readonly place: Place;
  /** What the step is known by. */
  readonly id: string;
  readonly time: bigint;
}

/** Its input is what came since the call before: the whole of it with each call would grow with the square of the steps. */
function modelSpan(
  row: JsonObject,
  step: JsonObject,
  { id, place, said, time }: At & { readonly said: readonly JsonObject[] },
): Span {
  const model = textAt(step, "model_name") ?? textAt(objectAt(row, "agent"), "model_name");
  const metrics = objectAt(step, "metrics") ?? {};
  const more = objectAt(metrics, "extra") ?? {};
  const calls = objectsAt(step, "tool_calls").map((call) => ({
    id: call["tool_call_id"] ?? "",
    type: "function",
    function: { name: call["function_name"] ?? "", arguments: JSON.stringify(call["arguments"] ?? {}) },
  }));
  const answer = present({
    role: "assistant",
    content: step["message"],
    reasoning_content: textAt(step, "reasoning_content"),
    tool_calls: calls.length === 0 ? undefined : calls,
  });
  const rest = Object.fromEntries(Object.entries(step).filter(([name]) => !SAID.has(name)));
  const callIds = new Set(objectsAt(step, "tool_calls").map((call) => call["tool_call_id"]));
  const loose = objectsAt(objectAt(step, "observation") ?? {}, "results").filter(
    (result) => !callIds.has(result["source_call_id"] ?? ""),
  );
  return spanOf({
    traceId: place.traceId,
    spanId: spanIdOf(place, `model/${id}`),
    parentSpanId: place.parentId,
    name: `chat ${model ?? ""}`.trim(),
    startTimeUnixNano: time,
    endTimeUnixNano: time,
    attributes: attributesOf({
      "gen_ai.operation.name": "chat",
      "gen_ai.request.model": model,
      "gen_ai.conversation.id": place.sessionId,
      "gen_ai.input.messages": messages(said),
      "gen_ai.output.messages": messages([answer]),
      "gen_ai.usage.input_tokens": metrics["prompt_tokens"],
      "gen_ai.usage.output_tokens": metrics["completion_tokens"],
      "gen_ai.usage.cache_read.input_tokens": metrics["cached_tokens"],
      "gen_ai.usage.cache_write.input_tokens": more["cache_creation_input_tokens"],
      "gen_ai.usage.reasoning.output_tokens": more["reasoning_tokens"],
      "gen_ai.usage.cost": metrics["cost_usd"],
      "atif.step": JSON.stringify(loose.length === 0 ? rest : { ...rest, observation: { results: loose } }),
    }),
  });
}

function toolSpans(
  step: JsonObject,
  { delegated, id, place, time }: At & { readonly delegated: Map<string, string> },
): { readonly spans: Span[]; readonly results: JsonObject[] } {
  const results = objectsAt(objectAt(step, "observation") ?? {}, "results");
  const spans = objectsAt(step, "tool_calls").map((call, at) => {
    const callId = textAt(call, "tool_call_id") ?? String(at);
    const spanId = spanIdOf(place, `tool/${id}/${at}`);
    const mine = results.filter((result) => textAt(result, "source_call_id") === callId);
    for (const ref of mine.flatMap((result) => objectsAt(result, "subagent_trajectory_ref"))) {
      for (const name of [textAt(ref, "trajectory_id"), textAt(ref, "session_id")]) {
        if (name !== undefined) delegated.set(name, spanId);
      }
    }
    const contents = mine.flatMap(({ content }) =>
      content === undefined || content === null ? [] : [content],
    );
    return spanOf({
      traceId: place.traceId,
      spanId,
      parentSpanId: place.parentId,
      name: textAt(call, "function_name") ?? "tool",
      startTimeUnixNano: time,
      endTimeUnixNano: time,
      attributes: attributesOf({
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": textAt(call, "function_name"),
        "gen_ai.tool.call.id": callId,
        "gen_ai.tool.call.arguments": jsonOf(call["arguments"]),
        "gen_ai.tool.call.result":
          contents.length === 1 ? textOf(contents[0]) : jsonOf(contents.length === 0 ? undefined : contents),
        "atif.tool_call": jsonOf(call["extra"]),
        "atif.results": jsonOf(
          mine
            .map(({ content: _content, source_call_id: _id, ...rest }) => rest)
            .filter((rest) => Object.keys(rest).length > 0),
        ),
      }),
    });
  });
  const said = results.map((result) => {
    const callId = textAt(result, "source_call_id");
    return present({
      role: callId === undefined ? "user" : "tool",
      tool_call_id: callId,
      content: textOf(result["content"]),
    });
  });
  return { spans, results: said };
}

function messages(list: readonly JsonObject[]): string | undefined {
  return list.length === 0 ? undefined : JSON.stringify(list);
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" || value === undefined || value === null
    ? (value ?? undefined)
    : JSON.stringify(value);
}

function jsonOf(value: JsonValue | undefined): string | undefined {
  const isEmpty =
    value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
  return isEmpty ? undefined : JSON.stringify(value);
}

function spanIdOf({ traceId }: Pick<Place, "traceId">, name: string): string {
  return namedSpanId(`atif/${traceId}/${name}`);
}
