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
import { decodedSegment, jsonBody, jsonObject, jsonReply, wholeNumberIn } from "./json-call.js";

const PATH = /^(?:\/api)?(?:\/v1)?\/feedback(?:\/([^/]+))?$/;
/** LangSmith's presigned tokens live below the same path. */
const NOT_AN_ID = "tokens";
/** No id either: how far raters agree. */
const AGREEMENT = "agreement";
const PAGE_DEFAULT = 100;
/** How errors name what is posted. */
const FEEDBACK = "A feedback";

/**
 * Feedback over HTTP: `/api/v1/feedback` (`docs/feedback.md`). Requests and answers are LangSmith's, so that its clients
 * can use them; a list may be posted as well as one.
 */
export function createFeedbackApi(
  host: ApiHost,
  reads: MirrorReads,
  { configs, runsOfProjects }: SharedParts,
): Api {
  const rows: Rows = (sql, params) => reads.rows(sql, params);
  const writer = createRecordWriter(host, { source: "api" });
  const service = createFeedbackService({ writer, rows, configs });
  return {
    find(method, path) {
      const found = PATH.exec(path);
      if (found === null || found[1] === NOT_AN_ID) return undefined;
      if (found[1] === AGREEMENT && method === "GET") {
        return async ({ query }) => jsonReply(await agreement(rows, query));
      }
      if (found[1] === undefined && method === "GET") {
        return async ({ query }) => jsonReply(await service.list(await filterOf(query, runsOfProjects)));
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
    if (method === "POST") return async (request) => jsonReply(await create(service, jsonBody(request)));
    return undefined;
  }
  if (method === "GET") return async () => jsonReply(await service.get(decodedSegment(segment)));
  if (method === "PATCH") {
    return async (request) =>
      jsonReply(await service.update(decodedSegment(segment), jsonObject(jsonBody(request), FEEDBACK)));
  }
  if (method === "DELETE") {
    return async () => {
      const id = decodedSegment(segment);
      await service.remove(id);
      return jsonReply({ message: `Feedback ${id} deleted` });
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
  const { feedbackConfig, ...draft } = jsonObject(value, FEEDBACK);
  return feedbackConfig === undefined ? draft : { feedback_config: feedbackConfig, ...draft };
}

async function filterOf(
  query: URLSearchParams,
  runsOfProjects: SharedParts["runsOfProjects"],
): Promise<FeedbackFilter> {
  const all = (...names: string[]): string[] => names.flatMap((name) => query.getAll(name));
  const since = query.get("min_created_at");
  const until = query.get("max_created_at");
  const hasScore = flag(query, "has_score");
  const hasComment = flag(query, "has_comment");
  const sessions = all("session", "session_id");
  const level = query.get("level");
  if (level !== null && level !== "session" && level !== "run") {
    throw new CounterfoilError("CF_USAGE", `level must be session or run, got ${JSON.stringify(level)}.`);
  }
  return {
    runIds: all("run", "run_id").map((text) => wanted("run", uuidOf(text), text, "a run id (UUID)")),
    traceIds: all("trace", "trace_id").map((text) => wanted("trace", traceIdOf(text), text, "a trace id")),
    spanIds: all("span", "span_id").map((text) =>
      wanted("span", spanIdOf(text), text, "a span id (16 hex digits)"),
    ),
    keys: all("key"),
    sources: all("source"),
    sessions,
    ...(sessions.length === 0 ? {} : { sessionRuns: await runsOfProjects(sessions) }),
    ...(level === null ? {} : { level }),
    projects: all("project"),
    threads: all("thread", "thread_id"),
    examples: all("example", "example_id"),
    ...(hasScore === undefined ? {} : { hasScore }),
    ...(hasComment === undefined ? {} : { hasComment }),
    ...(since === null ? {} : { createdFrom: timeOf("min_created_at", since) }),
    ...(until === null ? {} : { createdUntil: timeOf("max_created_at", until) }),
    limit: wholeNumberIn(query, "limit", { least: 1, most: FEEDBACK_PAGE_MAX }) ?? PAGE_DEFAULT,
    offset: wholeNumberIn(query, "offset", { least: 0, most: Number.MAX_SAFE_INTEGER }) ?? 0,
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
