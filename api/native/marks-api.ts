import { MarkService, readAlertEvents, type RunReference } from "../../loop/index.js";
import {
  ALERT_SEVERITIES,
  type Api,
  type ApiHandler,
  type ApiHost,
  CounterfoilError,
  MARKS_PAGE_MAX,
  spanIdOf,
  timeToUnixNano,
  traceIdOf,
  uuidOf,
} from "../../schema/index.js";
import { createRecordWriter } from "../../store/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import { decodedSegment, jsonBody, jsonObject, jsonReply, wholeNumberIn } from "./json-call.js";

const PATH = /^\/api\/v1\/(alerts|pins|run-tags)(?:\/([^/]+))?$/;
const ALERTS_DEFAULT = 100;

/**
 * What rules and people mark over HTTP (`docs/rules.md`): `GET /api/v1/alerts`; `/api/v1/pins`, `DELETE
 * /api/v1/pins/{trace id}`; `/api/v1/run-tags`.
 */
export function createMarksApi(host: ApiHost, reads: MirrorReads): Api {
  const rows = (sql: string, params: Parameters<MirrorReads["rows"]>[1]) => reads.rows(sql, params);
  const service = new MarkService({ writer: createRecordWriter(host, { source: "api" }), rows });
  const handlers: Readonly<Record<string, ApiHandler>> = {
    "GET alerts": async ({ query }) => jsonReply(await readAlertEvents(rows, alertFilter(query))),
    "GET pins": async () => jsonReply(await service.pins()),
    "POST pins": async (request) => {
      const { trace_id: trace, reason } = jsonObject(jsonBody(request));
      return jsonReply(await service.pin(traceIn(trace), typeof reason === "string" ? reason : undefined));
    },
    "GET run-tags": async ({ query }) => {
      const trace = query.get("trace");
      return jsonReply(await service.tags(trace === null ? undefined : traceIn(trace)));
    },
    "POST run-tags": async (request) => {
      const { run_id: run, trace_id: trace, span_id: span, tag } = jsonObject(jsonBody(request));
      return jsonReply(await service.tag(referenceIn({ run, trace, span }), tagIn(tag)));
    },
    "DELETE run-tags": async ({ query }) => {
      const [run, trace, span] = ["run", "trace", "span"].map((name) => query.get(name));
      await service.untag(referenceIn({ run, trace, span }), tagIn(query.get("tag")));
      return jsonReply({ deleted: true });
    },
  };
  return {
    find(method, path) {
      const [found, table = "", segment] = PATH.exec(path) ?? [];
      if (found === undefined) return undefined;
      if (segment === undefined) return handlers[`${method} ${table}`];
      if (method !== "DELETE" || table !== "pins") return undefined;
      return async () => {
        const trace = traceIn(decodedSegment(segment));
        await service.unpin(trace);
        return jsonReply({ trace_id: trace, deleted: true });
      };
    },
    close: async () => undefined,
  };
}

function alertFilter(query: URLSearchParams): Parameters<typeof readAlertEvents>[1] {
  const [rule, severity, since] = ["rule", "severity", "since"].map((name) => query.get(name) ?? undefined);
  if (severity !== undefined && !(ALERT_SEVERITIES as readonly string[]).includes(severity)) {
    throw new CounterfoilError("CF_USAGE", `severity must be one of ${ALERT_SEVERITIES.join(", ")}.`);
  }
  if (since !== undefined && timeToUnixNano(since) === undefined)
    throw new CounterfoilError("CF_USAGE", "since must be a time such as 2026-11-23T10:00:00Z.");
  return {
    ...(rule === undefined ? {} : { rule }),
    ...(severity === undefined ? {} : { severity }),
    ...(since === undefined ? {} : { since }),
    limit: wholeNumberIn(query, "limit", { least: 1, most: MARKS_PAGE_MAX }) ?? ALERTS_DEFAULT,
  };
}

function traceIn(value: unknown): string {
  const trace = traceIdOf(value);
  if (trace !== undefined) return trace;
  throw new CounterfoilError("CF_USAGE", "trace_id must be a trace id: 32 hex digits, or a UUID.");
}

function referenceIn(given: {
  readonly run: unknown;
  readonly trace: unknown;
  readonly span: unknown;
}): RunReference {
  const runId = uuidOf(given.run);
  if (runId !== undefined) return { runId };
  const traceId = traceIdOf(given.trace);
  const spanId = spanIdOf(given.span);
  const hasSpan = given.span !== undefined && given.span !== null;
  if (traceId !== undefined && (spanId !== undefined || !hasSpan))
    return { traceId, ...(spanId === undefined ? {} : { spanId }) };
  throw new CounterfoilError("CF_USAGE", "Name the run by run_id, trace_id, or trace_id and span_id.");
}

function tagIn(value: unknown): string {
  if (typeof value === "string" && value.trim() !== "") return value;
  throw new CounterfoilError("CF_USAGE", "tag must be a text.");
}
