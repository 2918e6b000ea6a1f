import type { RunFields, RunJson, RunRecord } from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageSizeOf, placeOf } from "../cursor.js";
import { badField, json, RefusedCall, runsJson } from "../replies.js";
import { type RunSources, readPage } from "../runs/run-pages.js";
import { readRunQuery } from "../runs/run-query.js";
import { previewOf, secondsOf, selectsOf, v2Run } from "../runs/run-v2.js";
import { uuidOf } from "../runs/run-view.js";
import { traceTotals } from "../traces/trace-totals.js";
import { ALL_THREADS_FIGURES, figuresOver, THREAD_FIGURES } from "./thread-stats.js";
import { threadCount, threadsOf } from "./thread-rows.js";
import { traceScope } from "./trace-scope.js";

const PAGE = { most: 1_000, usual: 100 };
const DAY_MS = 86_400_000;

/** Routes of threads: conversations of several traces, named by `thread_id` in their metadata. */
export function threadHandlers(sources: RunSources): Readonly<Record<string, Handler>> {
  const { reads, projects } = sources;
  return {
    queryThreads: async ({ request }) => {
      const body = objectBody(request.body);
      refuseSearch(body);
      const limit = pageSizeOf(body["page_size"], PAGE);
      const after = body["cursor"] ? placeOf(body["cursor"]) : undefined;
      const scope = await traceScope(v2Wish(body), projects, V2_NAMES);
      const { threads, next } = await threadsOf(reads, scope, { limit, after });
      return json(200, { items: threads, next_cursor: next });
    },
    allThreadStats: async ({ request }) => {
      const body = objectBody(request.body);
      refuseSearch(body);
      const { where, bindings } = await traceScope(v2Wish(body), projects, V2_NAMES);
      const scope = { where: `t.thread_id IS NOT NULL AND ${where}`, bindings };
      const selects = selectsOf(body["select"]) ?? [];
      return json(200, await figuresOver(reads, scope, { known: ALL_THREADS_FIGURES, selects }));
    },
    threadStats: async (call) => {
      const { query } = call.request;
      const wish = { projectId: query.get("session_id"), rootFilters: [query.get("filter")] };
      const { where, bindings } = await traceScope(wish, projects, { projectId: "session_id" });
      const scope = { where: `t.thread_id = ${bindings.bind(threadOf(call))} AND ${where}`, bindings };
      return json(
        200,
        await figuresOver(reads, scope, { known: THREAD_FIGURES, selects: listIn(query, "selects") }),
      );
    },
    threadTraces: (call) => threadTraces(sources, call),
    groupRuns: async ({ request }) => {
      const body = objectBody(request.body);
      if (body["group_by"] !== "conversation") {
        throw badField(["body", "group_by"], "must be conversation: runs are grouped by thread alone");
      }
      const wish = {
        projectId: body["session_id"],
        since: body["start_time"],
        until: body["end_time"],
        rootFilters: [body["filter"]],
      };
      const names = { projectId: "session_id", since: "start_time", until: "end_time" };
      const limit = pageSizeOf(body["limit"], { most: 1_000, usual: 100 });
      const offset = body["offset"] ?? 0;
      if (typeof offset !== "number" || !Number.isSafeInteger(offset) || offset < 0)
        throw badField(["body", "offset"], "must be a whole number");
      const { threads } = await threadsOf(reads, await traceScope(wish, projects, names), { limit, offset });
      const total = await threadCount(reads, await traceScope(wish, projects, names));
      return json(200, { groups: threads.map(groupOf), total });
    },
  };
}

const V2_NAMES = { projectId: "project_id", since: "min_start_time", until: "max_start_time" };

/** Without a time, version 2 looks back for one day. */
function v2Wish(body: RunRecord) {
  return {
    projectId: body["project_id"],
    since: body["min_start_time"] ?? new Date(Date.now() - DAY_MS).toISOString(),
    until: body["max_start_time"],
    rootFilters: [body["filter"], body["trace_filter"]],
    treeFilter: body["tree_filter"],
  };
}

function refuseSearch(body: RunRecord): void {
  for (const field of ["ai_search", "thread_filter"]) {
    if (body[field] === undefined || body[field] === null || body[field] === "") continue;
    throw new RefusedCall(
      501,
      `Counterfoil does not have ${field}; filter, trace_filter and tree_filter choose threads by their runs.`,
    );
  }
}

/** A thread in the words of version 1. */
function groupOf(thread: RunRecord): RunRecord {
  const { thread_id: id } = thread;
  return { ...thread, group_key: id ?? null, filter: `eq(thread_id, ${JSON.stringify(id)})` };
}

/** The root runs of a thread, the first turn first. */
async function threadTraces(sources: RunSources, call: Call) {
  const { query } = call.request;
  const thread = threadOf(call);
  const project = query.get("project_id");
  if (project === null) throw badField(["query", "project_id"], "is required");
  const selects = listIn(query, "selects");
  const wish: { [field: string]: RunJson } = {
    session: [project],
    is_root: true,
    order: "asc",
    filter: query.get("filter"),
    trace_filter: query.get("trace_filter"),
    tree_filter: query.get("tree_filter"),
    cursor: query.get("cursor") || null,
  };
  const asked = await readRunQuery(wish, sources.projects, (bindings) => [
    `s.trace_id IN (SELECT t.trace_id FROM traces AS t WHERE t.thread_id = ${bindings.bind(thread)})`,
  ]);
  const limit = pageSizeOf(query.get("page_size"), PAGE);
  const { runs, next } = await readPage(sources, { ...asked, limit });
  const totals = await traceTotals(sources.reads, runs);
  const turns = selects.includes("TURN_NUMBER")
    ? await turnsOf(sources, thread, project)
    : new Map<string, number>();
  const wanted = new Set(["trace_id", ...selects.map((field) => field.toLowerCase())]);
  const items = runs.map((run): RunFields => {
    const id = textAt(run, "trace_id") ?? "";
    const { latency_seconds: _latency, ...fields } = v2Run(run);
    const item: RunFields = {
      ...fields,
      ...totals.get(id),
      thread_id: thread,
      latency: secondsOf(run),
      error_preview: previewOf(run["error"]),
      turn_number: turns.get(id) ?? null,
    };
    return Object.fromEntries(
      Object.entries(item).filter(([field, value]) => wanted.has(field) && value !== null),
    );
  });
  return runsJson(200, { items, next_cursor: next });
}

/** Numbers of a thread's traces, from 1, by trace id. */
async function turnsOf(
  { reads, projects }: RunSources,
  thread: string,
  project: string,
): Promise<ReadonlyMap<string, number>> {
  const wish = { projectId: project, rootFilters: [] };
  const { where, bindings } = await traceScope(wish, projects, { projectId: "project_id" });
  const rows = await reads.rows(
    `SELECT t.trace_id, row_number() OVER (ORDER BY t.start_time, t.trace_id) AS turn FROM traces AS t
WHERE t.thread_id = ${bindings.bind(thread)} AND ${where}`,
    bindings.params,
  );
  return new Map(rows.map((row) => [uuidOf(textAt(row, "trace_id") ?? ""), Number(row["turn"])]));
}

function threadOf({ params }: Call): string {
  return params["thread_id"] ?? "";
}

/** A list in a query, in any of the ways that clients write one. */
function listIn(query: URLSearchParams, name: string): string[] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)]
    .flatMap((text) => text.split(","))
    .filter((item) => item !== "");
}
