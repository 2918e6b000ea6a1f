import { createHmac } from "node:crypto";
import { CounterfoilError, type JsonObject, webhookUrlProblem } from "../../schema/index.js";
import { textIn } from "../records/text-in.js";

/** Values of environment variables: secrets, and addresses that are. */
export type Environment = (name: string) => string | undefined;

/** The `url` of an action or evaluator, or what its `url_env` holds. Throws CF_CONFIG_INVALID for one that is missing or no address. */
export function addressOf(data: JsonObject, env: Environment): string {
  const { url } = data;
  if (typeof url === "string") return url;
  const variable = textIn(data, "url_env");
  const found = requiredVariable(env, variable);
  const problem = webhookUrlProblem(found);
  if (problem === undefined) return found;
  throw new CounterfoilError("CF_CONFIG_INVALID", `the environment variable ${variable} ${problem}`);
}

/** What is signed. */
export interface Signed {
  /** The same in every try. */
  readonly id: string;
  readonly body: string;
  readonly env: Environment;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Headers of a POST as Standard Webhooks says, signed by the secret in the variable that `secret_env` names: HMAC-SHA256
 * over `id.timestamp.body`. Throws CF_CONFIG_INVALID for a variable that is missing.
 */
export function signedHeaders(
  data: JsonObject,
  { id, body, env, nowMs }: Signed,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const variable = data["secret_env"];
  const secret = typeof variable === "string" ? requiredVariable(env, variable) : undefined;
  return {
    "content-type": "application/json",
    "user-agent": "counterfoil-webhook",
    "idempotency-key": id,
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    ...(secret === undefined
      ? {}
      : { "webhook-signature": webhookSignature(secret, { id, timestamp, body }) }),
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

/** The value of an environment variable. Throws CF_CONFIG_INVALID for one that is missing. */
export function requiredVariable(env: Environment, name: string): string {
  const value = env(name)?.trim();
  if (value !== undefined && value !== "") return value;
  throw new CounterfoilError("CF_CONFIG_INVALID", `the server has no environment variable ${name}`);
}
