import { randomUUID } from "node:crypto";
import { ANNOTATION_QUEUES, nameUuid, QUEUE_ITEMS, QUEUE_ITEMS_MAX } from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { newItemData } from "../queues/item-data.js";
import { queueItemIdOf } from "../queues/queue-ids.js";
import { textIn } from "../records/text-in.js";
import type { ActionOutcome, MatchedRun, Rule, RuleAction } from "./rule-types.js";

/** Namespace of the ids of queues that rules make because there is none of that name (I6). */
const QUEUES = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e15";
const SOURCE = "rule";

/** The annotation queues that actions name, and what is in them. A change that adds items notes them here. */
export interface KnownQueues {
  /** Ids by name: of those that are there, and that the others will have. */
  readonly byName: ReadonlyMap<string, string>;
  /** Names of those that are to be made. */
  readonly absent: Set<string>;
  /** Items of those that are there, by the queue's id. */
  readonly sizes: Map<string, number>;
  /** Ids of items that were ever there: one that someone took out does not come back. */
  readonly items: Set<string>;
}

/** Reads what {@link addToQueue} needs to know for these actions and runs. */
export async function readQueues(
  rows: Rows,
  actions: readonly RuleAction[],
  runs: readonly MatchedRun[],
): Promise<KnownQueues> {
  const ours = actions.filter(({ type }) => type === "add_to_annotation_queue");
  if (ours.length === 0) return { byName: new Map(), absent: new Set(), sizes: new Map(), items: new Set() };
  const names = ours.flatMap(({ queue }) => (typeof queue === "string" ? [queue] : []));
  const given = ours.flatMap(({ queue_id: id }) => (typeof id === "string" ? [id.toLowerCase()] : []));
  const bindings = new Bindings();
  const anyOf = (values: readonly string[]): string =>
    values.length === 0 ? "NULL" : values.map((value) => bindings.bind(value)).join(", ");
  const made = names.map((name) => nameUuid(QUEUES, name));
  const found = await rows(
    `SELECT q.id, q.name, count(i.id)::INTEGER AS items FROM annotation_queues AS q LEFT JOIN queue_items AS i ON i.queue_id = q.id
WHERE q.name IN (${anyOf(names)}) OR q.id IN (${anyOf([...given, ...made])}) GROUP BY q.id, q.name`,
    bindings.params,
  );
  const sizes = new Map(found.map((row) => [textIn(row, "id"), Number(row["items"])]));
  const there = new Map(found.map((row) => [textIn(row, "name"), textIn(row, "id")]));
  const absent = new Set(names.filter((name) => !there.has(name)));
  const byName = new Map(
    names.map((name) => {
      const id = nameUuid(QUEUES, name);
      // One that a rule made and someone renamed since is theirs, and the name is free again.
      return [name, there.get(name) ?? (sizes.has(id) ? randomUUID() : id)];
    }),
  );
  const ids = ours.flatMap((action) => runs.map((run) => queueItemIdOf(targetOf(action, byName), run)));
  return { byName, absent, sizes, items: await everThere(rows, ids) };
}

async function everThere(rows: Rows, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const found = await rows(
    `SELECT DISTINCT id FROM queue_items_history WHERE id IN (${ids.map((_, at) => `$${at + 1}`).join(", ")})`,
    ids,
  );
  return new Set(found.map((row) => textIn(row, "id")));
}

/** Adds a run to the annotation queue of an action, which is made when its name is not there. */
export function addToQueue(
  known: KnownQueues,
  {
    rule,
    run,
    action,
    time,
  }: { readonly rule: Rule; readonly run: MatchedRun; readonly action: RuleAction; readonly time: string },
): { readonly records: readonly RecordDraft[]; readonly outcome: Omit<ActionOutcome, "action"> } {
  const queueId = targetOf(action, known.byName);
  const { queue: name } = action;
  const isNew = typeof name === "string" && known.absent.has(name);
  const size = known.sizes.get(queueId) ?? 0;
  if (!isNew && !known.sizes.has(queueId))
    return { records: [], outcome: { outcome: "error", reason: `there is no annotation queue ${queueId}` } };
  const id = queueItemIdOf(queueId, run);
  const outcome = { outcome: "success", target_id: queueId, made_id: id } as const;
  if (known.items.has(id)) return { records: [], outcome };
  if (size >= QUEUE_ITEMS_MAX)
    return {
      records: [],
      outcome: { outcome: "error", reason: `the annotation queue has ${size} items and takes no more` },
    };
  const records: RecordDraft[] = [];
  if (isNew) {
    known.absent.delete(name);
    const data = { name, description: `Made by the rule ${rule.name}.`, created_at: time };
    records.push({ type: ANNOTATION_QUEUES.type, id: queueId, op: "put", data, time, source: SOURCE });
  }
  known.sizes.set(queueId, size + 1);
  known.items.add(id);
  const addedBy = {
    type: SOURCE,
    rule_id: rule.id,
    rule_name: rule.name,
    ...(run.thread === undefined ? {} : { thread_id: run.thread.id }),
  };
  const data = newItemData(queueId, run, { time, addedBy });
  records.push({ type: QUEUE_ITEMS.type, id, op: "put", data, time, source: SOURCE });
  return { records, outcome };
}

/** Id of the queue of an action: as given, of the name, or the one that it will have. */
function targetOf(action: RuleAction, byName: ReadonlyMap<string, string>): string {
  const { queue, queue_id: id } = action;
  if (typeof id === "string") return id.toLowerCase();
  return (typeof queue === "string" ? byName.get(queue) : undefined) ?? "";
}
