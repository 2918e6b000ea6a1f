import type { FeedbackToken, FeedbackTokenService, TokenFeedback } from "../../../loop/index.js";
import {
  type ApiRequest,
  FEEDBACK_TOKEN_LIFE_MS,
  FEEDBACK_TOKENS_MAX,
  isRunId,
  type JsonObject,
  type JsonValue,
  type RunJson,
  type RunRecord,
} from "../../../schema/index.js";
import { objectBody, parseBody } from "../body.js";
import type { Handler } from "../call.js";
import { pageOf } from "../paging.js";
import { badField, json } from "../replies.js";

/** Fields that are the token's own; `trace_id`, `span_id`, `thread_id` and `once` are Counterfoil's. */
const FIELDS = ["feedback_key", "feedback_config", "run_id", "trace_id", "span_id", "thread_id", "once"];
const UNITS_MS = { days: 86_400_000, hours: 3_600_000, minutes: 60_000 } as const;

/** Routes of presigned feedback tokens. Using one needs no API key (`Api.isPublic`). */
export function feedbackTokenHandlers(service: FeedbackTokenService): Readonly<Record<string, Handler>> {
  return {
    createFeedbackTokens: async ({ request }) => {
      const body = parseBody(request.body);
      const drafts = (Array.isArray(body) ? body : [body]).map((item, at) => draftOf(item, at));
      if (drafts.length === 0 || drafts.length > FEEDBACK_TOKENS_MAX)
        throw badField(["body"], `must be one token, or a list of 1 to ${FEEDBACK_TOKENS_MAX}`);
      const tokens = (await service.create(drafts)).map((token) => tokenView(token, request));
      return json(200, Array.isArray(body) ? tokens : tokens[0]);
    },
    listFeedbackTokens: async ({ request }) => {
      const run = request.query.get("run_id");
      if (!isRunId(run)) throw badField(["query", "run_id"], "must be a UUID");
      const tokens = await service.ofRun(run);
      return json(
        200,
        pageOf(request.query, tokens).map((token) => tokenView(token, request)),
      );
    },
    postFeedbackToken: async ({ request, params }) => {
      await service.use(params["token"] ?? "", objectBody(request.body));
      return json(200, { message: "Feedback stored" });
    },
    getFeedbackToken: async ({ request, params }) => {
      await service.use(params["token"] ?? "", queryFeedback(request.query));
      return { ...json(200, { message: "Feedback stored" }), headers: { "cache-control": "no-store" } };
    },
  };
}

function draftOf(item: RunJson, at: number): JsonObject {
  if (typeof item !== "object" || item === null || Array.isArray(item))
    throw badField(["body", at], "must be an object");
  const data: Record<string, JsonValue> = {};
  for (const field of FIELDS) if ((item[field] ?? null) !== null) data[field] = item[field] ?? null;
  const id = item["id"] ?? null;
  if (id !== null && !isRunId(id)) throw badField(["body", "id"], "must be a UUID");
  return { ...data, ...(id === null ? {} : { feedback_id: id }), expires_at: expiryOf(item) };
}

/** `expires_at`, a time, or `expires_in`, `{days, hours, minutes}` from now. */
function expiryOf(item: RunRecord): string {
  const at = item["expires_at"] ?? null;
  // What is no time is refused with the token's other fields.
  if (at !== null) return typeof at === "string" ? at : "";
  const given = item["expires_in"] ?? null;
  if (given === null) return new Date(Date.now() + FEEDBACK_TOKEN_LIFE_MS).toISOString();
  if (typeof given !== "object" || Array.isArray(given))
    throw badField(["body", "expires_in"], "must be an object");
  let ms = 0;
  for (const [unit, amount] of Object.entries(given)) {
    const unitMs = UNITS_MS[unit as keyof typeof UNITS_MS];
    if (unitMs === undefined || typeof amount !== "number" || !Number.isFinite(amount))
      throw badField(["body", "expires_in"], "must have days, hours and minutes as numbers");
    ms += amount * unitMs;
  }
  const time = new Date(Date.now() + ms);
  if (Number.isNaN(time.getTime())) throw badField(["body", "expires_in"], "is too long");
  return time.toISOString();
}

function tokenView({ id, data }: FeedbackToken, request: ApiRequest): RunRecord {
  return {
    id,
    url: `${baseOf(request)}/feedback/tokens/${id}`,
    expires_at: data["expires_at"] as RunJson,
    feedback_key: data["feedback_key"] as RunJson,
  };
}

/** The address that the client used, up to the route: clients refuse a token of another one. */
function baseOf(request: ApiRequest): string {
  const scheme = request.header("x-forwarded-proto") === "https" ? "https" : "http";
  const prefix = request.path.replace(/\/feedback\/tokens\/?$/, "");
  return `${scheme}://${request.header("host") ?? "localhost"}${prefix}`;
}

/** What a link says: `?score=1`, `&value=`, `&comment=`, `&correction=` (a JSON object, or text). */
function queryFeedback(query: URLSearchParams): TokenFeedback {
  const given: Record<string, JsonValue> = {};
  const score = query.get("score");
  if (score !== null) given["score"] = scoreOf(score);
  for (const field of ["value", "comment"]) {
    const text = query.get(field);
    if (text !== null) given[field] = text;
  }
  const correction = query.get("correction");
  if (correction !== null) given["correction"] = correctionOf(correction);
  return given;
}

function scoreOf(text: string): JsonValue {
  if (text === "true" || text === "false") return text === "true";
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw badField(["query", "score"], "must be a number, true or false");
}

function correctionOf(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
