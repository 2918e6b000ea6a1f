import {
  CounterfoilError,
  EVALUATOR_ANSWER_BYTES_MAX,
  EVALUATOR_TIMEOUT_MS,
  type JsonObject,
  type JsonValue,
  WEBHOOK_TIMEOUT_MS,
} from "../../schema/index.js";
import { type Evaluator, evaluatorOf } from "../evaluators/evaluator-book.js";
import { httpRequest, llmAnswer, llmRequest, type ToldRun } from "../evaluators/evaluator-request.js";
import {
  evaluatorRunIdOf,
  type EvaluatorUsage,
  type Judgement,
  judgementIdOf,
  judgementOf,
  judgementRecords,
} from "../evaluators/judgement.js";
import { pricedUsage } from "../evaluators/judgement-cost.js";
import { checkAgainstConfigs } from "../feedback/feedback-configs.js";
import type { Sending } from "../egress/egress-ledger.js";
import { type JsonRequest, sendJson } from "../http/send-json.js";
import { evaluatorsOf, readEvaluatorRuns } from "./evaluator-action.js";
import { redacted } from "./guards/redact.js";
import type { Answer, OutboxPorts } from "./outbox.js";
import type { MatchedRun } from "./rule-types.js";
import { type WebhookDelivery, webhookRequest } from "./webhook-request.js";

interface DeliverPorts extends OutboxPorts {
  readonly signal: AbortSignal;
}

/** Does what an action does outside: one try. Throws CF_CONFIG_INVALID, and CF_RECORD_INVALID for what it can't use. */
export function deliver(ports: DeliverPorts, delivery: WebhookDelivery): Promise<Answer> {
  return delivery.action.type === "run_evaluator" ? judge(ports, delivery) : tell(ports, delivery);
}

async function tell(ports: DeliverPorts, delivery: WebhookDelivery): Promise<Answer> {
  const { egress, env, now, signal } = ports;
  const { action, rule } = delivery;
  const content = action["include_content"] === true;
  const patterns = content ? patternsIn(action) : [];
  const run = await redactedRun(ports.rows, patterns, delivery.run);
  const request = webhookRequest({ ...delivery, run }, env, now());
  const timeoutMs = WEBHOOK_TIMEOUT_MS;
  const kind = action.type === "alert" ? "alert" : "webhook";
  const sending = sendingOf(delivery, request, { kind, name: rule.name, content, patterns });
  const answer = await egress.around(sending, () =>
    sendJson(request, { peer: "the webhook", signal, timeoutMs, bytesMax: 0, now }),
  );
  return answer.outcome === "success" ? { outcome: "success" } : answer;
}

async function judge(ports: DeliverPorts, delivery: WebhookDelivery): Promise<Answer> {
  const { rule, action, run } = delivery;
  const evaluator = evaluatorOf(action, await evaluatorsOf(ports.rows, rule));
  if (evaluator === undefined) return { outcome: "error", reason: "there is no such evaluator" };
  const id = evaluatorRunIdOf(evaluator, run);
  const madeId = judgementIdOf(evaluator, run);
  const isDone = async (): Promise<boolean> =>
    (await readEvaluatorRuns(ports.rows, [evaluator], [run])).has(id);
  // Another rule may have asked for it.
  if (await isDone()) return { outcome: "success", madeId };
  const answer = await ask(ports, evaluator, { ...delivery, id });
  if (answer.outcome !== "success") return answer;
  const { judgement, usage } = answer;
  if (judgement === undefined) {
    return { outcome: "skipped", reason: "the evaluator gave no score and no value" };
  }
  const recordsAt = (time: string): ReturnType<typeof judgementRecords> =>
    judgementRecords({ evaluator, rule, run, judgement, usage, time });
  const [feedback] = recordsAt(delivery.requestedAt);
  checkAgainstConfigs([feedback.data ?? {}], await ports.configs.byKeySoon(), delivery.requestedAt);
  return {
    outcome: "success",
    madeId,
    makes: async (time) => ((await isDone()) ? [] : recordsAt(time)),
  };
}

type Asked =
  | {
      readonly outcome: "success";
      readonly judgement: Judgement | undefined;
      readonly usage: EvaluatorUsage;
    }
  | Exclude<Answer, { readonly outcome: "success" }>;

