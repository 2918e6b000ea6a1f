import {
  type QuarantineDecision,
  type Rule,
  readRuleLogs,
  type RulesEngine,
  type RuleService,
} from "../../loop/index.js";
import {
  type Api,
  type ApiHandler,
  type ApiHost,
  type ApiRequest,
  API_READ_WAIT_MS,
  CounterfoilError,
  type JsonObject,
  RULE_LOG_PAGE_MAX,
  traceIdOf,
} from "../../schema/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import type { SharedParts } from "../shared-parts.js";
import { decodedSegment, jsonBody, jsonObject, jsonReply, wholeNumberIn } from "./json-call.js";
import { appliedDrafts, draftOf, saved } from "./named-drafts.js";

const PATH = /^\/api\/v1\/rules(?:\/([^/]+))?(?:\/([^/]+))?$/;
const LOG_PAGE_DEFAULT = 100;
const WAIT_MS_MAX = 600_000;

/**
 * Rules over HTTP (`docs/golden-examples.md`): `/api/v1/rules`, `/api/v1/rules/{id or name}`, its `/logs`,
 * `/backfill`, `/approve` and `/reject`, and the verbs `apply`, `preview` and `wait`.
 */
export function createRulesApi(
  host: ApiHost,
  reads: MirrorReads,
  { rules, ruleBook: service }: SharedParts,
): Api {
  const rows = (sql: string, params: Parameters<MirrorReads["rows"]>[1]) => reads.rows(sql, params);
  const verbs: Readonly<Record<string, ApiHandler>> = {
    apply: async (request) => {
      const { drafts, options } = appliedDrafts(request, "rules");
      return jsonReply(await service.apply(drafts, options));
    },
    preview: async (request) => jsonReply(await preview(rules, request)),
    wait: async (request) => jsonReply(await wait(host, rules, request)),
  };
  return {
    find(method, path) {
      const found = PATH.exec(path);
      if (found === null) return undefined;
      const [, segment, more] = found;
      if (segment === undefined) {
        if (method === "GET") return async () => jsonReply((await service.list()).map(ruleReply));
        return method === "POST" ? async (request) => jsonReply(await save(service, request)) : undefined;
      }
      if (method === "POST" && more === undefined) return verbs[segment];
      const name = (): string => decodedSegment(segment);
      if (more === "logs" && method === "GET") {
        return async ({ query }) => {
          const { id } = await service.get(name());
          return jsonReply(await readRuleLogs(rows, { ruleId: id, ...logFilter(query) }));
        };
      }
      if (more === "backfill" && method === "POST") {
        return async (request) => jsonReply(await backfill(await service.get(name()), rules, request));
      }
      if ((more === "approve" || more === "reject") && method === "POST") {
        const decision = more === "approve" ? "approved" : "rejected";
        return async (request) => {
          const wanted = quarantineDecision(request, decision);
          return jsonReply(await rules.decide(await service.get(name()), wanted));
        };
      }
      if (more !== undefined) return undefined;
      if (method === "GET") return async () => jsonReply(ruleReply(await service.get(name())));
      if (method === "PUT") {
        return async (request) => {
          const { id } = await service.get(name());
          return jsonReply(await save(service, request, id));
        };
      }
      if (method !== "DELETE") return undefined;
      return async () => jsonReply({ id: (await service.remove(name())).id, deleted: true });
    },
    close: async () => undefined,
  };
}

function ruleReply({ id, data }: Rule): JsonObject {
  return { id, ...data, enabled: data["enabled"] ?? true };
}

/** Creates a rule, or replaces the one of that id. */
async function save(service: RuleService, request: ApiRequest, id?: string): Promise<JsonObject> {
  const draft = draftOf(jsonObject(jsonBody(request)));
  return ruleReply(await saved(service, { type: "rule", draft, id }));
}

