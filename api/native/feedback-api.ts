import {
  AGREEMENT_LEVELS,
  type AgreementReport,
  agreementReport,
  createFeedbackService,
  type FeedbackFilter,
  type FeedbackService,
  type Rows,
} from "../../loop/index.js";
import {
  type Api,
  type ApiHandler,
  type ApiHost,
  type ApiReply,
  type ApiRequest,
  CounterfoilError,
  FEEDBACK_PAGE_MAX,
  type JsonObject,
  spanIdOf,
  traceIdOf,
  uuidOf,
} from "../../schema/index.js";
import { createRecordWriter } from "../../store/index.js";
import type { SharedParts } from "../shared-parts.js";
import type { MirrorReads } from "../mirror-reads.js";

const PATH = /^(?:\/api)?(?:\/v1)?\/feedback(?:\/([^/]+))?$/;
/** LangSmith's presigned tokens live below the same path. */
const NOT_AN_ID = "tokens";
/** No id either: how far raters agree. */
const AGREEMENT = "agreement";
const PAGE_DEFAULT = 100;

/**
 * Feedback over HTTP: `/api/v1/feedback` (`docs/feedback.md`). Requests and answers are LangSmith's, so that its clients
 * can use them; a list may be posted as well as one.
 */
export function createFeedbackApi(host: ApiHost, reads: MirrorReads, { configs }: SharedParts): Api {
  const rows: Rows = (sql, params) => reads.rows(sql, params);
  const writer = createRecordWriter(host, { source: "api" });
  const service = createFeedbackService({ writer, rows, configs });
  return {
    find(method, path) {
      const found = PATH.exec(path);
      if (found === null || found[1] === NOT_AN_ID) return undefined;
      if (found[1] === AGREEMENT && method === "GET") {
        return async ({ query }) => json(200, await agreement(rows, query));
      }
      return handlerFor(service, method, found[1]);
    },
    close: async () => undefined,
  };
}

function handlerFor(
  service: FeedbackService,
  method: string,
  segment: string | undefined,
): ApiHandler | undefined {
  if (segment === undefined) {
    if (method === "POST") return async (request) => json(200, await create(service, bodyOf(request)));
    if (method === "GET") return async ({ query }) => json(200, await service.list(filterOf(query)));
    return undefined;
  }
  if (method === "GET") return async () => json(200, await service.get(decoded(segment)));
  if (method === "PATCH") {
    return async (request) => json(200, await service.update(decoded(segment), objectOf(bodyOf(request))));
  }
  if (method === "DELETE") {
    return async () => {
      const id = decoded(segment);
      await service.remove(id);
      return json(200, { message: `Feedback ${id} deleted` });
    };
  }
  return undefined;
}

/** `?key=`, and `&level=nominal` (the default), `ordinal` or `interval`. */
function agreement(rows: Rows, query: URLSearchParams): Promise<AgreementReport> {
  const key = query.get("key") ?? "";
  if (key === "") throw new CounterfoilError("CF_USAGE", "key is required: the feedback that raters gave.");
  const level = query.get("level") ?? "nominal";
  const known = AGREEMENT_LEVELS.find((each) => each === level);
  if (known !== undefined) return agreementReport(rows, key, known);
  throw new CounterfoilError(
    "CF_USAGE",
    `level must be one of ${AGREEMENT_LEVELS.join(", ")}, got ${level}.`,
  );
}

async function create(service: FeedbackService, body: unknown): Promise<unknown> {
  if (!Array.isArray(body)) return (await service.create([draftOf(body)]))[0];
  return service.create(body.map(draftOf));
}

/** LangSmith's JavaScript client writes one field's name in camel case. */
function draftOf(value: unknown): JsonObject {
  const { feedbackConfig, ...draft } = objectOf(value);
  return feedbackConfig === undefined ? draft : { feedback_config: feedbackConfig, ...draft };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new CounterfoilError("CF_REQUEST_INVALID", "The id in the path is not percent-encoded correctly.");
  }
}

/** The JSON of a body. The content type is demanded because a web page can't send it elsewhere without being asked (CSRF). */
function bodyOf(request: ApiRequest): unknown {
  if (!/^application\/json\s*(;|$)/i.test(request.header("content-type") ?? "")) {
    throw new CounterfoilError("CF_REQUEST_INVALID", "Send this with Content-Type: application/json.");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(request.body)) as unknown;
  } catch {
    throw new CounterfoilError("CF_REQUEST_INVALID", "The body must be JSON in UTF-8.");
  }
}

function objectOf(value: unknown): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CounterfoilError("CF_REQUEST_INVALID", "A feedback must be a JSON object.");
}

function filterOf(query: URLSearchParams): FeedbackFilter {
  const all = (...names: string[]): string[] => names.flatMap((name) => query.getAll(name));
  const since = query.get("min_created_at");
  const until = query.get("max_created_at");
  const hasScore = flag(query, "has_score");
  const hasComment = flag(query, "has_comment");
  return {
    runIds: all("run", "run_id").map((text) => wanted("run", uuidOf(text), text, "a run id (UUID)")),
    traceIds: all("trace", "trace_id").map((text) => wanted("trace", traceIdOf(text), text, "a trace id")),
    spanIds: all("span", "span_id").map((text) =>
      wanted("span", spanIdOf(text), text, "a span id (16 hex digits)"),
    ),
    keys: all("key"),
    sources: all("source"),
    sessions: all("session", "session_id"),
    projects: all("project"),
    threads: all("thread", "thread_id"),
    ...(hasScore === undefined ? {} : { hasScore }),
    ...(hasComment === undefined ? {} : { hasComment }),
    ...(since === null ? {} : { createdFrom: timeOf("min_created_at", since) }),
    ...(until === null ? {} : { createdUntil: timeOf("max_created_at", until) }),
    limit: count(query, "limit", { least: 1, most: FEEDBACK_PAGE_MAX }) ?? PAGE_DEFAULT,
    offset: count(query, "offset", { least: 0, most: Number.MAX_SAFE_INTEGER }) ?? 0,
  };
}

function wanted(name: string, value: string | undefined, text: string, what: string): string {
  if (value !== undefined) return value;
  throw new CounterfoilError("CF_USAGE", `${name} must be ${what}, got ${JSON.stringify(text)}.`);
}

function timeOf(name: string, text: string): string {
  const ms = Date.parse(text);
  return wanted(
    name,
    Number.isNaN(ms) ? undefined : new Date(ms).toISOString().slice(0, -1),
    text,
    "a time such as 2026-11-23T10:00:00Z",
  );
}

function flag(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (text === "true" || text === "false") return text === "true";
  throw new CounterfoilError("CF_USAGE", `${name} must be true or false, got ${JSON.stringify(text)}.`);
}

function count(
  query: URLSearchParams,
  name: string,
  { least, most }: { least: number; most: number },
): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new CounterfoilError(
    "CF_USAGE",
    `${name} must be a whole number from ${least} to ${most}, got ${JSON.stringify(text)}.`,
  );
}

function json(status: number, body: unknown): ApiReply {
  return { status, contentType: "application/json", body: `${JSON.stringify(body)}\n` };
}
