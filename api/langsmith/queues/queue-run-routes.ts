import type { ItemChange, QueueSection, RunReference } from "../../../loop/index.js";
import { type ApiReply, QUEUE_ADD_MAX, type RunJson } from "../../../schema/index.js";
import { objectBody, parseBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageLimits } from "../paging.js";
import { badField, json, notFound, runsJson } from "../replies.js";
import {
  ADDED_BY,
  archivedWithin,
  idIn,
  idInPath,
  idsIn,
  LANGSMITH_REVIEWER,
  type QueueParts,
  timeIn,
} from "./queue-parts.js";
import { addedView, runsOfItems } from "./queue-views.js";

const reviewer = LANGSMITH_REVIEWER;

/** Routes of runs in annotation queues. */
export function queueRunHandlers(parts: QueueParts): Readonly<Record<string, Handler>> {
  const { queues } = parts;
  return {
    addQueueRuns: async (call) => {
      const runs = runsIn(parseBody(call.request.body));
      return json(200, (await queues.add(idInPath(call, "queue_id"), runs, ADDED_BY)).map(addedView));
    },
    listQueueRuns: async (call) => {
      const { query } = call.request;
      const sections = sectionsOf(query);
      const items = await queues.items(idInPath(call, "queue_id"), {
        reviewer,
        ...(sections === undefined ? {} : { sections }),
        ...pageLimits(query),
      });
      return runsJson(200, await runsOfItems(parts, items));
    },
    readQueueRun: async (call) => {
      const id = idInPath(call, "queue_id");
      const index = call.params["index"] ?? "";
      if (!/^\d{1,15}$/.test(index)) throw badField(["path", "index"], "must be a whole number");
      const sections = ["needs_my_review"] as const;
      const page = { reviewer, sections, limit: 1, offset: Number(index) };
      const [run] = await runsOfItems(parts, await queues.items(id, page));
      if (run === undefined) throw notFound(`Run at index ${index} of annotation queue ${id}`);
      return runsJson(200, run);
    },
    updateQueueRun: async (call) => {
      const body = objectBody(call.request.body);
      const addedAt = timeIn(body["added_at"], ["body", "added_at"]);
      const reviewed = timeIn(body["last_reviewed_time"], ["body", "last_reviewed_time"]);
      const item = await queues.changeItem(idInPath(call, "queue_id"), idInPath(call, "queue_run_id"), {
        ...(addedAt === undefined ? {} : { addedAt }),
        ...(reviewed === undefined ? {} : { lastReviewedTime: reviewed }),
      });
      return json(200, addedView(item));
    },
    deleteQueueRun: async (call) => {
      const item = await queues.item(idInPath(call, "queue_id"), idInPath(call, "queue_run_id"));
      await queues.removeItems(idInPath(call, "queue_id"), { ids: [item.id] });
      return json(200, { message: "Run deleted from annotation queue" });
    },
    deleteQueueRuns: async (call) => {
      const id = idInPath(call, "queue_id");
      const body = objectBody(call.request.body);
      const excluded = new Set(idsIn(body["exclude_run_ids"], ["body", "exclude_run_ids"]) ?? []);
      const given = idsIn(body["run_ids"], ["body", "run_ids"]);
      if (body["delete_all"] !== true && given === undefined)
        throw badField(["body", "run_ids"], "or delete_all is required");
      const chosen = await queues.items(id, body["delete_all"] === true ? {} : { ids: given ?? [] });
      const ids = chosen.filter(
        (item) => !excluded.has(item.id) && !excluded.has(item.data["run_id"] as string),
      );
      await queues.removeItems(id, { ids: ids.map((item) => item.id) });
      return json(200, { message: `${ids.length} runs deleted from annotation queue` });
    },
    ...sizeHandlers(parts),
    queueRunStatus: (call) => changeStatus(parts, call),
  };
}

function sizeHandlers({ queues }: QueueParts): Readonly<Record<string, Handler>> {
  const size = async (call: Call, sections: readonly QueueSection[]) => {
    const counts = await queues.counts(idInPath(call, "queue_id"), reviewer);
    return json(200, { size: sections.reduce((sum, section) => sum + counts[section], 0) });
  };
  return {
    queueSize: (call) => size(call, sectionsOf(call.request.query) ?? ["needs_my_review"]),
    queueTotalSize: (call) => size(call, ["needs_my_review", "needs_others_review", "archived"]),
    queueTotalArchived: async (call) => {
      const { query } = call.request;
      if (!query.has("start_time") && !query.has("end_time")) return size(call, ["archived"]);
      const items = await queues.items(idInPath(call, "queue_id"), { reviewer, sections: ["archived"] });
      return json(200, { size: items.filter((item) => archivedWithin(item, query)).length });
    },
  };
}

async function changeStatus({ queues }: QueueParts, call: Call): Promise<ApiReply> {
  const body = objectBody(call.request.body);
  const id = idInPath(call, "queue_run_id");
  const changes = changesOf(body);
  const queue = await queues.queueOfItem(id);
  const item = await queues.review(queue.id, id, { reviewer, changes });
  return json(200, {
    queue_item_id: id,
    annotation_queue_run_id: id,
    status: body["status"] ?? null,
    override_added_at: body["override_added_at"] ?? null,
    is_archived: item.section === "archived",
  });
}

/** Run ids, or objects with them. */
function runsIn(body: RunJson): RunReference[] {
  if (!Array.isArray(body)) throw badField(["body"], "must be a list of runs");
  checkAddCount(body, ["body"]);
  return body.map((each, at) => {
    if (typeof each !== "object" || each === null || Array.isArray(each))
      return { runId: idIn(each, ["body", at]) };
    return runKeyIn(each, ["body", at]);
  });
}

/** Throws 422 for more runs than one call may add. */
export function checkAddCount(runs: readonly unknown[], where: readonly string[]): void {
  if (runs.length > QUEUE_ADD_MAX) throw badField(where, `must have at most ${QUEUE_ADD_MAX} runs`);
}

/** A run named by an object with its `run_id`. */
export function runKeyIn(
  key: Readonly<Record<string, RunJson>>,
  where: readonly (string | number)[],
): RunReference {
  const proposed = key["source_proposed_example_id"] ?? undefined;
  return {
    runId: idIn(key["run_id"], [...where, "run_id"]),
    ...(proposed === undefined
      ? {}
      : { sourceProposedExampleId: idIn(proposed, [...where, "source_proposed_example_id"]) }),
  };
}

function changesOf(body: Readonly<Record<string, RunJson>>): ItemChange[] {
  const place = timeIn(body["override_added_at"], ["body", "override_added_at"]);
  const status = body["status"] ?? null;
  const kind =
    status === null
      ? "reopen"
      : status === "viewed"
        ? "view"
        : status === "completed"
          ? "complete"
          : undefined;
  if (kind === undefined) throw badField(["body", "status"], "must be viewed, completed or null");
  return [{ kind }, ...(place === undefined ? [] : [{ kind: "place", addedAt: place } as const])];
}

/** Sections of a query's `status` or `archived`; undefined for all. */
function sectionsOf(query: URLSearchParams): readonly QueueSection[] | undefined {
  const status = query.get("status");
  if (query.get("archived") === "true" || status === "completed" || status === "archived")
    return ["archived"];
  if (status === "needs_my_review" || status === "needs_others_review") return [status];
  if (status !== null)
    throw badField(["query", "status"], "must be needs_my_review, needs_others_review or completed");
  return query.get("archived") === "false" ? ["needs_my_review", "needs_others_review"] : undefined;
}
