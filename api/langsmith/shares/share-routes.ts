import type { Shared } from "../../../loop/index.js";
import { isRunId, type RunFields, TRACE_REPAIR_SPANS_MAX } from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { badField, json, notFound, runsJson } from "../replies.js";
import { readOne, readPage, type RunSources } from "../runs/run-pages.js";
import { readRunQuery } from "../runs/run-query.js";
import { selectsOf, v2Run, v2Selected } from "../runs/run-v2.js";

/** Routes that make and take back links to runs and threads, and those that read by a link: a run's whole trace. */
export function shareHandlers(parts: RunSources): Readonly<Record<string, Handler>> {
  const { shares } = parts;
  return {
    readShare: async (call) => {
      const id = idIn(call, "run_id");
      const token = await shares.tokenOf({ kind: "run", id });
      // The clients take null for "not shared".
      return json(200, token === undefined ? null : { run_id: id, share_token: token });
    },
    shareRun: async (call) => {
      const id = idIn(call, "run_id");
      await existing(parts, id);
      const { share_token: wanted } = bodyOf(call);
      if (wanted !== undefined && wanted !== null && !isRunId(wanted))
        throw badField(["body", "share_token"], "must be a UUID");
      const token = await shares.share(
        { kind: "run", id },
        isRunId(wanted) ? wanted.toLowerCase() : undefined,
      );
      return json(200, { run_id: id, share_token: token });
    },
    unshareRun: async (call) => {
      await shares.unshare({ kind: "run", id: idIn(call, "run_id") });
      return json(200, { message: "The run is not shared any more" });
    },
    readThreadShare: async (call) => {
      const token = await shares.tokenOf(threadIn(call, call.request.query.get("project_id")));
      return json(200, token === undefined ? {} : { share_token: token });
    },
    shareThread: async (call) => {
      const token = await shares.share(threadIn(call, bodyOf(call)["project_id"]));
      return json(200, { share_token: token });
    },
    unshareThread: async (call) => {
      await shares.unshare(threadIn(call, call.request.query.get("project_id")));
      return json(200, { message: "The thread is not shared any more" });
    },
    readSharedRun: async (call) => {
      const { kind, id } = await sharedBy(parts, call);
      if (kind !== "run") throw notFound("Shared run");
      return runsJson(200, publicRun(await existing(parts, id), call));
    },
    readRunOfShare: async (call) => {
      const [run] = await publicRuns(parts, call, [idIn(call, "run_id")]);
      if (run === undefined) throw notFound("Run");
      const selects = selectsIn(call);
      const isV2 = call.request.path.includes("/v2/");
      return runsJson(200, isV2 ? v2Selected(v2Run(run), selects) : run);
    },
    listSharedRuns: async (call) => {
      const ids = call.request.query.getAll("id").map((id) => id.toLowerCase());
      return runsJson(200, await publicRuns(parts, call, ids));
    },
    querySharedRuns: async (call) => {
      const runs = await publicRuns(parts, call, []);
      const body = bodyOf(call);
      if (!call.request.path.includes("/v2/"))
        return runsJson(200, { runs, cursors: { next: null, prev: null } });
      const selects = selectsOf(body["selects"]);
      return runsJson(200, { items: runs.map((run) => v2Selected(v2Run(run), selects)) });
    },
    misspelledSharedRuns: async (call) => {
      // langsmith 0.12 leaves out the question mark before the query.
      const query = /^runs(share_token=.*)$/.exec(call.params["what"] ?? "")?.[1];
      if (query === undefined) throw notFound("Page");
      const ids = new URLSearchParams(query).getAll("id").map((id) => id.toLowerCase());
      return runsJson(200, await publicRuns(parts, call, ids));
    },
  };
}

/** Runs of the shared trace or thread, those of these ids or all, the first one first. */
async function publicRuns(parts: RunSources, call: Call, ids: readonly string[]): Promise<RunFields[]> {
  const shared = await sharedBy(parts, call);
  const some = ids.length === 0 ? {} : { id: [...ids] };
  const query =
    shared.kind === "thread"
      ? await readRunQuery(
          { ...some, order: "asc", session: [shared.projectId] },
          parts.projects,
          (bindings) => [
            `s.trace_id IN (SELECT t.trace_id FROM traces AS t WHERE t.thread_id = ${bindings.bind(shared.id)})`,
          ],
        )
      : await readRunQuery({ ...some, order: "asc", trace: await traceOf(parts, shared.id) }, parts.projects);
  const { runs } = await readPage(parts, { ...query, limit: TRACE_REPAIR_SPANS_MAX });
  return runs.map((run) => publicRun(run, call));
}

async function traceOf(parts: RunSources, runId: string): Promise<string> {
  return textAt(await existing(parts, runId), "trace_id") ?? runId;
}

async function sharedBy({ shares }: RunSources, { params }: Call): Promise<Shared> {
  const token = params["share_token"]?.toLowerCase();
  const shared = isRunId(token) ? await shares.find(token) : undefined;
  if (shared === undefined || shared.kind === "dataset") throw notFound("Shared run");
  return shared;
}

async function existing(parts: RunSources, id: string): Promise<RunFields> {
  const run = await readOne(parts, id);
  if (run === undefined) throw notFound(`Run ${id}`);
  return run;
}

/**
 * Whoever has the link learns nothing of the project around the trace, its name included. Nor of other links to its runs:
 * those would go on working when this one is taken back.
 */
function publicRun(run: RunFields, { params }: Call): RunFields {
  const { session_id: _id, session_name: _name, app_path: _path, share_token: token, ...rest } = run;
  return { ...rest, share_token: token === params["share_token"]?.toLowerCase() ? (token ?? null) : null };
}

function bodyOf({ request }: Call) {
  return request.body.length === 0 ? {} : objectBody(request.body);
}

function threadIn({ params }: Call, project: unknown): Shared {
  if (!isRunId(project)) throw badField(["project_id"], "is required, and must be the id of a project");
  return { kind: "thread", id: params["thread_id"] ?? "", projectId: project.toLowerCase() };
}

function selectsIn({ request }: Call): string[] {
  return [...request.query.getAll("selects"), ...request.query.getAll("selects[]")].flatMap((text) =>
    text.split(","),
  );
}

function idIn({ params }: Call, name: string): string {
  const id = params[name]?.toLowerCase();
  if (!isRunId(id)) throw badField(["path", name], "must be a UUID");
  return id;
}
