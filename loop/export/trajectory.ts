import { type JsonObject, type JsonValue, unixNanoToTime } from "../../schema/index.js";
import { argumentsIn, readMessage } from "./read-message.js";
import { defined, objectsIn, type TraceSpan } from "./trace-spans.js";

const SCHEMA_VERSION = "ATIF-v1.7";
/** Deepest nesting of subagents; those below are left to the one above them. */
const DEPTH_MAX = 20;

/** A step while it is made. */
interface Step {
  /** Ns since 1970. */
  readonly time: bigint;
  readonly fields: JsonObject;
  readonly calls: readonly JsonObject[];
  readonly results: JsonObject[];
}

/** An agent, the spans that are its own, and the agents that it started. */
interface Agent {
  readonly span: TraceSpan;
  readonly spans: TraceSpan[];
  /** Each with the span that it is below. */
  readonly below: { readonly agent: Agent; readonly tool: TraceSpan | undefined }[];
}

/**
 * A trace as a trajectory (ATIF 1.7): a step for each message of a user and each call of a model, calls of tools with their
 * results, and agents below agents as subagents. What came in as a trajectory has what it had. Undefined when the trace has
 * no call of a model. `spans` are those of one trace in the order in which they arrived.
 */
export function trajectoryOf(spans: readonly TraceSpan[]): JsonObject | undefined {
  const sorted = [...spans].sort((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0));
  const ids = new Set(sorted.map(({ spanId }) => spanId));
  const root = sorted.find(({ parentId }) => parentId === undefined || !ids.has(parentId));
  if (root === undefined || !sorted.some(isModelCall)) return undefined;
  return trajectory(agentOf(agentTree(root, sorted)), undefined);
}

function isModelCall({ atif, runType }: TraceSpan): boolean {
  return runType === "llm" || atif.step !== undefined;
}

function agentTree(root: TraceSpan, spans: readonly TraceSpan[]): Agent {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const agents = new Map<TraceSpan, Agent>([[root, { span: root, spans: [], below: [] }]]);
  for (const span of spans) {
    if (span === root || (span.operation !== "invoke_agent" && span.atif.trajectory === undefined)) continue;
    agents.set(span, { span, spans: [], below: [] });
  }
  /** The next agent above, and the call of a tool on the way. What leads to none, in a circle even, is the root's. */
  const above = (span: TraceSpan): { agent: Agent; tool: TraceSpan | undefined } => {
    let tool: TraceSpan | undefined;
    const seen = new Set([span]);
    for (
      let at = byId.get(span.parentId ?? "");
      at !== undefined && !seen.has(at);
      at = byId.get(at.parentId ?? "")
    ) {
      seen.add(at);
      const agent = agents.get(at);
      if (agent !== undefined) return { agent, tool };
      if (at.runType === "tool") tool ??= at;
    }
    return { agent: agents.get(root) as Agent, tool };
  };
  for (const span of spans) {
    if (span === root) continue;
    const own = agents.get(span);
    const { agent, tool } = above(span);
    if (own === undefined) agent.spans.push(span);
    // Two agents that are above each other would never end.
    else if (!leadsTo(own, agent)) agent.below.push({ agent: own, tool });
  }
  return agents.get(root) as Agent;
}

/** The agent that the trace is about: what only starts one is none; what starts several and says nothing has their steps. */
function agentOf(root: Agent): Agent {
  if (root.span.atif.trajectory !== undefined || root.spans.some(isModelCall)) return root;
  const below = root.below.flatMap(({ agent }) => (hasModelCall(agent) ? [agent] : []));
  const [only] = below;
  if (only !== undefined && below.length === 1) return agentOf(only);
  const spans = allSpans(root).sort((a, b) => (a.startNs < b.startNs ? -1 : a.startNs > b.startNs ? 1 : 0));
  return { span: root.span, spans, below: [] };
}

function allSpans({ below, spans }: Agent): TraceSpan[] {
  return [...spans, ...below.flatMap(({ agent }) => allSpans(agent))];
}

function leadsTo(from: Agent, to: Agent): boolean {
  return from === to || from.below.some(({ agent }) => leadsTo(agent, to));
}

function hasModelCall(agent: Agent): boolean {
  return agent.spans.some(isModelCall) || agent.below.some((each) => hasModelCall(each.agent));
}

