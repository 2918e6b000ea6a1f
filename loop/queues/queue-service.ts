import { randomUUID } from "node:crypto";
import {
  ANNOTATION_QUEUES,
  CounterfoilError,
  type JsonObject,
  QUEUE_ITEMS,
  QUEUE_ITEMS_MAX,
  RECORD_CHANGES_MAX,
} from "../../schema/index.js";
import type { ReaderRow, RecordDraft, RecordWriter } from "../../store/index.js";
import type { FeedbackDraft, FeedbackService } from "../feedback/feedback-service.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { InTurn } from "../records/in-turn.js";
import { textIn } from "../records/text-in.js";
import { findRuns } from "./find-runs.js";
import { newItemData } from "./item-data.js";
import { changedItem, type ItemChange } from "./item-changes.js";
import {
  ARCHIVED_SQL,
  itemCountsSql,
  itemOfRow,
  itemPageSql,
  itemPlaceSql,
  type WrittenItem,
  writtenItemSql,
} from "./item-sql.js";
import { queueItemIdOf } from "./queue-ids.js";
import type {
  AnnotationQueue,
  QueueItem,
  QueueItemFilter,
  QueueSection,
  RunReference,
} from "./queue-types.js";
import { missingAnswers, reviewFeedback } from "./review-feedback.js";

/** What {@link QueueService} works with. */
export interface QueuePorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  /** The same over the mirror as it is, without waiting for what was written. */
  readonly peek: Rows;
  /** What reviewers say goes here. */
  readonly feedback: FeedbackService;
  /** Shared with everything else that changes items of queues: rules do. */
  readonly turns: InTurn;
  readonly now?: () => Date;
}

/** How many items are in each section. */
export type QueueCounts = Readonly<Record<QueueSection, number>>;

/** What a reviewer is given. */
export interface NextItem {
  readonly item: QueueItem | undefined;
  readonly counts: QueueCounts;
}

/** A review of an item. */
export interface Review {
  readonly reviewer: string;
  /** Made one after another, and written as one. */
  readonly changes: readonly ItemChange[];
  /** Fields of feedback, each with a key; the ids of the run and the source are set by the service. */
  readonly feedback?: readonly FeedbackDraft[];
  /** Whether a completed review must answer what the rubric requires. */
  readonly checkRubric?: boolean;
}

/**
 * Annotation queues and their items as records (I5). Throws CF_NOT_FOUND for what is not there, CF_CONFLICT for a name
 * that is taken and an item that others have, and CF_RECORD_INVALID.
 */
export class QueueService {
  readonly #ports: QueuePorts;
  readonly #now: () => Date;

  constructor(ports: QueuePorts) {
    this.#ports = ports;
    this.#now = ports.now ?? (() => new Date());
  }

