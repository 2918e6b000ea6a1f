import type { FeedbackService } from "../../../loop/index.js";
import {
  type ApiHost,
  type ApiReply,
  checkRecord,
  CounterfoilError,
  encodeRuns,
  errorMessage,
  FEEDBACK,
  IMPORT_HEADER,
  type RawRun,
  type RunRecord,
} from "../../../schema/index.js";
import type { Call, Handler } from "../call.js";
import type { ProjectNames } from "../projects/project-names.js";
import { badField, json } from "../replies.js";
import type { RunStates } from "./run-states.js";
import { rawBody } from "../body.js";
import { multipartWrites } from "./multipart-writes.js";
import { batchWrites, type RunWrite, singleWrite } from "./run-writes.js";

/** What storing runs needs. */
export interface RunStoreParts {
  readonly host: ApiHost;
  readonly states: RunStates;
  readonly names: ProjectNames;
}

/** Makes writes of runs durable (I1); `imported` says that they come out of LangSmith. Throws 422. */
export type StoreRuns = (writes: readonly RunWrite[], imported?: boolean) => Promise<void>;

/** What taking runs needs. */
export interface RunIngestParts {
  readonly store: StoreRuns;
  readonly feedback: FeedbackService;
}

/** The one way by which runs get into the journal. */
export function createRunStore({ host, states, names }: RunStoreParts): StoreRuns {
  return async (writes, imported = false) => {
    const merged = await states.merge(await withProjects(writes, names));
    const runs = imported ? merged.map((run) => ({ ...run, imported })) : merged;
    if (runs.length > 0) await host.append(entryOf(runs));
  };
}

/** Routes that take runs. Each answers 202 once the runs are durable (I1). */
export function runIngestHandlers(parts: RunIngestParts): Readonly<Record<string, Handler>> {
  const { store, feedback } = parts;
  const accept = async ({ request }: Call, writes: readonly RunWrite[]): Promise<ApiReply> => {
    await store(writes, request.header(IMPORT_HEADER) !== undefined);
    return json(202, { message: "Runs accepted" });
  };
  const single = (kind: RunWrite["kind"], call: Call, id?: string): Promise<ApiReply> => {
    const { body } = call.request;
    return accept(call, [singleWrite(kind, rawBody(body), body.length, id)]);
  };
  return {
    createRun: (call) => single("post", call),
    updateRun: (call) => single("patch", call, call.params["run_id"]),
    batchRuns: (call) => accept(call, batchWrites(rawBody(call.request.body), call.request.body.length)),
    multipartRuns: async (call) => {
      const { request } = call;
      const { writes, feedback: drafts } = multipartWrites(request.body, request.header("content-type"));
      // Before anything is stored: a request is taken whole or not at all.
      for (const draft of drafts) checkRecord(FEEDBACK, draft);
      const reply = await accept(call, writes);
      if (drafts.length > 0) await createEach(feedback, drafts);
      return reply;
    },
  };
}

/**
 * Clients put feedback of several callers, and runs, into one request. One that the config of its key does not allow
 * must not take the others with it: they are stored, and the answer says what was not.
 */
async function createEach(feedback: FeedbackService, drafts: readonly RunRecord[]): Promise<void> {
  try {
    await feedback.create(drafts);
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.code !== "CF_RECORD_INVALID") throw error;
    if (drafts.length === 1) throw badField(["body"], `${error.message} Runs of the request were stored.`);
    const settled = await Promise.allSettled(drafts.map((draft) => feedback.create([draft])));
    const failed = settled.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    const other = failed.find((each) => !(each instanceof CounterfoilError) || each.code !== error.code);
    if (other !== undefined) throw other;
    throw badField(["body"], `${failed.map(errorMessage).join(" ")} Everything else was stored.`);
  }
}

/** Runs may name their project by its id alone; the mirror has names. Throws 422 for an id that is none. */
async function withProjects(writes: readonly RunWrite[], names: ProjectNames): Promise<readonly RunWrite[]> {
  const byId = ({ kind, fields }: RunWrite): string | undefined => {
    if (kind !== "post" || fields.isString(fields.find("session_name"))) return undefined;
    return fields.text("session_id")?.toLowerCase();
  };
  const ids = writes.flatMap((write) => byId(write) ?? []);
  if (ids.length === 0) return writes;
  const known = await names.resolve(ids);
  return writes.map((write) => {
    const id = byId(write);
    if (id === undefined) return write;
    const name = known.get(id);
    if (name === undefined) throw badField(["body", "session_id"], `names no project: ${id}`);
    return { ...write, fields: write.fields.with("session_name", name) };
  });
}

/** One journal record: an OTLP request whose spans are the runs. */
function entryOf(runs: readonly RawRun[]) {
  return {
    signal: "traces",
    payload: encodeRuns(runs),
    itemCount: runs.length,
    receiver: "langsmith",
  } as const;
}
