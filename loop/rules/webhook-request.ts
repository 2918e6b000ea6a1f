import { createHmac } from "node:crypto";
import { CounterfoilError, type JsonObject, webhookUrlProblem } from "../../schema/index.js";
import type { MatchedRun, RuleAction, RunFeedback } from "./rule-types.js";
import { textIn } from "../records/text-in.js";

/** Values of environment variables: secrets, and addresses that are. */
export type Environment = (name: string) => string | undefined;

/** One request, ready to be sent. */
export interface WebhookRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a request is made of. */
export interface WebhookDelivery {
  readonly ruleRunId: string;
  /** Data of the `rule_run`. */
  readonly note: JsonObject;
  readonly action: RuleAction;
  readonly run: MatchedRun;
  /** Since when it is to be delivered, RFC 3339. */
  readonly requestedAt: string;
}

/**
 * The request of a webhook, signed as Standard Webhooks says: HMAC-SHA256 over `id.timestamp.body`. The same rule and run
 * have the same id in every try. Throws CF_CONFIG_INVALID for an environment variable that is missing or holds no address.
 */
export function webhookRequest(delivery: WebhookDelivery, env: Environment, nowMs: number): WebhookRequest {
  const { action, ruleRunId: id } = delivery;
  const url = typeof action["url"] === "string" ? action["url"] : required(env, textIn(action, "url_env"));
  const problem = webhookUrlProblem(url);
  if (problem !== undefined) {
    throw new CounterfoilError(
      "CF_CONFIG_INVALID",
      `the environment variable ${textIn(action, "url_env")} ${problem}`,
    );
  }
  const body = JSON.stringify(webhookBody(delivery));
  const timestamp = String(Math.floor(nowMs / 1_000));
  const variable = action["secret_env"];
  const secret = typeof variable === "string" ? required(env, variable) : undefined;
  return {
    url,
    body,
    headers: {
      "content-type": "application/json",
      "user-agent": "counterfoil-webhook",
      "idempotency-key": id,
      "webhook-id": id,
      "webhook-timestamp": timestamp,
      ...(secret === undefined
        ? {}
        : { "webhook-signature": webhookSignature(secret, { id, timestamp, body }) }),
    },
  };
}

/**
 * `v1,` and the base64 of the HMAC-SHA256. A secret that begins with `whsec_` is base64 behind it, as Standard Webhooks'
 * libraries take it; any other is its own bytes.
 */
export function webhookSignature(
  secret: string,
  { id, timestamp, body }: { readonly id: string; readonly timestamp: string; readonly body: string },
): string {
  const encoded = /^whsec_(.+)$/.exec(secret)?.[1];
  const key = encoded === undefined ? Buffer.from(secret, "utf8") : Buffer.from(encoded, "base64");
  return `v1,${createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64")}`;
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

function required(env: Environment, name: string): string {
  const value = env(name)?.trim();
  if (value !== undefined && value !== "") return value;
  throw new CounterfoilError("CF_CONFIG_INVALID", `the server has no environment variable ${name}`);
}
