import { type ChangeRecord, isRunId, type JsonObject, QUEUE_ITEMS_MAX } from "../../../schema/index.js";
import { lookUpRuns } from "../../queues/find-runs.js";
import { newItemData } from "../../queues/item-data.js";
import { queueItemIdOf } from "../../queues/queue-ids.js";
import { QUEUE_FIELDS } from "../../queues/queue-types.js";
import { computedRun } from "./computed-run.js";
import {
  fieldsOf,
  FreeNames,
  type ImportRun,
  listed,
  objectsIn,
  storeRecords,
  textAt,
} from "./import-run.js";
import { objectIn } from "./run-shape.js";

/** Names in the report. */
export const QUEUES = "annotation queues";
export const ITEMS = "queue items";
const PATH = "/api/v1/annotation-queues";
/** Configs are records of their own. */
const NOT_OF_RUBRIC = new Set(["feedback_config", "feedback_config_id"]);

/** Imports annotation queues with their rubrics, and their items with who reviewed them. What reviewers said is feedback. */
export async function importQueues(run: ImportRun): Promise<void> {
  const queues: JsonObject[] = [];
  for await (const page of listed(run.source, PATH)) queues.push(...page);
  const names = await FreeNames.of(run, "annotation_queues");
  const changes: ChangeRecord[] = [];
  for (const { id } of queues) {
    if (!isRunId(id)) continue;
    // The rubric is not in the list.
    const queue = objectIn(await run.source.get(`${PATH}/${id}`)) ?? {};
    if (queue["queue_type"] === "pairwise") {
      run.tally.found(QUEUES);
      run.tally.skipped(QUEUES, id, "it compares runs in pairs; queues here are about single runs");
    } else changes.push(queueChange(run, id.toLowerCase(), queue, names));
  }
  await storeRecords(run, QUEUES, changes);
  // One that was refused, or deleted here, has no items.
  const rows = await run.door.rows("SELECT id FROM annotation_queues", []);
  const here = new Set(rows.map(({ id }) => id));
  const known = changes.filter(({ id }) => here.has(id));
  for (const [at, { id }] of known.entries()) {
    await run.tally.attempt(ITEMS, () => importItems(run, id));
    run.onProgress(ITEMS, at + 1, known.length);
  }
}

function queueChange(run: ImportRun, id: string, queue: JsonObject, names: FreeNames): ChangeRecord {
  const fields = QUEUE_FIELDS.flatMap((field) => {
    const value = queue[field];
    return value === undefined || value === null ? [] : [[field, value] as const];
  });
  const assigned = objectsIn(queue["assigned_reviewers"]).flatMap((each) => textAt(each, "id") ?? []);
  const rubric = objectsIn(queue["rubric_items"]).map((item) => fieldsOf(item, NOT_OF_RUBRIC));
  const data: JsonObject = {
    ...Object.fromEntries(fields),
    name: names.take(textAt(queue, "name") ?? id, id),
    ...(rubric.length === 0 ? {} : { rubric_items: rubric }),
    ...(assigned.length === 0 ? {} : { assigned_reviewers: assigned.map((userId) => ({ user_id: userId })) }),
  };
  const time = textAt(queue, "updated_at") ?? textAt(queue, "created_at") ?? run.now().toISOString();
  return { type: "annotation_queue", id, op: "put", time, source: "import", data };
}

async function importItems(run: ImportRun, queueId: string): Promise<void> {
  const seen = new Set<unknown>();
  // Some servers list only what is still to be reviewed unless they are asked for the rest.
  for (const archived of ["false", "true"]) {
    for await (const page of listed(run.source, `${PATH}/${queueId}/runs`, { archived })) {
      const fresh = page.filter(({ id }) => isRunId(id) && !seen.has(id));
      const ids = fresh.map((item) => (textAt(item, "id") ?? "").toLowerCase());
      for (const { id } of fresh) seen.add(id);
      if (seen.size > QUEUE_ITEMS_MAX) {
        run.tally.found(ITEMS, ids.length);
        for (const id of ids)
          run.tally.skipped(ITEMS, id, `a queue has at most ${QUEUE_ITEMS_MAX} items here`);
        continue;
      }
      const references = ids.map((runId) => ({ runId }));
      const here = await lookUpRuns((sql, params) => run.door.rows(sql, params), references);
      const changes = fresh.map((item, at) => itemChange(queueId, item, here[at] ?? computedRun(item)));
      await storeRecords(run, ITEMS, changes);
    }
  }
}

function itemChange(
  queueId: string,
  item: JsonObject,
  found: Parameters<typeof newItemData>[1],
): ChangeRecord {
  const addedAt = textAt(item, "added_at") ?? textAt(item, "start_time") ?? new Date(0).toISOString();
  const reviewed = textAt(item, "last_reviewed_time");
  const reviewers = new Set(listOf(item["completed_by"]).flatMap((each) => reviewerOf(each) ?? []));
  const reviews = [...reviewers].map((userId) => ({
    user_id: userId,
    status: "completed",
    at: reviewed ?? addedAt,
  }));
  const proposed = textAt(item, "source_proposed_example_id");
  return {
    type: "queue_item",
    id: queueItemIdOf(queueId, found),
    op: "put",
    time: reviewed ?? addedAt,
    source: "import",
    data: {
      ...newItemData(queueId, found, { time: addedAt, addedBy: { type: "import" } }),
      ...(reviewed === undefined ? {} : { last_reviewed_time: reviewed }),
      ...(reviews.length === 0 ? {} : { reviews }),
      ...(proposed === undefined ? {} : { source_proposed_example_id: proposed }),
    },
  };
}

/** Reviewers come as ids, or as objects with one. */
function reviewerOf(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") return value;
  const object = objectIn(value);
  return textAt(object, "user_id") ?? textAt(object, "ls_user_id") ?? textAt(object, "id");
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