/** What a rule would make of the runs of a trace; the rule need not be there. */
async function preview(rules: RulesEngine, request: ApiRequest): Promise<unknown> {
  const { rule, trace_id: trace } = jsonObject(jsonBody(request));
  const traceId = traceIdOf(trace);
  if (traceId === undefined)
    throw new CounterfoilError("CF_USAGE", "trace_id must be a trace id: 32 hex digits, or a UUID.");
  const { data } = draftOf(jsonObject(rule, "rule"));
  const found = await rules.preview(data, traceId);
  return found.map(({ traceId: each, spanId, runId, note, makes }) => ({
    trace_id: each,
    span_id: spanId,
    run_id: runId,
    ...note,
    makes,
  }));
}

/** Waits until every rule is through with everything that was accepted before, what rules said of it too, and the mirror shows it. */
async function wait(host: ApiHost, rules: RulesEngine, request: ApiRequest): Promise<JsonObject> {
  const { deadline_ms: given } = jsonObject(jsonBody(request));
  const deadlineMs = given ?? API_READ_WAIT_MS;
  if (typeof deadlineMs !== "number" || deadlineMs < 0 || deadlineMs > WAIT_MS_MAX) {
    throw new CounterfoilError("CF_USAGE", `deadline_ms must be a number from 0 to ${WAIT_MS_MAX}.`);
  }
  const startedAt = performance.now();
  const left = (): number => Math.max(0, deadlineMs - (performance.now() - startedAt));
  const first = host.durableSeq();
  // What one rule says of a run may be what another waits for.
  for (let round = 0; round === 0 || round < rules.ruleCount; round += 1) {
    const before = rules.feedbackGiven;
    const seq = host.durableSeq();
    if (seq > 0) await host.sealed(seq, left());
    await rules.caughtUp(seq, left());
    if (rules.feedbackGiven === before) break;
  }
  await host.sealed(host.durableSeq(), left());
  return { seq: first };
}

/** One part of the history: the client asks for the next one with `after`. */
async function backfill(rule: Rule, rules: RulesEngine, request: ApiRequest): Promise<JsonObject> {
  const { since, after, dry_run: dryRun } = jsonObject(jsonBody(request));
  for (const [field, value] of Object.entries({ since, after })) {
    if (value === undefined || value === null || typeof value === "string") continue;
    throw new CounterfoilError("CF_USAGE", `${field} must be a text, got ${JSON.stringify(value)}.`);
  }
  const { notSampled, notMatched, upTo, ...report } = await rules.backfill(rule, {
    dryRun: dryRun === true,
    ...(typeof since === "string" ? { since } : {}),
    ...(typeof after === "string" ? { after } : {}),
  });
  return {
    ...report,
    not_sampled: notSampled,
    not_matched: notMatched,
    ...(upTo === undefined ? {} : { up_to: upTo }),
  } as unknown as JsonObject;
}

function quarantineDecision(
  request: ApiRequest,
  decision: QuarantineDecision["decision"],
): QuarantineDecision {
  const { ids, all, by, dry_run: dryRun } = jsonObject(jsonBody(request));
  const isList = Array.isArray(ids) && ids.length > 0 && ids.every((id) => typeof id === "string");
  if (isList === (all === true)) {
    throw new CounterfoilError("CF_USAGE", 'Give ids, a list of ids of rule_runs, or "all": true.');
  }
  return {
    decision,
    dryRun: dryRun === true,
    ...(isList ? { ids } : {}),
    ...(typeof by === "string" && by !== "" ? { by } : {}),
  };
}

function logFilter(query: URLSearchParams) {
  const outcome = query.get("outcome");
  const trace = query.get("trace");
  return {
    ...(outcome === null ? {} : { outcome }),
    ...(trace === null ? {} : { traceId: trace.replaceAll("-", "").toLowerCase() }),
    limit: wholeNumberIn(query, "limit", { least: 1, most: RULE_LOG_PAGE_MAX }) ?? LOG_PAGE_DEFAULT,
    offset: wholeNumberIn(query, "offset", { least: 0, most: Number.MAX_SAFE_INTEGER }) ?? 0,
  };
}