function trajectory(agent: Agent, parentSession: string | undefined, depth = 0): JsonObject {
  const { span } = agent;
  const kept = objectsIn(span.atif.trajectory)[0];
  const children = agent.below.filter((each) => hasModelCall(each.agent));
  const session = kept === undefined ? (parentSession ?? span.traceId) : parentSession;
  const steps = kept === undefined ? stepsOf(agent) : keptSteps(agent, kept);
  const below =
    depth >= DEPTH_MAX ? [] : children.map((child) => trajectory(child.agent, session, depth + 1));
  if (kept === undefined) referTo(children, steps, below);
  const { steps: _steps, ...rest } = kept ?? general(agent, session, parentSession === undefined);
  return {
    ...rest,
    steps: steps.map((step, at) => finished(step, at + 1)),
    ...(kept === undefined ? finalMetrics(agent, steps.length) : {}),
    ...(below.length === 0 ? {} : { subagent_trajectories: below }),
  };
}

function general({ span, spans }: Agent, session: string | undefined, isRoot: boolean): JsonObject {
  const model = spans.find((each) => isModelCall(each) && each.model !== undefined)?.model;
  const tools = [span, ...spans].find((each) => each.toolDefinitions !== undefined)?.toolDefinitions;
  const thread = [span, ...spans].find((each) => each.conversationId !== undefined)?.conversationId;
  return defined({
    schema_version: SCHEMA_VERSION,
    session_id: session,
    trajectory_id: isRoot ? undefined : span.spanId,
    agent: defined({
      name: span.agentName ?? span.name,
      version: span.agentVersion ?? "unknown",
      model_name: model,
      tool_definitions: Array.isArray(tools) ? tools : undefined,
    }),
    extra: isRoot && thread !== undefined ? { conversation_id: thread } : undefined,
    steps: [],
  });
}

function finalMetrics({ spans }: Agent, steps: number): JsonObject {
  const calls = spans.filter(isModelCall);
  const sum = (name: string): number | undefined => {
    const values = calls.flatMap(({ usage }) => (typeof usage[name] === "number" ? [usage[name]] : []));
    return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
  };
  return {
    final_metrics: defined({
      total_prompt_tokens: sum("prompt_tokens"),
      total_completion_tokens: sum("completion_tokens"),
      total_cached_tokens: sum("cached_tokens"),
      total_cost_usd: sum("cost_usd"),
      total_steps: steps,
    }),
  };
}

/** Steps of what came in as a trajectory: those that no span says were kept, the others are made of their spans. */
function keptSteps({ spans }: Agent, kept: JsonObject): Step[] {
  const others = objectsIn(kept["steps"]).map((fields): Step => ({
    time: 0n,
    fields,
    calls: [],
    results: [],
  }));
  const claimed = new Set(
    others.flatMap(({ fields }) => objectsIn(fields["tool_calls"]).map((call) => call["tool_call_id"])),
  );
  const calls = spans.flatMap((span): Step[] => {
    if (!isModelCall(span)) return [];
    const fields = objectsIn(span.atif.step)[0] ?? {};
    return [modelStep(span, fields)];
  });
  const steps = [...others, ...calls];
  addTools(
    spans.filter(({ callId }) => !claimed.has(callId ?? "")),
    calls,
  );
  const place = ({ fields }: Step): number => (typeof fields["step_id"] === "number" ? fields["step_id"] : 0);
  return steps.sort((a, b) => place(a) - place(b));
}

/** What was said before a call and not yet told, then the call: a model is often given all of the conversation again. */
function stepsOf({ spans }: Agent): Step[] {
  const steps: Step[] = [];
  const told = new Set<string>();
  for (const span of spans) {
    if (!isModelCall(span)) continue;
    const asked = [
      ...(span.systemInstructions.length === 0
        ? []
        : [{ role: "system", parts: [...span.systemInstructions] }]),
      ...span.inputMessages,
    ];
    for (const message of asked) tell(message, { span, steps, told });
    const step = modelStep(span, {});
    told.add(keyOf("assistant", step.fields["message"] ?? "", step.calls));
    steps.push(step);
  }
  addTools(spans, steps);
  return steps;
}

function tell(
  message: JsonObject,
  { span, steps, told }: { readonly span: TraceSpan; readonly steps: Step[]; readonly told: Set<string> },
): void {
  const { calls, content, results, role } = readMessage(message, "user");
  for (const result of results) addResult(steps, result);
  if (content === "" && calls.length === 0) return;
  const key = keyOf(role, content, calls);
  if (told.has(key)) return;
  told.add(key);
  const source =
    role === "assistant" || role === "model"
      ? "agent"
      : role === "system" || role === "developer"
        ? "system"
        : "user";
  // What an agent said before this trace.
  const copied = source === "agent" ? { is_copied_context: true } : {};
  steps.push({ time: span.startNs, fields: { source, message: content, ...copied }, calls, results: [] });
}

