import { ALERT_EVENTS, type JsonObject } from "../../schema/index.js";
import type { JsonRequest } from "../http/send-json.js";
import { addressOf, type Environment, signedHeaders } from "../http/signed.js";
import { alertData, alertIdOf } from "./alert-action.js";
import type { MatchedRun, Rule, RuleAction, RunFeedback } from "./rule-types.js";

/** What a request is made of. */
export interface WebhookDelivery {
  readonly ruleRunId: string;
  /** Data of the `rule_run`. */
  readonly note: JsonObject;
  readonly rule: Rule;
  readonly action: RuleAction;
  readonly run: MatchedRun;
  /** Since when it is to be delivered, RFC 3339. */
  readonly requestedAt: string;
}

/**
 * The request of a webhook, or of an alert that is told to one, signed as Standard Webhooks says. The same rule and run have
 * the same id in every try. Throws CF_CONFIG_INVALID for an environment variable that is missing or holds no address.
 */
export function webhookRequest(delivery: WebhookDelivery, env: Environment, nowMs: number): JsonRequest {
  const { action, ruleRunId, rule, run } = delivery;
  const isAlert = action.type === "alert";
  // A receiver of both tells them apart.
  const id = isAlert ? alertIdOf(rule.id, run) : ruleRunId;
  const body = JSON.stringify({ ...webhookBody(delivery), ...(isAlert ? alertBody(delivery) : {}) });
  return { url: addressOf(action, env), body, headers: signedHeaders(action, { id, body, env, nowMs }) };
}

function alertBody({ rule, action, run, requestedAt }: WebhookDelivery): JsonObject {
  const { severity, summary } = alertData({ rule, action, run, time: requestedAt });
  return {
    type: ALERT_EVENTS.type,
    alert_id: alertIdOf(rule.id, run),
    severity: severity ?? null,
    summary: summary ?? null,
  };
}

/** LangSmith's `rule_id` and `runs`, and Standard Webhooks' `type` and `timestamp`. Content only where the action asks for it. */
function webhookBody({ ruleRunId, note, action, run, requestedAt }: WebhookDelivery): JsonObject {
  const content = action["include_content"] === true;
  return {
    type: "rule_run",
    timestamp: requestedAt,
    rule_run_id: ruleRunId,
    rule_id: note["rule_id"] ?? null,
    rule_name: note["rule_name"] ?? null,
    rule_version: note["rule_version"] ?? null,
    runs: [
      {
        id: run.runId,
        trace_id: run.traceId,
        span_id: run.spanId,
        name: run.name,
        session_name: run.project,
        ...(content ? { inputs: run.inputs ?? null, outputs: run.outputs ?? null } : {}),
        feedback: run.feedback.map((each) => feedbackJson(each, content)),
      },
    ],
  };
}

function feedbackJson(
  { id, key, score, value, correction, sourceType, userId }: RunFeedback,
  content: boolean,
): JsonObject {
  return {
    id,
    key,
    score,
    source: sourceType,
    user_id: userId,
    ...(content ? { value, correction: correction ?? null } : {}),
  };
}