async function ask(
  ports: DeliverPorts,
  evaluator: Evaluator,
  delivery: WebhookDelivery & { readonly id: string },
): Promise<Asked> {
  const { egress, env, now, signal } = ports;
  const isModel = evaluator.data["kind"] === "llm";
  const call = {
    evaluator,
    run: await toldRun(ports, evaluator, delivery),
    id: delivery.id,
    env,
    nowMs: now(),
  };
  const request = isModel ? llmRequest(call) : httpRequest(call);
  const sending = sendingOf(delivery, request, {
    kind: "evaluator",
    name: evaluator.name,
    content: true,
    patterns: patternsIn(evaluator.data),
    evaluatorId: evaluator.id,
  });
  const startedAt = performance.now();
  const answer = await egress.around(sending, () =>
    sendJson(request, {
      peer: "the evaluator",
      signal,
      timeoutMs: EVALUATOR_TIMEOUT_MS,
      bytesMax: EVALUATOR_ANSWER_BYTES_MAX,
      now,
    }),
  );
  if (answer.outcome !== "success") return answer;
  const durationMs = Math.round(performance.now() - startedAt);
  if (isModel) {
    const { answer: said, usage: used } = llmAnswer(evaluator, answer.text);
    const at = { url: request.url, timeMs: call.nowMs, prices: ports.prices() };
    const usage = pricedUsage(evaluator, { ...used, durationMs }, at);
    return { outcome: "success", judgement: judgementOf(evaluator, said), usage };
  }
  return {
    outcome: "success",
    judgement: judgementOf(evaluator, jsonIn(answer.text)),
    usage: { durationMs },
  };
}

/** An empty answer is no judgement. */
function jsonIn(text: string): JsonValue {
  if (text.trim() === "") return null;
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    throw new CounterfoilError("CF_RECORD_INVALID", "the evaluator answered no JSON");
  }
}

/** The run as the evaluator is told it, without what its patterns take away. */
async function toldRun(
  { rows }: DeliverPorts,
  { data }: Evaluator,
  { run }: WebhookDelivery,
): Promise<ToldRun> {
  const correction = run.feedback.find((each) => each.correction !== undefined)?.correction ?? null;
  const content: JsonValue = {
    inputs: run.inputs ?? null,
    outputs: run.outputs ?? null,
    correction,
    thread: run.thread?.turns ?? null,
  };
  const told = (await redacted(rows, patternsIn(data), content)) as typeof content;
  return {
    id: run.runId,
    trace_id: run.traceId,
    span_id: run.spanId,
    name: run.name,
    session_name: run.project,
    inputs: told["inputs"] ?? null,
    outputs: told["outputs"] ?? null,
    correction: told["correction"] ?? null,
    thread: told["thread"] ?? null,
  };
}

function patternsIn(data: JsonObject): readonly JsonObject[] {
  return (data["redact"] ?? []) as readonly JsonObject[];
}

/** A run without what the patterns take away from its inputs and outputs, and from the values and corrections of its feedback. */
async function redactedRun(
  rows: DeliverPorts["rows"],
  patterns: readonly JsonObject[],
  run: MatchedRun,
): Promise<MatchedRun> {
  if (patterns.length === 0) return run;
  const said = run.feedback.map(({ value, correction = null }) => ({ value, correction }));
  const content = { inputs: run.inputs ?? null, outputs: run.outputs ?? null, said };
  const told = (await redacted(rows, patterns, content)) as unknown as typeof content;
  return {
    ...run,
    inputs: told.inputs,
    outputs: told.outputs,
    feedback: run.feedback.map((each, at) => ({
      ...each,
      value: told.said[at]?.value ?? null,
      correction: told.said[at]?.correction ?? null,
    })),
  };
}

function sendingOf(
  { rule, ruleRunId, run }: WebhookDelivery,
  { url, body }: JsonRequest,
  what: Pick<Sending, "kind" | "name" | "content"> & {
    readonly patterns: readonly JsonObject[];
    readonly evaluatorId?: string;
  },
): Sending {
  const { kind, name, content, patterns, evaluatorId } = what;
  return {
    kind,
    name,
    url,
    bytes: Buffer.byteLength(body),
    content,
    redacted: patterns.length > 0,
    ids: {
      rule_id: rule.id,
      rule_name: rule.name,
      rule_run_id: ruleRunId,
      evaluator_id: evaluatorId ?? null,
      trace_id: run.traceId,
      span_id: run.spanId,
      run_id: run.runId,
    },
  };
}