function keyOf(role: string, content: JsonValue, calls: readonly JsonObject[]): string {
  return JSON.stringify([
    role === "model" ? "assistant" : role,
    content,
    calls.map((call) => call["function_name"] ?? ""),
  ]);
}

function modelStep(span: TraceSpan, kept: JsonObject): Step {
  const read = span.outputMessages.map((message) => readMessage(message, "assistant"));
  const contents = read.map(({ content }) => content).filter((content) => content !== "");
  const reasoning = read
    .map((each) => each.reasoning)
    .filter((text) => text !== "")
    .join("\n");
  return {
    time: span.startNs,
    fields: defined({
      source: "agent",
      model_name: span.model,
      message:
        contents.length === 1
          ? contents[0]
          : contents.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join("\n"),
      reasoning_content: reasoning === "" ? undefined : reasoning,
      metrics: Object.keys(span.usage).length === 0 ? undefined : span.usage,
      ...kept,
    }),
    calls: read.flatMap(({ calls }) => calls),
    results: [],
  };
}

/** Results of the spans of tools, by the id of the call, else at the newest open call of the same tool. */
function addTools(spans: readonly TraceSpan[], steps: Step[]): void {
  const open = new Set(steps.flatMap((step) => step.calls.map((call) => ({ step, call }))));
  for (const span of spans) {
    if (span.runType !== "tool" && span.operation !== "execute_tool") continue;
    const name = span.toolName ?? span.name;
    const all = [...open].filter(({ step }) => step.time <= span.startNs);
    const found =
      all.find(({ call }) => span.callId !== undefined && call["tool_call_id"] === span.callId) ??
      all.findLast(({ call }) => span.callId === undefined && call["function_name"] === name);
    const callId = found?.call["tool_call_id"] ?? span.callId ?? span.spanId;
    const result = resultOf(span, callId);
    if (found === undefined) {
      const call = { tool_call_id: callId, function_name: name, arguments: argumentsIn(span.toolArguments) };
      const fields = { source: "agent", message: "", llm_call_count: 0 };
      steps.push({ time: span.startNs, fields, calls: [call], results: [result] });
      continue;
    }
    open.delete(found);
    const extra = span.atif.tool_call;
    if (extra !== undefined) Object.assign(found.call, { extra });
    const said = found.step.results.findIndex((each) => each["source_call_id"] === callId);
    if (said >= 0) found.step.results.splice(said, 1);
    if (span.toolResult !== undefined || Object.keys(result).length > 1) found.step.results.push(result);
  }
  steps.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

function resultOf(span: TraceSpan, callId: JsonValue): JsonObject {
  const content = span.toolResult;
  return defined({
    source_call_id: callId,
    content: content === undefined || typeof content === "string" ? content : JSON.stringify(content),
    ...objectsIn(span.atif.results)[0],
  });
}

/** A result that only a message brings: of the newest step with this call that has none yet. */
function addResult(
  steps: readonly Step[],
  { callId, content }: { readonly callId: string | undefined; readonly content: JsonValue },
): void {
  const step = steps.findLast(({ calls }) => calls.some((call) => call["tool_call_id"] === callId));
  if (step === undefined || step.results.some((result) => result["source_call_id"] === callId)) return;
  step.results.push({
    source_call_id: callId ?? "",
    content: typeof content === "string" ? content : JSON.stringify(content),
  });
}

/** The results of calls that started a subagent say which one. */
function referTo(children: Agent["below"], steps: readonly Step[], below: readonly JsonObject[]): void {
  for (const [at, { tool }] of children.entries()) {
    const callId = tool?.callId ?? tool?.spanId;
    const result = steps.flatMap(({ results }) => results).find((each) => each["source_call_id"] === callId);
    const id = below[at]?.["trajectory_id"];
    if (result !== undefined && id !== undefined)
      Object.assign(result, { subagent_trajectory_ref: [{ trajectory_id: id }] });
  }
}

function finished({ calls, fields, results, time }: Step, id: number): JsonObject {
  // What was kept of an observation is what belongs to no call.
  const [observation = {}] = objectsIn(fields["observation"]);
  const all = [...results, ...objectsIn(observation["results"])];
  return {
    step_id: id,
    ...(time === 0n ? {} : { timestamp: unixNanoToTime(time) }),
    ...fields,
    ...(calls.length === 0 ? {} : { tool_calls: [...calls] }),
    ...(all.length === 0 ? {} : { observation: { ...observation, results: all } }),
  };
}