  /** All of them by name, or those with these ids. */
  async list(ids?: readonly string[]): Promise<AnnotationQueue[]> {
    if (ids?.length === 0) return [];
    const params = ids === undefined ? [] : [...ids];
    const where =
      ids === undefined ? "" : `WHERE q.id IN (${params.map((_, at) => `$${at + 1}`).join(", ")})`;
    const rows = await this.#ports.rows(
      `SELECT q.id, q.name, q.data, strftime(q.time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS modified_at,
  count(i.id)::INTEGER AS items, count(i.id) FILTER (WHERE ${ARCHIVED_SQL})::INTEGER AS archived
FROM annotation_queues AS q LEFT JOIN queue_items AS i ON i.queue_id = q.id ${where}
GROUP BY q.id, q.name, q.data, q.time ORDER BY q.name, q.id`,
      params,
    );
    return rows.map(queueOf);
  }

  /** By id or name. */
  async get(idOrName: string): Promise<AnnotationQueue> {
    const { id } = await this.#queue(idOrName);
    const [found] = await this.list([id]);
    if (found === undefined) throw notFound(idOrName);
    return found;
  }

  /** The same without counting its items. */
  async #queue(idOrName: string): Promise<Queue> {
    const rows = await this.#ports.rows(
      "SELECT id, name, data FROM annotation_queues WHERE id = $1 OR name = $2 ORDER BY id = $1 DESC LIMIT 1",
      [idOrName.toLowerCase(), idOrName],
    );
    const [row] = rows;
    if (row === undefined) throw notFound(idOrName);
    return { id: textIn(row, "id"), name: textIn(row, "name"), data: dataIn(row) };
  }

  create(data: JsonObject, id: string = randomUUID()): Promise<AnnotationQueue> {
    return this.#ports.turns.run(async () => {
      const rows = await this.#ports.rows("SELECT 1 FROM annotation_queues WHERE id = $1", [id]);
      if (rows.length > 0) throw taken(`id ${id}`);
      const made = await this.#put(id, { created_at: this.#now().toISOString(), ...data });
      return { ...made, items: 0, archived: 0 };
    });
  }

  /** Changes the given fields; null takes one away. */
  update(idOrName: string, change: JsonObject): Promise<AnnotationQueue> {
    return this.#ports.turns.run(async () => {
      const { id, data } = await this.#queue(idOrName);
      const merged = Object.entries({ ...data, ...change }).filter(([, value]) => value !== null);
      await this.#put(id, Object.fromEntries(merged));
      return this.get(id);
    });
  }

  /** Its items go with it; what reviewers said stays. */
  remove(idOrName: string): Promise<Pick<AnnotationQueue, "id" | "name">> {
    return this.#ports.turns.run(async () => {
      const queue = await this.#queue(idOrName);
      const items = await this.#ports.rows("SELECT id FROM queue_items WHERE queue_id = $1", [queue.id]);
      await this.#append([
        ...items.map((row) => removal(QUEUE_ITEMS.type, textIn(row, "id"))),
        removal(ANNOTATION_QUEUES.type, queue.id),
      ]);
      return queue;
    });
  }

  /** Adds runs at the end. One that is there already stays as it is. Gives their items, in the order of the runs. */
  add(idOrName: string, runs: readonly RunReference[], addedBy: JsonObject): Promise<QueueItem[]> {
    return this.#ports.turns.run(async () => {
      const queue = await this.get(idOrName);
      const found = await findRuns(this.#ports.rows, runs);
      const ids = found.map((run) => queueItemIdOf(queue.id, run));
      const there = new Set((await this.#items(queue, { ids })).map(({ id }) => id));
      const added = ids.filter((id) => !there.has(id)).length;
      if (queue.items + added > QUEUE_ITEMS_MAX) {
        const text = `The annotation queue ${queue.name} has ${queue.items} items, and may have ${QUEUE_ITEMS_MAX}: take out those that are done.`;
        throw new CounterfoilError("CF_USAGE", text);
      }
      const time = this.#now().toISOString();
      const records = found.flatMap((run, at): RecordDraft[] => {
        const id = ids[at] ?? "";
        if (there.has(id)) return [];
        there.add(id);
        const proposed = runs[at]?.sourceProposedExampleId;
        const data = {
          // What is added together stays in its order.
          ...newItemData(queue.id, run, { time: nanosLater(time, at), addedBy }),
          ...(proposed === undefined ? {} : { source_proposed_example_id: proposed }),
        };
        return [{ type: QUEUE_ITEMS.type, id, op: "put", data, time }];
      });
      await this.#append(records);
      const now = new Map((await this.#items(queue, { ids })).map((item) => [item.id, item]));
      return ids.flatMap((id) => now.get(id) ?? []);
    });
  }

  /** A page of items, in the order in which the reviewer gets them. */
  async items(idOrName: string, filter: QueueItemFilter = {}): Promise<QueueItem[]> {
    return this.#items(await this.#queue(idOrName), filter);
  }

  /** How many items are in each section for a reviewer. */
  async counts(idOrName: string, reviewer?: string): Promise<QueueCounts> {
    return (await this.#sections(await this.#queue(idOrName), reviewer)).counts;
  }

  /** How many items of its section stand before one, for a reviewer. */
  async place(idOrName: string, { id }: QueueItem, reviewer: string): Promise<number> {
    const queue = await this.#queue(idOrName);
    const { sql, params } = itemPlaceSql({ queue, filter: { reviewer }, now: this.#now() }, id);
    return Number((await this.#ports.rows(sql, params))[0]?.["position"] ?? 0);
  }

  /** By its id or its run's. */
  async item(idOrName: string, itemOrRunId: string, reviewer?: string): Promise<QueueItem> {
    return this.#item(await this.#queue(idOrName), itemOrRunId, reviewer);
  }

  /** Items by id alone, as LangSmith's clients name them. */
  async queueOfItem(itemId: string): Promise<Pick<AnnotationQueue, "id" | "name">> {
    const [row] = await this.#ports.rows("SELECT queue_id FROM queue_items WHERE id = $1", [itemId]);
    if (row === undefined) throw new CounterfoilError("CF_NOT_FOUND", `Queue item ${itemId} not found`);
    return this.#queue(textIn(row, "queue_id"));
  }

  /** Queues that have this run. */
  async queuesOfRun(runId: string): Promise<AnnotationQueue[]> {
    const rows = await this.#ports.rows("SELECT DISTINCT queue_id FROM queue_items WHERE run_id = $1", [
      runId,
    ]);
    return this.list(rows.map((row) => textIn(row, "queue_id")));
  }

  /** Takes items out, by their ids or their runs'; gives how many there were. */
  removeItems(idOrName: string, filter: Pick<QueueItemFilter, "ids">): Promise<number> {
    return this.#ports.turns.run(async () => {
      const items = await this.items(idOrName, filter);
      await this.#append(items.map(({ id }) => removal(QUEUE_ITEMS.type, id)));
      return items.length;
    });
  }

  /** Changes when items were added or reviewed, as LangSmith's clients may. */
  changeItem(
    idOrName: string,
    itemOrRunId: string,
    change: { readonly addedAt?: string; readonly lastReviewedTime?: string },
  ): Promise<QueueItem> {
    return this.#ports.turns.run(async () => {
      const queue = await this.#queue(idOrName);
      const { id, data } = await this.#item(queue, itemOrRunId);
      const { addedAt, lastReviewedTime } = change;
      const changed = {
        ...data,
        ...(addedAt === undefined ? {} : { added_at: addedAt }),
        ...(lastReviewedTime === undefined ? {} : { last_reviewed_time: lastReviewedTime }),
      };
      await this.#append([{ type: QUEUE_ITEMS.type, id, op: "put", data: changed }]);
      return this.#written(queue, { id, data: changed });
    });
  }

  /**
   * Gives a reviewer the next item to review, and reserves it when the queue has reservations; undefined when none is left. The
   * counts are those of the same moment.
   */
  next(idOrName: string, reviewer: string): Promise<NextItem> {
    return this.#ports.turns.run(async () => {
      const queue = await this.#queue(idOrName);
      const { counts, first } = await this.#sections(queue, reviewer);
      if (first === undefined) return { item: undefined, counts };
      const item = await this.#item(queue, first, reviewer);
      return { item: await this.#change(queue, item, { reviewer, changes: [{ kind: "view" }] }), counts };
    });
  }

  /**
   * What a reviewer does with an item, and what they say about it, as one change. Throws CF_CONFLICT when others have it,
   * CF_USAGE when the queue is assigned to others, and CF_RECORD_INVALID when an answer is missing that its rubric requires.
   */
  review(idOrName: string, itemOrRunId: string, review: Review): Promise<QueueItem> {
    return this.#ports.turns.run(async () => {
      const queue = await this.#queue(idOrName);
      return this.#change(queue, await this.#item(queue, itemOrRunId, review.reviewer), review);
    });
  }

  async #sections(
    queue: Queue,
    reviewer: string | undefined,
  ): Promise<{ readonly counts: QueueCounts; readonly first: string | undefined }> {
    const filter = reviewer === undefined ? {} : { reviewer };
    const { sql, params } = itemCountsSql({ queue, filter, now: this.#now() });
    const counts = { needs_my_review: 0, needs_others_review: 0, archived: 0 };
    let first: string | undefined;
    for (const row of await this.#ports.rows(sql, params)) {
      const section = textIn(row, "section") as QueueSection;
      counts[section] = Number(row["items"]);
      if (section === "needs_my_review") first = textIn(row, "first");
    }
    return { counts, first };
  }

  async #change(queue: Queue, item: QueueItem, review: Review): Promise<QueueItem> {
    const { reviewer, changes, feedback = [] } = review;
    const now = this.#now();
    const drafts = feedback.map((draft) => reviewFeedback({ queue, item, reviewer }, draft));
    if (review.checkRubric === true && changes.some(({ kind }) => kind === "complete")) {
      const missing = await missingAnswers(this.#ports.rows, { queue, item, reviewer }, drafts);
      if (missing.length > 0) {
        const text = `The rubric of ${queue.name} requires ${missing.join(", ")}; give feedback under each key, or skip the item.`;
        throw new CounterfoilError("CF_RECORD_INVALID", text);
      }
    }
    const data = changes.reduce(
      (before, change) => changedItem({ queue, item: { ...item, data: before }, reviewer, now }, change),
      item.data,
    );
    const records: RecordDraft[] =
      data === item.data ? [] : [{ type: QUEUE_ITEMS.type, id: item.id, op: "put", data }];
    if (drafts.length > 0) await this.#ports.feedback.create(drafts, records);
    else await this.#append(records);
    return records.length === 0 ? item : this.#written(queue, { id: item.id, data }, reviewer);
  }

  /** An item as it was just written, without waiting for the mirror to have it. */
  async #written(queue: Queue, item: WrittenItem, reviewer?: string): Promise<QueueItem> {
    const filter = reviewer === undefined ? {} : { reviewer };
    const { sql, params } = writtenItemSql({ queue, filter, now: this.#now() }, item);
    const [row] = await this.#ports.peek(sql, params);
    if (row === undefined) throw new Error("a row that was given came not back");
    return itemOfRow(row);
  }

  async #items(queue: Queue, filter: QueueItemFilter): Promise<QueueItem[]> {
    const { sql, params } = itemPageSql({ queue, filter, now: this.#now() });
    return (await this.#ports.rows(sql, params)).map(itemOfRow);
  }

  async #item(queue: Queue, itemOrRunId: string, reviewer?: string): Promise<QueueItem> {
    const ids = [itemOrRunId.toLowerCase()];
    const [item] = await this.#items(queue, { ids, ...(reviewer === undefined ? {} : { reviewer }) });
    if (item !== undefined) return item;
    throw new CounterfoilError(
      "CF_NOT_FOUND",
      `Item ${itemOrRunId} of annotation queue ${queue.name} not found`,
    );
  }

  async #put(id: string, given: JsonObject): Promise<Omit<AnnotationQueue, "items" | "archived">> {
    const name = textIn(given, "name");
    const others = await this.#ports.rows(
      "SELECT 1 FROM annotation_queues WHERE name = $1 AND id <> $2 LIMIT 1",
      [name, id],
    );
    if (others.length > 0) throw taken(`name ${name}`);
    const time = this.#now().toISOString();
    const data = { ...given, updated_at: time };
    await this.#append([{ type: ANNOTATION_QUEUES.type, id, op: "put", data, time }]);
    return { id, name, data, modifiedAt: time };
  }

  async #append(records: readonly RecordDraft[]): Promise<void> {
    for (let at = 0; at < records.length; at += RECORD_CHANGES_MAX)
      await this.#ports.writer.append(records.slice(at, at + RECORD_CHANGES_MAX));
  }
}

/** A time with milliseconds, fewer than a million nanoseconds later. */
function nanosLater(time: string, nanos: number): string {
  return `${time.slice(0, -1)}${String(nanos).padStart(6, "0")}Z`;
}

/** A queue without what is in it. */
type Queue = Pick<AnnotationQueue, "id" | "name" | "data">;

function notFound(queue: string): CounterfoilError {
  return new CounterfoilError("CF_NOT_FOUND", `Annotation queue ${queue} not found`);
}

function dataIn(row: ReaderRow): JsonObject {
  return JSON.parse(textIn(row, "data")) as JsonObject;
}

function queueOf(row: ReaderRow): AnnotationQueue {
  return {
    id: textIn(row, "id"),
    name: textIn(row, "name"),
    data: dataIn(row),
    modifiedAt: textIn(row, "modified_at"),
    items: Number(row["items"]),
    archived: Number(row["archived"]),
  };
}

function removal(type: string, id: string): RecordDraft {
  return { type, id, op: "delete", data: null };
}

function taken(what: string): CounterfoilError {
  return new CounterfoilError("CF_CONFLICT", `An annotation queue with the ${what} already exists.`);
}
