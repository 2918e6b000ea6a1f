import { Bindings, QUEUE_FIELDS } from "../../../loop/index.js";
import {
  isRunId,
  type JsonObject,
  QUEUE_ADD_MAX,
  type RunJson,
  type RunRecord,
} from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { pageOf } from "../paging.js";
import { badField, json, notFound, RefusedCall } from "../replies.js";
import { ADDED_BY, idIn, idInPath, idsIn, type QueueParts } from "./queue-parts.js";
import { queueDetails, queueView } from "./queue-views.js";

const FIELDS = [...QUEUE_FIELDS, "rubric_items"] as const;

/** Routes of annotation queues themselves. */
export function queueHandlers(parts: QueueParts): Readonly<Record<string, Handler>> {
  const { queues } = parts;
  return {
    listQueues: async ({ request: { query } }) => {
      const ids = query.getAll("ids").map((id) => idIn(id, ["query", "ids"]));
      const name = query.get("name");
      const part = query.get("name_contains")?.toLowerCase();
      const dataset = query.get("dataset_id")?.toLowerCase();
      const pairwise = query.get("queue_type") === "pairwise";
      const found = (await queues.list(ids.length === 0 ? undefined : ids)).filter(
        (queue) =>
          !pairwise &&
          (name === null || queue.name === name) &&
          (part === undefined || queue.name.toLowerCase().includes(part)) &&
          (dataset === undefined || queue.data["default_dataset"] === dataset),
      );
      return {
        ...json(200, pageOf(query, found).map(queueView)),
        headers: { "x-pagination-total": String(found.length) },
      };
    },
    createQueue: async ({ request }) => {
      const body = objectBody(request.body);
      const sessions = idsIn(body["session_ids"], ["body", "session_ids"]) ?? [];
      const id = body["id"] ?? undefined;
      if (id !== undefined && !isRunId(id)) throw badField(["body", "id"], "must be a UUID");
      const data = withoutNulls(queueFields(body));
      const made = await queues.create(data, id?.toLowerCase());
      if (sessions.length === 0) return json(200, await queueDetails(parts, made));
      await populate(parts, made.id, sessions);
      return json(200, await queueDetails(parts, await queues.get(made.id)));
    },
    readQueue: async (call) =>
      json(200, await queueDetails(parts, await queues.get(idInPath(call, "queue_id")))),
    updateQueue: async (call) => {
      const { created_at: _created, ...change } = queueFields(objectBody(call.request.body));
      return json(200, await queueDetails(parts, await queues.update(idInPath(call, "queue_id"), change)));
    },
    deleteQueue: async (call) => {
      await queues.remove(idInPath(call, "queue_id"));
      return json(200, { message: "Annotation queue deleted" });
    },
    populateQueue: async ({ request }) => {
      const body = objectBody(request.body);
      const id = idIn(body["queue_id"], ["body", "queue_id"]);
      const sessions = idsIn(body["session_ids"], ["body", "session_ids"]);
      if (sessions === undefined || sessions.length === 0)
        throw badField(["body", "session_ids"], "must be a list of ids of experiments");
      await populate(parts, id, sessions);
      return json(200, { message: "Annotation queue populated" });
    },
    queuesOfRun: async (call) =>
      json(200, (await queues.queuesOfRun(idInPath(call, "run_id"))).map(queueView)),
  };
}

/** What LangSmith's fields mean here; a null takes one away. */
function queueFields(body: RunRecord): JsonObject {
  const given = FIELDS.flatMap((field) => (body[field] === undefined ? [] : [[field, body[field]] as const]));
  const fields: Record<string, RunJson> = Object.fromEntries(given);
  const { assigned_reviewers: assigned } = body;
  if (Array.isArray(assigned)) fields["assigned_reviewers"] = assigned.map(reviewerOf);
  if (Array.isArray(fields["rubric_items"])) fields["rubric_items"] = fields["rubric_items"].map(rubricItem);
  const dataset = fields["default_dataset"] ?? undefined;
  if (dataset !== undefined) fields["default_dataset"] = idIn(dataset, ["body", "default_dataset"]);
  return fields;
}

/** As a list gives them, or their ids alone. */
function reviewerOf(value: RunJson, at: number): RunRecord {
  const id = typeof value === "object" && value !== null && !Array.isArray(value) ? value["id"] : value;
  if (typeof id === "string" && id !== "") return { user_id: id };
  throw badField(["body", "assigned_reviewers", at], "must be an id, or an object with one");
}

/** An item of another queue's rubric comes with its feedback config, which belongs to the key. */
function rubricItem(value: RunJson, at: number): RunRecord {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw badField(["body", "rubric_items", at], "must be an object");
  const { feedback_config: _config, feedback_config_id: _id, ...item } = value;
  return Object.fromEntries(Object.entries(item).filter(([, each]) => each !== null));
}

function withoutNulls(data: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null));
}

/** Adds the root runs of experiments. */
async function populate(
  { queues, sources }: QueueParts,
  id: string,
  sessions: readonly string[],
): Promise<void> {
  await queues.get(id);
  const known = await sources.projects.resolve(sessions);
  const missing = sessions.find((session) => !known.has(session));
  if (missing !== undefined) throw notFound(`Session ${missing}`);
  const bindings = new Bindings();
  const names = (await sources.projects.namesOf(sessions)).map((name) => bindings.bind(name)).join(", ");
  const rows = await sources.reads.rows(
    `SELECT s.trace_id, s.span_id FROM spans AS s WHERE s.project IN (${names}) AND s.parent_span_id IS NULL
AND ${sources.projects.shownSql("s", bindings)} ORDER BY s.start_time, s.span_id LIMIT ${QUEUE_ADD_MAX + 1}`,
    bindings.params,
  );
  if (rows.length > QUEUE_ADD_MAX)
    throw new RefusedCall(422, `These experiments have more than ${QUEUE_ADD_MAX} runs; add them in parts.`);
  const runs = rows.map((row) => ({
    traceId: textAt(row, "trace_id") ?? "",
    spanId: textAt(row, "span_id") ?? "",
  }));
  await queues.add(id, runs, ADDED_BY);
}
